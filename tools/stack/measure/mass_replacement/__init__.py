"""A mass replacement in virtual time: runs of the state machine, hour after hour, without waiting for any of them."""
