"""The dials as command line options, one each, with their documentation."""

from __future__ import annotations

import argparse
import dataclasses
from typing import Any, Literal, get_args, get_origin, get_type_hints

import yaml

from .dials import Dials
from .fault import Fault
from .values import fitting, words_for

_PREFIX = "dial_"


def add_dials(parser: argparse.ArgumentParser) -> None:
    """Give *parser* one option for each dial."""
    group = parser.add_argument_group("dials", "one for each awkwardness of SCM; the default is in brackets")
    hints = get_type_hints(Dials)
    defaults = Dials()
    for field in dataclasses.fields(Dials):
        default = getattr(defaults, field.name)
        text = f"{field.metadata['help']} [{_shown(default)}]".replace("%", "%%")
        _add(group, field.name, hints[field.name], text)


def described(name: str) -> tuple[str, str, str]:
    """Return a dial's values (default first), what it does, and the mistake that it exposes."""
    [field] = [one for one in dataclasses.fields(Dials) if one.name == name]
    what, _, mistake = field.metadata["help"].partition("Exposes")
    default, kind = getattr(Dials(), name), get_type_hints(Dials)[name]
    others = [one for one in get_args(kind) if one != default] if get_origin(kind) is Literal else []
    values = ", ".join([_shown(default), *(one or "none" for one in others)])
    return values, what.strip(), f"Exposes{mistake}"


def _shown(default: object) -> str:
    if isinstance(default, dict):
        return ", ".join(f"{key}={value}" for key, value in default.items())
    return str(default).lower() if isinstance(default, bool | int | float) else str(default or "none")


def _add(group: Any, name: str, kind: Any, text: str) -> None:
    flag = "--" + name.replace("_", "-")
    settings: dict[str, Any] = {"dest": _PREFIX + name, "default": None, "help": text}
    if kind is bool:
        group.add_argument(flag, action=argparse.BooleanOptionalAction, **settings)
    elif get_origin(kind) is dict:
        group.add_argument(flag, action="append", type=_pair, metavar="FORMAT=ORDER", **settings)
    elif get_origin(kind) is list:
        group.add_argument("--fault", action="append", type=_fault, metavar="FIELD=VALUE,…", **settings)
    elif get_origin(kind) is Literal:
        group.add_argument(flag, choices=get_args(kind), metavar="|".join(get_args(kind)) or None, **settings)
    else:
        group.add_argument(flag, type=kind, metavar=kind.__name__.upper(), **settings)


def _pair(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    known = {name.lower(): name for name in Dials().chain_order}
    orders = get_args(get_args(get_type_hints(Dials)["chain_order"])[1])
    if not equals or key.lower() not in known or value not in orders:
        message = f"{text!r}: write FORMAT=ORDER; formats: {', '.join(known.values())}; orders: {', '.join(orders)}"
        raise argparse.ArgumentTypeError(message)
    return known[key.lower()], value


def _fault(text: str) -> Fault:
    """Read `kind=slow,operation=POST /api/ssl/v1/enroll,seconds=3`."""
    hints = get_type_hints(Fault)
    members: dict[str, Any] = {}
    for part in text.split(","):
        name, _, value = part.partition("=")
        if name not in hints:
            message = f"{name!r} is not a field of a fault; known: {', '.join(hints)}"
            raise argparse.ArgumentTypeError(message)
        kind = hints[name]
        fits, members[name] = (True, value) if kind is str else fitting(yaml.safe_load(value), kind)
        if not fits:
            message = f"{name} must be {words_for(kind)}, not {value!r}"
            raise argparse.ArgumentTypeError(message)
    if "kind" not in members:
        message = "a fault needs a kind"
        raise argparse.ArgumentTypeError(message)
    return Fault(**members)


def dialled(options: argparse.Namespace) -> dict[str, Any]:
    """Return the dials that were turned on the command line."""
    turned = {
        name.removeprefix(_PREFIX): value
        for name, value in vars(options).items()
        if name.startswith(_PREFIX) and value is not None
    }
    if "chain_order" in turned:
        turned["chain_order"] = dict(turned["chain_order"])
    return turned
