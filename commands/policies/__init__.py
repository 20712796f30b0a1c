"""What one aggregate's events lead to in another (docs/adr/0075-policies-ask-and-deciders-decide.md)."""
