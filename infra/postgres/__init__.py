"""PostgreSQL as the desk uses it: the embedded server, a bounded pool of connections, the schema's migrations."""
