"""certmandate's own code, as it runs in Lambda.

    domain/     what is decided: pure functions and frozen records, no AWS, no HTTP, no clock
    ports.py    what the steps need from the world, as Protocols
    steps/      one module a step of the state machine: check_expiry, inspect_delegation, enroll, collect, report
    adapters/   the ports, over SCM (httpx) and AWS (boto3)
    settings.py one field per environment variable of template.yaml
    wiring.py   builds the adapters, once per execution environment

Imports point inwards: domain ← ports ← steps ← adapters ← wiring ← handlers (`make check` holds it).
"""
