"""The steps of the state machine, one module each; every step is safe to run twice."""
