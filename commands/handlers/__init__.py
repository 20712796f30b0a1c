"""What each command does to which streams."""
