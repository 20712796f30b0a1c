"""The write side: commands in, events in the log out."""
