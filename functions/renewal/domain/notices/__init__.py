"""What RAOs are notified of: when a notice is due, and the record of what was sent."""
