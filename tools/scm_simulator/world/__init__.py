"""The configuration of a simulator: the world before the first call, and the dials."""
