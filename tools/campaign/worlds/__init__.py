"""Surroundings that differ from those of the scenarios: `python -m campaign --worlds N`.

`variants` are the ways in which SCM may differ, `variant_cases` what is played in each; `stale` are reads of AWS that
are stale after a write; `lambda_life` is what Lambda does to functions: cold environments, forgotten connections,
throttled invocations. `explore` plays them all. A run without a fault is part of each, and must not report a failure
that its surroundings do not explain.
"""
