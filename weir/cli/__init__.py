"""The command line: one file a verb, all of them named in the table of `weir.cli.main`."""
