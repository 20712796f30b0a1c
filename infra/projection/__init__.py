"""Views kept in PostgreSQL: their tables, the loop that brings them forward, rebuilds, and waiting for a position."""
