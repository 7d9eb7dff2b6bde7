"""The crash campaign: every external effect of a run is a place where it is killed, spoilt or overtaken.

Modules, from the ground up. `virtual_time`: a clock that only the harness moves. `wire`: every call of a function
to the world crosses here, is numbered, and may be struck; `aws_wire`, `scm_wire` and `invocations` lead there.
`strikes`: the modes, from "killed before" to "connection gone stale". `environments`: the shipped wiring and handlers
in throw-away Lambda environments. `stage`: the shipped template and state machine with SCM's simulator, and a way to
start afresh. `scenarios`: the estates. `evidence`: what is really there afterwards, read without our adapters.
`invariants`: what must be true of it, one sentence and one function each. `cases` and `runner`: boundaries by modes by
scenarios, each in a process of its own. `history` and `histories`: random histories, with the same invariants. `fuzz`:
spoilt answers. `sabotage`: the product without one of its protections, which the campaign must see. `table`: what
people read.
"""
