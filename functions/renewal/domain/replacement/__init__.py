"""Replacing many certificates because of an incident: the rule, and how far the work for it has come."""
