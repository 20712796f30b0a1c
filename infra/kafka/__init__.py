"""Kafka: the log's facts as a stream for other systems and for views elsewhere, and commands that come by it."""
