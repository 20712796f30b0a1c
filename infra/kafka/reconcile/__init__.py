"""Is what Kafka has what the log has? Compared event by event, without keeping either."""
