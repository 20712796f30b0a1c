"""Who may do what: `table` says it of every route, `gate` holds requests against it, `own` keeps requesters apart."""
