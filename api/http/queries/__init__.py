"""The questions that can be asked over HTTP, one module a subject."""
