"""The dials as command line options, with their documentation."""

from __future__ import annotations

import argparse
import dataclasses
from typing import Any, Literal, get_args, get_origin, get_type_hints

from pydantic import TypeAdapter, ValidationError

from scm_simulator.world.dials import Dials, Direction, documented_order
from scm_simulator.world.fault import Fault

_PREFIX = "dial_"
_TYPES = get_type_hints(Dials)


def add_dials(parser: argparse.ArgumentParser) -> None:
    """Give *parser* an option for each dial."""
    group = parser.add_argument_group("dials", "one for each peculiarity of SCM; the default is in brackets")
    defaults = Dials()
    for field in dataclasses.fields(Dials):
        text = f"{field.metadata['help']} [{_as_text(getattr(defaults, field.name))}]".replace("%", "%%")
        _add(group, field.name, _TYPES[field.name], text)


def describe_dial(name: str) -> tuple[str, str, str]:
    """Return a dial's values (default first), its effect, and the mistake of a client that it exposes."""
    [field] = [field for field in dataclasses.fields(Dials) if field.name == name]
    effect, _, mistake = field.metadata["help"].partition("Exposes")
    default, kind = getattr(Dials(), name), _TYPES[name]
    others = [value for value in get_args(kind) if value != default] if get_origin(kind) is Literal else []
    values = ", ".join(_as_text(value) for value in (default, *others))
    return values, effect.strip(), f"Exposes{mistake}"


def chosen_dials(options: argparse.Namespace) -> dict[str, Any]:
    """Return the dials that were set on the command line."""
    chosen = {
        name.removeprefix(_PREFIX): value
        for name, value in vars(options).items()
        if name.startswith(_PREFIX) and value is not None
    }
    if "chain_order" in chosen:
        chosen["chain_order"] = dict(chosen["chain_order"])
    return chosen


def _as_text(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key}={item}" for key, item in value.items())
    return str(value).lower() if isinstance(value, bool | int | float) else str(value or "none")


def _add(group: Any, name: str, kind: Any, text: str) -> None:
    flag = "--" + name.replace("_", "-")
    settings: dict[str, Any] = {"dest": _PREFIX + name, "default": None, "help": text}
    if kind is bool:
        group.add_argument(flag, action=argparse.BooleanOptionalAction, **settings)
    elif get_origin(kind) is dict:
        group.add_argument(flag, action="append", type=_chain_order, metavar="FORMAT=ORDER", **settings)
    elif get_origin(kind) is list:
        group.add_argument("--fault", action="append", type=_fault, metavar="FIELD=VALUE,…", **settings)
    elif get_origin(kind) is Literal:
        group.add_argument(flag, choices=get_args(kind), metavar="|".join(get_args(kind)) or None, **settings)
    else:
        group.add_argument(flag, type=kind, metavar=kind.__name__.upper(), **settings)


def _chain_order(text: str) -> tuple[str, str]:
    name, _, order = text.partition("=")
    formats = {known.lower(): known for known in documented_order()}
    orders = get_args(Direction)
    if name.lower() not in formats or order not in orders:
        message = f"{text!r}: write FORMAT=ORDER; formats: {', '.join(formats.values())}; orders: {', '.join(orders)}"
        raise argparse.ArgumentTypeError(message)
    return formats[name.lower()], order


def _fault(text: str) -> Fault:
    """Read `kind=slow,operation=POST /api/ssl/v1/enroll,seconds=3`."""
    members = dict(part.partition("=")[::2] for part in text.split(","))
    try:
        return TypeAdapter(Fault).validate_python(members)
    except ValidationError as invalid:
        [error, *_] = invalid.errors()
        known = ", ".join(field.name for field in dataclasses.fields(Fault))
        message = f"{error['loc'][0]}: {error['msg']}; the fields of a fault are {known}"
        raise argparse.ArgumentTypeError(message) from None
