"""Serve the simulator: `python -m scm_simulator`."""

from __future__ import annotations

import argparse
import copy
import dataclasses
import json
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from scm_simulator.dial_options import add_dials, chosen_dials
from scm_simulator.replay import RecordingError, Replay
from scm_simulator.server import Application, Server
from scm_simulator.simulator import Simulator
from scm_simulator.world.example import example_world
from scm_simulator.world.world import World, WorldError
from scm_simulator.world.world_file import read_world

_WRONG_USAGE = 2
_PORTS = 65536


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until stopped (SIGINT, SIGTERM); return 0, or 2 on wrong usage."""
    parser = _parser()
    options = parser.parse_args(arguments)
    try:
        application, settings = _replay(options) if options.replay else _simulator(options)
    except (WorldError, ValueError) as error:
        print(f"scm_simulator: {error}", file=sys.stderr)
        return _WRONG_USAGE
    try:
        server = Server(application, tls=not options.http, port=options.port)
    except OSError as error:
        print(f"scm_simulator: port {options.port}: {error.strerror}", file=sys.stderr)
        return _WRONG_USAGE
    _serve(server, settings, as_json=options.json)
    return 0


def _simulator(options: argparse.Namespace) -> tuple[Application, dict[str, Any]]:
    world = read_world(Path(options.world)) if options.world else example_world()
    dials = copy.deepcopy(world.dials).overlaid(chosen_dials(options))
    return Simulator(world, dials=dials), _account_settings(world)


def _replay(options: argparse.Namespace) -> tuple[Application, dict[str, Any]]:
    if options.world or chosen_dials(options):
        message = "--replay answers as recorded: it has no world and no dials"
        raise RecordingError(message)
    replay = Replay.read(Path(options.replay))
    return replay, {"requests": replay.requests}


def _serve(server: Server, settings: dict[str, Any], *, as_json: bool) -> None:
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    with server:
        facts = {
            "base_url": server.base_url,
            "tls_ca_file": str(server.ca_file) if server.ca_file else None,
            "roots_file": str(server.roots_file),
        } | settings
        print(json.dumps(facts) if as_json else _text(facts), flush=True)
        stopped.wait()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="scm_simulator",
        description="Simulate Sectigo Certificate Manager on loopback, for tests only.",
        allow_abbrev=False,
    )
    parser.add_argument("--http", action="store_true", help="serve plain HTTP instead of HTTPS")
    parser.add_argument("--port", type=_port, default=0, help="port to listen on; 0: any free port (default)")
    parser.add_argument("--json", action="store_true", help="print the settings of a client as a line of JSON")
    parser.add_argument("--world", metavar="FILE", help="YAML file of a world (default: the example world)")
    parser.add_argument("--replay", metavar="FILE", help="answer as in a recording of `certmandate check --record`")
    add_dials(parser)
    return parser


def _port(text: str) -> int:
    if not text.isdigit() or int(text) >= _PORTS:
        message = f"{text!r} is not a port; 0 to {_PORTS - 1}"
        raise argparse.ArgumentTypeError(message)
    return int(text)


def _account_settings(world: World) -> dict[str, Any]:
    """Return the settings of a client: the first account with a department, what it can order, and other logins."""
    account = next((account for account in world.accounts if account.departments), None)
    if account is None:
        message = "no account of the world has a department, so no client can order"
        raise WorldError(message)
    department = world.departments[account.departments[0]]
    profiles = [p for p in world.profiles if not department.profiles or p.id in department.profiles]
    names = [domain.name for domain in department.domains if domain.status == "ACTIVE"]
    return {
        "customer_uri": account.customer_uri,
        "login": account.login,
        "password": account.password,
        "department_id": department.id,
        "profiles": [{"id": p.id, "name": p.name, "terms": list(p.terms)} for p in profiles],
        "example_name": names[0].replace("*", "www") if names else "",
        "oauth_clients": [dataclasses.asdict(client) for client in world.oauth_clients],
        "registration_authority": _registration_authority(world),
    }


def _registration_authority(world: World) -> dict[str, str] | None:
    """Return an account that approves and manages for all (MRAO), else for an organisation (RAO)."""
    found = sorted((a for a in world.accounts if a.mrao or a.organisations), key=lambda account: not account.mrao)
    if not found:
        return None
    role = "MRAO" if found[0].mrao else "RAO"
    return {"role": role, "login": found[0].login, "password": found[0].password}


def _text(facts: dict[str, Any]) -> str:
    return _replay_text(facts) if "requests" in facts else _simulator_text(facts)


def _replay_text(facts: dict[str, Any]) -> str:
    requests = "\n".join(f"  {request}" for request in facts["requests"])
    return f"""\
The SCM simulator replays a recording. It does not check the login.

  base URL      {facts["base_url"]}
  TLS CA        {facts["tls_ca_file"] or "none, plain HTTP"}

It has answers to:
{requests}

Stop it with Ctrl-C."""


def _simulator_text(facts: dict[str, Any]) -> str:
    profiles = "\n".join(
        f"  profile {p['id']}: {p['name']}, terms {', '.join(map(str, p['terms']))} days" for p in facts["profiles"]
    )
    return f"""\
The SCM simulator simulates Sectigo Certificate Manager. Its certificates are worthless.

  base URL      {facts["base_url"]}
  TLS CA        {facts["tls_ca_file"] or "none, plain HTTP"}
  issuing roots {facts["roots_file"]}
  customerUri   {facts["customer_uri"]}
  login         {facts["login"]}
  password      {facts["password"]}
  department id {facts["department_id"]}{_authority_text(facts["registration_authority"])}
{profiles}
  a name that can be ordered: {facts["example_name"]}

Stop it with Ctrl-C."""


def _authority_text(account: dict[str, str] | None) -> str:
    if account is None:
        return ""
    return f"\n  {account['role']:<14}login {account['login']}, password {account['password']}"


if __name__ == "__main__":
    sys.exit(main())
