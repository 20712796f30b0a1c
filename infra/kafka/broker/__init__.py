"""A Kafka broker of one's own, for a desk on one machine and for tests: real, of one node, from wheels and jars."""
