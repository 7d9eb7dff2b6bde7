"""The audit trail of a delegation as operators read and verify it."""
