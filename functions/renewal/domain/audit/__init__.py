"""The audit trail: what makes a change of it visible."""
