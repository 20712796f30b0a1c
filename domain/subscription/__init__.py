"""A customer's support subscription: hours granted and bought, work rated against them (SUPPORT_POLICY B)."""
