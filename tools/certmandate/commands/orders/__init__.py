"""Commands that order certificates, and that end orders and certificates."""
