"""The relay: every event of the log to Kafka, once in effect and in order."""
