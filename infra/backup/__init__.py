"""A desk in a file, taken while the desk runs, and a desk again (docs/adr/0091-a-backup-is-one-snapshot.md)."""
