"""Lists that are sent while they are read: their forms, and what becomes of them when something breaks."""
