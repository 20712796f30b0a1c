"""What one aggregate's events lead to in another: events in, commands out (docs/adr/0080-policies.md)."""
