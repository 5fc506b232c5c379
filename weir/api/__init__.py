"""The HTTP interface: thin handlers, one file a noun; all routes stand in `weir.api.routes`."""
