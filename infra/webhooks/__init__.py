"""Webhooks: events of the log sent to those who asked for them, signed by the Standard Webhooks specification."""
