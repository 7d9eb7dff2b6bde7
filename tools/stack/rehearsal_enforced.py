"""The second half of the rehearsal: both stacks by `make deploy` onto ministack with IAM enforced.

ministack cannot: run a definition in YAML, write a Map's results, fill in Scheduler's context attributes, evaluate
metric math or missing data in alarms, take a function into its subnets (so nobody sees the registered address), enforce
the roles of the state machine and of Scheduler, key policies by encryption context, or KMS behind DynamoDB and S3.
Those are asserted on the templates (tests/template, tests/stack).
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from local.run import parameters
from scm_simulator import Simulator
from scm_simulator.server import Server
from stack.rehearsal_deployed import Deployed, network_by_make, prepared, world
from stack.rehearsal_emulator import Emulator
from stack.rehearsal_permissions import UNNOTICED, superfluous
from stack.rehearsal_watching import fired, silent

SCHEDULE = "cron(45 4 * * ? *)"
"""Given to `make deploy` because it has spaces; the template's own is another."""


def rehearse_enforced(options: argparse.Namespace, packages: Path, say: Callable[[str], None]) -> None:
    """Do the whole of it. Raises RuntimeError.

    options: `build` and `ministack` of `stack.rehearsal`.
    packages: what the layer holds, for this machine.
    """
    with Server(Simulator(world())) as scm:
        if scm.ca_file is None:
            msg = "SCM is served without TLS"
            raise RuntimeError(msg)
        with Emulator(options.ministack, scm.ca_file) as aws:
            template = prepared(options.build, packages, aws.folder / "build")
            network = network_by_make(aws)
            say(f"make deploy-network: {network['RegisteredAddress']} is to be registered; another zone was refused")
            own = {name: network[name] for name in ("SubnetIds", "SecurityGroupIds")} | {"ScheduleExpression": SCHEDULE}
            deployed = Deployed.by_make_deploy(aws, template, parameters(scm.base_url) | own)
            say("make deploy: the plan was shown and carried out on an AWS that enforces IAM")
            deployed.plant()
            _alarms(deployed, say)
            _permissions(deployed, say)
            _schedule(deployed, say)


def _alarms(deployed: Deployed, say: Callable[[str], None]) -> None:
    count, unheard = silent(deployed)
    if unheard or not count:
        msg = f"nobody was told of {', '.join(unheard) or 'any alarm: there is none'}"
        raise RuntimeError(msg)
    say(f"{count} alarms went off, and the subscriber heard of each")


def _permissions(deployed: Deployed, say: Callable[[str], None]) -> None:
    if not deployed.run("with-all-rights", "c0"):
        log = deployed.aws.log.read_text(errors="replace")
        msg = f"a run with all rights did not store its certificate: {log[-800:]}"
        raise RuntimeError(msg)
    taken, missed = superfluous(deployed)
    if missed:
        msg = f"nothing failed without {', '.join(map(str, missed))}: too much is granted, or the run shows too little"
        raise RuntimeError(msg)
    if not deployed.run("with-all-rights-again", "c59"):
        msg = "a run with all rights failed after they had been put back"
        raise RuntimeError(msg)
    say(f"{taken} permissions taken away one at a time, each was missed; {len(UNNOTICED)} cannot be noticed here")


def _schedule(deployed: Deployed, say: Callable[[str], None]) -> None:
    if not (given := fired(deployed)):
        msg = "the daily schedule started nothing"
        raise RuntimeError(msg)
    say(f"the daily schedule started a run, with {given}")
