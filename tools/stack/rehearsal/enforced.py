"""The second half of the rehearsal: both stacks by `make deploy` on ministack with IAM enforced.

ministack cannot: read a definition in YAML, write a Map's results, fill in Scheduler's context attributes, evaluate
metric math or missing data in alarms, attach a function to its subnets (so the registered address is never used),
enforce the roles of the state machine and of Scheduler, key policies by encryption context, or KMS behind DynamoDB and
S3. Those are asserted on the templates (tests/template, tests/stack).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from local.run import parameters
from scm_simulator import Simulator
from scm_simulator.server import Server
from stack.rehearsal.deployed import Deployed, deploy_network, prepare, world
from stack.rehearsal.emulator import Emulator
from stack.rehearsal.watching import input_of_scheduled_run, silent_alarms

SCHEDULE = "cron(45 4 * * ? *)"
"""Passed to `make deploy` because it has spaces; the template's default is another."""


def rehearse_enforced(build: Path, python: str, packages: Path, log: Callable[[str], None]) -> None:
    """Deploy both stacks, run once, raise every alarm and wait for the schedule. Raises RuntimeError.

    build: output of `sam build`.
    python: of ministack's environment.
    packages: content of the layer, for this machine.
    """
    simulator = Simulator(world())
    with Server(simulator) as scm:
        if scm.ca_file is None:
            msg = "the simulator has no TLS"
            raise RuntimeError(msg)
        with Emulator(python, scm.ca_file) as aws:
            template = prepare(build, packages, aws.folder / "build")
            network = deploy_network(aws)
            log(f"make deploy-network: the address is {network['RegisteredAddress']}; another zone was refused")
            own = {name: network[name] for name in ("SubnetIds", "SecurityGroupIds")} | {"ScheduleExpression": SCHEDULE}
            deployed = Deployed.by_make_deploy(aws, template, parameters(scm.base_url, simulator.root_pem) | own)
            log("make deploy: the plan was shown and executed")
            deployed.set_up()
            _check_alarms(deployed, log)
            _check_permissions(deployed, log)
            _check_schedule(deployed, log)


def _check_alarms(deployed: Deployed, log: Callable[[str], None]) -> None:
    count, silent = silent_alarms(deployed)
    if silent or not count:
        msg = f"no notice came of {', '.join(silent) or 'any alarm: there is none'}"
        raise RuntimeError(msg)
    log(f"{count} alarms were raised, and a notice came of each")


def _check_permissions(deployed: Deployed, log: Callable[[str], None]) -> None:
    if not deployed.run("permitted"):
        msg = f"the run did not store its certificate: {deployed.aws.log.read_text(errors='replace')[-800:]}"
        raise RuntimeError(msg)
    log("a run stored its certificate with the permissions of the template, enforced")


def _check_schedule(deployed: Deployed, log: Callable[[str], None]) -> None:
    if not (given := input_of_scheduled_run(deployed)):
        msg = "the daily schedule started no run"
        raise RuntimeError(msg)
    log(f"the daily schedule started a run, with {given}")
