"""The state that a history left: read from the services' memory, not by calls, which take half of a run's time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any

from boto3.dynamodb.types import Binary
from cryptography import x509

from campaign.auditor.budget import Budget
from campaign.auditor.reports import EndedRun, parsed
from campaign.auditor.world import Imported, World, public_half
from campaign.harness import Harness
from campaign.run import Run
from local.cloudformation.parameters import ACCOUNT, REGION
from scm_simulator import Order

Item = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Evidence(World):
    """The world, and beside it the order book with its audit trail."""

    items: tuple[Item, ...]
    """Of both tables."""
    forgotten: frozenset[str] = frozenset()
    """Tokens of orders that the table had before it was restored."""
    deleted: tuple[Order, ...] = ()
    """What SCM had until it was deleted in its portal."""

    def of_kind(self, kind: str) -> Iterator[Item]:
        """Items whose sort key begins with *kind*: `certificate`, `order`, `finished`; an order that ended is none."""
        items = (item for item in self.items if item["item"].startswith(f"{kind}#"))
        return (item for item in items if kind != "order" or "token" in item)


def gather(harness: Harness, forgotten: frozenset[str] = frozenset(), *, runs: int = 0, judged: int = 0) -> Evidence:
    """Read everything; of the runs and their calls, only the last *runs* unless 0.

    *forgotten*: tokens of orders that a restored table does not have; *judged*: how many runs were judged before.
    """
    played = harness.played.runs[-runs:]
    ledger = harness.interception.ledger
    calls = (ledger.get(run.run_id, ()) for run in played) if runs else ledger.values()
    items = tuple(_items(harness))
    return Evidence(
        now=harness.time(),
        scm=harness.played.simulator.orders,
        items=items,
        sealed=tuple(item["item"] for item in items if _has_binary(item)),
        objects=dict(objects(harness, "certificates/")),  # what runs write for each other is no evidence
        acm=tuple(_imported()),
        events=tuple(harness.played.events),
        alerts=tuple(harness.played.alerts),
        refusals=tuple(refusal for refusal, reader in harness.played.refusals if not reader.is_dead),
        ledger=tuple(chain.from_iterable(calls)),
        runs=tuple(_ended(harness, run) for run in played),
        judged_before=max(judged - len(harness.played.runs) + len(played), 0),
        forgotten=forgotten,
        deleted=tuple(harness.played.deleted),
        budget=Budget.of(harness.machine),
        runs_overlap=harness.environments.runs_overlap,
    )


def _ended(harness: Harness, run: Run) -> EndedRun:
    is_disturbed = run.run_id in harness.played.disturbed
    return EndedRun(run.run_id, run.status, run.error, run.metrics, parsed(run.document), is_disturbed, run.is_narrowed)


def _items(harness: Harness) -> Iterator[Item]:
    """Moto's items are replaced and never changed (`local.moto_repairs.speed`), so each is read once."""
    before, harness.played.read = harness.played.read, {}
    for table in ("OrdersTable", "AuditTable"):
        for item in chain.from_iterable(map(dict.values, partitions(harness, table).values())):
            _, content = before.get(id(item)) or (item, item.to_regular_json())
            harness.played.read[id(item)] = item, content
            yield content


def partitions(harness: Harness, table: str) -> dict[Any, dict[Any, Any]]:
    """Return moto's own dictionaries of the *table* of template.yaml: its items by partition key and sort key."""
    from moto.backends import get_backend  # noqa: PLC0415 - moto may be imported only after the isolation

    items: dict[Any, dict[Any, Any]] = get_backend("dynamodb")[ACCOUNT][REGION].tables[harness.aws.outputs[table]].items
    return items


def _has_binary(value: Any) -> bool:
    if isinstance(value, Mapping | list):
        return any(map(_has_binary, value.values() if isinstance(value, Mapping) else value))
    return isinstance(value, Binary)


def objects(harness: Harness, prefix: str = "") -> Iterator[tuple[str, bytes]]:
    """Yield the key and the current content of each object of the bucket below *prefix*."""
    from moto.backends import get_backend  # noqa: PLC0415 - moto may be imported only after the isolation

    bucket = get_backend("s3")[ACCOUNT]["aws"].buckets[harness.aws.outputs["StoreBucket"]]
    for key in bucket.keys.values():  # too many documents of earlier runs for a call each
        if key.name.startswith(prefix):
            yield key.name, key.value


def _imported() -> Iterator[Imported]:
    from moto.backends import get_backend  # noqa: PLC0415 - moto may be imported only after the isolation

    for region, backend in get_backend("acm")[ACCOUNT].items():
        for arn, bundle in backend._certificates.items():  # noqa: SLF001 - the API does not return its key
            chain = x509.load_pem_x509_certificates(bundle.chain) if bundle.chain else []
            leaf = x509.load_pem_x509_certificate(bundle.cert)
            tags = bundle.tags
            owner = "/".join(tags.get(f"certmandate:{part}") or "" for part in ("delegation", "certificate"))
            yield Imported(region, arn, leaf, tuple(chain), public_half(bundle.key), owner.strip("/"))
