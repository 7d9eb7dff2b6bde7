"""Orders at SCM that the order book does not have: the list of the last inspection, and `certmandate acknowledge`."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from certmandate.deployment import to_change
from certmandate.exit import Refused
from certmandate.options import DelegationArgument, JsonOption, YesOption, confirm
from certmandate.views.printing import print_error, print_result
from renewal import records
from renewal.domain.setup.domain_checks import some
from renewal.domain.setup.foreign_orders import Acknowledgement, ForeignOrderList
from renewal.domain.setup.inspection import DelegationRecord

if TYPE_CHECKING:
    from certmandate.deployment import Deployment


def acknowledge_command(
    context: typer.Context,
    name: DelegationArgument,
    ssl_ids: Annotated[list[int], typer.Argument(metavar="SSL_ID", help="SSL IDs of the finding OrderNotOurs.")],
    reason: Annotated[
        str, typer.Option("--reason", help="Whose order it is and who said so; it is stored, and mailed to the RAO.")
    ],
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Record that orders at SCM are the organisation's own.

    They are no longer reported as OrderNotOurs. The record is never changed, and the RAO's report has it.
    """
    with to_change(context) as deployment:
        acknowledged = deployment.book.acknowledgements(name)
        listed = listed_orders(deployment, deployment.book.delegation(name), acknowledged)
        keys = {order.ssl_id: order.key for order in listed.orders}
        if unknown := [str(ssl_id) for ssl_id in ssl_ids if ssl_id not in keys]:
            known = some([str(ssl_id) for ssl_id in keys]) or "none"
            msg = f"the last inspection of {name} does not report SSL ID {', '.join(unknown)}; it reports {known}"
            raise Refused(msg)
        if not reason.strip():
            msg = "--reason is empty: pass whose order it is and who said so"
            raise Refused(msg)
        chosen = ", ".join(keys[ssl_id].replace("@", " as replaced on ") for ssl_id in ssl_ids)
        confirm(f"Record SSL ID {chosen} as ordered by the organisation of {name} itself?", yes=yes)
        now = datetime.now(UTC)
        for ssl_id in ssl_ids:
            deployment.editor.acknowledge(Acknowledgement(name, keys[ssl_id], reason.strip()[:500], now))
    document = {"delegation": name, "acknowledged": ssl_ids, "reason": reason.strip()[:500]}
    print_result(document, f"Acknowledged: SSL ID {chosen}. The next inspection does not report it.", as_json=as_json)


def listed_orders(
    deployment: Deployment, record: DelegationRecord, acknowledged: Iterable[Acknowledgement]
) -> ForeignOrderList:
    """Return what the last inspection of the delegation listed, without what was *acknowledged* since.

    When the list cannot be read, those that the inspection itself has, and an error is printed if there are more.
    """
    foreign = record.inspection.foreign if record.inspection else None
    if foreign is None:
        return ForeignOrderList()
    name = f"{foreign.listed_by}/foreign-orders-{record.delegation.name}.json"
    content = deployment.run_object(name) if foreign.listed_by else None
    try:
        listed = records.read(ForeignOrderList, json.loads(content or "null"))
    except (ValueError, RecursionError):
        listed = ForeignOrderList(foreign.orders)
        if left := foreign.count - len(foreign.orders) + foreign.before:
            why = f"runs/{name} cannot be read" if foreign.listed_by else "the last inspection stored no list"
            print_error(f"{left} orders at SCM are not listed here: {why}. The next inspection writes it again.")
    return listed.without({row.key for row in acknowledged})
