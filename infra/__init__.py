"""What the desk stands on: the log and the views' database, and the loops that keep them going."""
