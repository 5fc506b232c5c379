"""Use cases, one file a verb: read rows, decide purely, write rows. No call leaves this package."""
