"""Each member of each kind of item, damaged: the item is named, alone, and its neighbours are read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from certmandate.files.operator_records import retired_from
from renewal.adapters.order_book import schema
from renewal.domain.errors import RecordUnreadable, every_error
from renewal.domain.order import FinishedOrder
from renewal.domain.replacement_rule import ReplacementRule
from renewal.domain.run.report import RunReport
from renewal.ports.order_book import Listing
from tests.adapters.aws.test_golden_items import golden
from tests.poison import NEWER, poisoned, with_extremes
from tests.unit.system import NOW, System

READ: Mapping[str, Callable[[Any], Any]] = {
    "delegation": schema.delegation_record,
    "certificate": lambda item: schema.managed_certificate(item, None),
    "order": schema.open_order,
    "finished": lambda item: schema.read(FinishedOrder, item, item),
    "replacement": lambda item: schema.read(ReplacementRule, item, item),
    "retired": retired_from,
}
"""By kind: what reads an item."""


REWRITTEN = ("inspection", "refusal", "search_proof")
"""Members of a delegation that runs write again; without its proof, a search that finds nothing proves nothing."""
NAMES = {error.__name__ for error in every_error()}
FIRST: Mapping[str, str] = {"replacement": "with a deadline"}


@pytest.mark.parametrize("kind", sorted(READ))
def test_a_damaged_item_stops_no_other(kind: str) -> None:
    """One certificate with an unknown key type once stopped the orders of the whole estate."""
    item, read = golden(kind, FIRST.get(kind, "all members")), READ[kind]
    damaged = dict(poisoned(item))

    found = Listing.of([item, *damaged.values(), item], read)

    assert (found[0], found[-1]) == (read(item), read(item))
    assert len(found) + len(found.unreadable) == len(damaged) + 2
    lenient = {how for how, each in damaged.items() if not Listing.of([each], read).unreadable}
    retyped = {how for how in lenient if how.endswith(" retyped") and not how.startswith(REWRITTEN)}
    assert not retyped, "a member of another type was taken"


@pytest.mark.parametrize("kind", sorted(READ))
def test_the_error_names_the_item_and_never_a_value(kind: str) -> None:
    """It travels into reports, logs and mails."""
    item = golden(kind, FIRST.get(kind, "all members"))

    errors = Listing.of((each for _, each in poisoned(item)), READ[kind]).unreadable

    assert errors
    for error in errors:
        assert f"'{item['item']}' of '{item['delegation']}' cannot be read: " in str(error)
        assert NEWER not in str(error)


def test_an_inspection_that_cannot_be_read_counts_as_none() -> None:
    """After a rollback it may have a word of the newer version; the next inspection writes a new one."""
    item = golden("delegation", "all members")
    whole = schema.delegation_record(item)
    lost = set()

    for how, damaged in poisoned(item):
        if how.startswith(REWRITTEN):
            record = schema.delegation_record(damaged)
            assert record.delegation == whole.delegation
            lost |= {how} if record.inspection is None or record.refusal is None else set()

    assert {"inspection.findings.0.severity newer", "inspection.remarks.5.step newer", "refusal.run_id removed"} <= lost
    assert "inspection.seen_address newer" not in lost


def test_a_time_before_all_records_is_unreadable() -> None:
    """The report of the whole estate ended in an OverflowError."""
    item = golden("certificate", "all members")
    stored = {**item["served"], "not_after": "0001-01-01T00:00:00.000000Z"}

    with pytest.raises(RecordUnreadable, match="'served': 'not_after' is not as it is written"):
        schema.managed_certificate({**item, "served": stored}, None)


@pytest.mark.parametrize("policy", [{"ratio": Decimal("1E+100")}, {"floor_days": Decimal(10**12)}])
def test_a_policy_of_absurd_numbers_is_unreadable(policy: dict[str, Decimal]) -> None:
    """The plan of the whole estate ended in an OverflowError."""
    item = golden("certificate", "adopted")
    spec = {**item["spec"], "policy": {**item["spec"]["policy"], **policy}}

    with pytest.raises(RecordUnreadable, match="'spec': 'policy' has a number out of its range"):
        schema.managed_certificate({**item, "spec": spec}, None)


@pytest.mark.parametrize("kind", ["delegation", "certificate", "order"])
def test_a_run_reports_what_extreme_values_lead_to(kind: str) -> None:
    """A certificate without an end is valid until 9999; what is added to such a time was an OverflowError for all."""
    items = {each: golden(each, "all members") for each in ("delegation", "certificate", "order")}
    if kind != "order":
        items["order"] = {}
    played = 0

    for how, damaged in with_extremes(golden(kind, "all members")):
        try:
            report = _daily_run(**items | {kind: damaged})
        except RecordUnreadable:
            continue
        played += 1
        assert {row.error for row in report.certificates} <= {"", *NAMES}, how

    assert played > 20


def _daily_run(delegation: Any, certificate: Any, order: Any) -> RunReport:
    """Return the report of a run, half a year after NOW, over records as these items have them."""
    system, record = System(), schema.delegation_record(delegation)
    managed = schema.managed_certificate(certificate, order)
    path = record.delegation.name, managed.spec.name
    system.clock.advance(days=200)
    system.book.records[path[0]] = record
    spec = replace(managed.spec, delegation=path[0])
    system.book.managed[path] = replace(managed, spec=spec, order=None)
    system.book.next_actions[path] = NOW
    if managed.order:
        system.book.orders[path] = managed.order
    return system.daily_run()


@pytest.mark.parametrize("how", ["spec.stores.0 newer", "spec.stores.0 removed", "spec.names.0 removed"])
def test_a_spec_that_this_version_cannot_fulfil_is_unreadable(how: str) -> None:
    """A store that this version does not have would count as written."""
    item = golden("certificate", "adopted")
    spec = {**item["spec"], "stores": ["s3"], "names": ["idp.univ.example"]}

    with pytest.raises(RecordUnreadable, match=r"'spec': '(names|stores)' (or 'stores' is empty|has one)"):
        schema.managed_certificate(dict(poisoned({**item, "spec": spec}))[how], None)
