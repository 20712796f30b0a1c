"""Views brought forward from the events topic: a consumer group for each build, its partitions spread over workers."""
