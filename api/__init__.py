"""The outermost layer: HTTP and the command line, and where everything is put together."""
