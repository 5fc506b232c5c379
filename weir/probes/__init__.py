"""Where samples come from: one file a source. Units are converted here; unknown stays unknown."""
