"""A certificate that SCM delivers: its facts, the chain to a trusted root, and the checks before it is stored."""
