"""A run: what it is asked to do, what it did, and its report."""
