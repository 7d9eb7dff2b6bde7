"""certmandate's own code, as it runs in Lambda.

    domain/     what is decided: pure functions and frozen records, no AWS, no HTTP, no clock
    ports.py    what the steps need from outside, as Protocols
    records.py  frozen records as JSON and as DynamoDB maps, and back
    steps/      one module for each Lambda function: the six steps of the state machine, rotate_password, seal_audit
    adapters/   the ports, over SCM (httpx) and AWS (botocore)
    settings.py one field per environment variable of template.yaml
    wiring.py   builds the adapters, once per execution environment

Imports point inwards: domain ← ports ← steps ← adapters ← wiring ← handlers (`make check` enforces it).
"""

import gc

gc.set_threshold(200_000)
"""More objects than a cold start makes, which are no garbage. Each handler imports this package first: to search what
Powertools imports took a twentieth of a cold start."""
