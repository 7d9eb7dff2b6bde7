"""The crash campaign: at every external call of a run, the run is killed, refused, delayed or made concurrent.

`interception` numbers every call and injects faults into it; `fault_injection` has the modes. `environments` plays the
shipped handlers and wiring in throw-away Lambda environments; `harness` the shipped template and state machine with
SCM's simulator, in virtual time. `scenarios` are the estates. `evidence` is read from the services without our
adapters; `audit` judges it by the world alone, and `invariants` compares the order book with the world. `cases` and
`runner` play boundaries by modes by scenarios, each in a process of its own; `worlds` plays other surroundings,
`schedules` two runs that alternate, `histories` random histories of some days and of three years, `fuzz` corrupted
answers; `hostile` hostile input, without a run. `mutants` are the product without one of its protections, which the
campaign must detect. `table` prints the result.
"""
