"""Commands that come by Kafka: read from one topic, carried out once, answered on another."""
