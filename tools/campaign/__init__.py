"""The crash campaign: every external effect of a run is a place where it is killed, spoilt or overtaken.

    virtual_time.py  a clock that only the harness moves: waits of the state machine, days between runs
    wire.py          every call of a function to the world crosses here, is numbered, and may be struck
    strikes.py       the modes: killed before, killed after, answer lost, error answered, a rival run, …
    environments.py  the shipped wiring and handlers in throw-away Lambda environments
    stage.py         the shipped template and state machine, the CA's simulator, and a way to start afresh
    scenarios.py     the estates that are put through it
    evidence.py      what is really there afterwards, read without any code of the product's adapters
    invariants.py    what must be true of it, one sentence and one function each
    cases.py         boundaries × modes × scenarios
    model.py         random histories (hypothesis), with the same invariants
    sabotage.py      the product without one of its protections: the campaign must see it
"""
