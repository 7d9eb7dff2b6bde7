"""The lint of the state machine: `python -m gate.asl template.yaml`.

state_machine   a definition as it is in its file: scopes, states, the strings in them
error_names     names in a Retry or Catch that nothing raises
integrations    resources other than those in use
missing_fields  fields that may be missing where they are read
paths           JSONPath expressions and intrinsic functions that are malformed
"""
