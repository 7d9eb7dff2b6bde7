"""Histories: what operators, the RAO, SCM and faults do to an estate of two delegations, over days or years."""
