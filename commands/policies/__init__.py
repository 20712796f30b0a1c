"""What one aggregate's events lead to in another: events in, commands out (docs/adr/0075-policies-ask-and-deciders-decide.md)."""
