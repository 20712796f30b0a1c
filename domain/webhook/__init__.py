"""Webhooks: who is told of events by the desk itself, where, and of which."""
