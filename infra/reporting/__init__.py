"""How reporting jobs get at what they read: the schema of their views, their role, snapshots, files and reports."""
