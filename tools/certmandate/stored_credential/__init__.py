"""A delegation's credential in Secrets Manager: its protection, and the rotation of its password."""
