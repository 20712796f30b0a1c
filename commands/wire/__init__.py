"""What a command looks like on the wire: its JSON text, its marshmallow schema, and how both are checked.

HTTP, Kafka and the command line read commands through here, so the same data is good or bad everywhere.
"""
