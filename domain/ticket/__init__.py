"""A support case from the request to its end: events, commands, state, refusals, decide, evolve."""
