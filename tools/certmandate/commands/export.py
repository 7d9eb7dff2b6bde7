"""`certmandate export`: the order book for programs that watch servers and Certificate Transparency logs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from certmandate.deployment import Deployment, deployed, read_stored
from certmandate.files.atomic_files import write_together
from certmandate.run_failures import judged_order_book, with_lost
from certmandate.views.exports import openmetrics
from certmandate.views.exports.public_keys import OrderedKeys
from certmandate.views.printing import print_error, print_for_programs, print_left_out
from renewal.mail.visible_text import visible


def export_command(
    context: typer.Context,
    as_openmetrics: Annotated[
        bool, typer.Option("--openmetrics", help="Expected fingerprints, expiries and states, for Prometheus.")
    ] = False,
    public_keys: Annotated[
        bool, typer.Option("--public-keys", help="SHA-256 of each key of our orders, for a CT monitor.")
    ] = False,
    output: Annotated[
        Path | None,
        typer.Option(help="Write this file instead, by one rename: a reader never reads an incomplete file."),
    ] = None,
) -> None:
    """Print what your monitoring needs.

    With --openmetrics, the certificate that clients must meet under each name, its expiry and state. With
    --public-keys, a line for each public key that was ordered and may be in a valid certificate: a certificate of
    these names with any other key was not ordered by certmandate. docs/monitoring.md describes how both are used.
    """
    if as_openmetrics == public_keys:
        msg = "pass exactly one of --openmetrics and --public-keys"
        raise typer.BadParameter(msg)
    now = datetime.now(UTC)
    with deployed(context) as deployment:
        lines = _openmetrics(deployment, now) if as_openmetrics else _public_keys(deployment, now)
        text = visible("".join(f"{line}\n" for line in lines))
        if output:
            write_together({output: text.encode()}, force=True)
    if output is None:
        print_for_programs(text)


def _openmetrics(deployment: Deployment, now: datetime) -> Iterator[str]:
    stored, replacements = with_lost(deployment, read_stored(deployment)), deployment.book.replacement_rules()
    unreadable = (*stored.unreadable, *replacements.unreadable)
    judged = judged_order_book(deployment, stored, replacements, now, stored)
    print_left_out(unreadable)
    _print_unknown(openmetrics.without_fingerprint(stored.certificates.values()), "certificate fingerprint")
    removed = deployment.book.removed()
    print_left_out(removed.unreadable)
    return openmetrics.lines(judged.certificates, removed, len(unreadable) + len(removed.unreadable), now)


def _public_keys(deployment: Deployment, now: datetime) -> Iterable[str]:
    stored, retired, removed = read_stored(deployment), deployment.book.retired(), deployment.book.removed()
    names = {*stored.delegations, *(error.delegation for error in stored.unreadable)}
    ended = {each.delegation for each in (*retired, *removed)}
    histories = [deployment.book.history(name, "") for name in names | ended]
    keys = OrderedKeys.of(stored.certificates.values(), (row for history in histories for row in history), now)
    print_left_out((*stored.unreadable, *retired.unreadable, *removed.unreadable))
    print_left_out(error for history in histories for error in history.unreadable)
    _print_unknown(keys.unknown, "public key")
    return keys.fingerprints


def _print_unknown(subjects: Iterable[str], what: str) -> None:
    for subject in subjects:
        print_error(f"Left out: {subject}: the order book has no {what} of it; the next renewal records it")
