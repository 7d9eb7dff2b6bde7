"""What a dry run reports that a run would do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date

import pytest

from renewal.domain.delegation import CertificateSpec, CustomField
from renewal.domain.errors import PermissionMissing
from renewal.domain.key_type import KeyType
from renewal.domain.run.report import Outcome
from renewal.domain.setup.snapshot import DelegatedName
from tests.unit.system import IDP, NOW, PATH, System, stored_by

ACM = "acm:eu-west-3"


def would(system: System) -> str:
    """What the report of a dry run has for `univ/idp`."""
    (row,) = system.daily_run(dry_run=True).certificates
    return row.would


def apply(system: System, spec: CertificateSpec = IDP) -> None:
    system.add(spec)


def an_order_is_open(system: System) -> None:
    apply(system)
    system.enroll()


def its_answer_was_lost(system: System) -> None:
    an_order_is_open(system)
    order = system.book.certificate(*PATH).order
    assert order is not None
    system.book.orders[PATH] = replace(order, ssl_id=None)


def its_key_type_changed(system: System) -> None:
    apply(system, replace(IDP, stores=(ACM,)))
    stored = stored_by(IDP, key_type=KeyType.RSA_2048, stores=(ACM,), arns={"eu-west-3": "arn:old"})
    system.book.adopt(PATH, stored, NOW)


def its_profile_is_missing(system: System) -> None:
    apply(system, replace(IDP, profile_id=7))


def its_mandatory_field_is_missing(system: System) -> None:
    apply(system)
    system.scm.defined_fields = (CustomField("Cost centre", is_mandatory=True),)


def its_custom_field_is_unknown(system: System) -> None:
    apply(system, replace(IDP, custom_fields={"Cost center": "4711"}))


def the_custom_fields_are_hidden(system: System) -> None:
    its_custom_field_is_unknown(system)
    system.scm.answers["custom_fields"] = PermissionMissing("-3")


def its_validation_has_expired(system: System) -> None:
    apply(system)
    expired = date(2026, 11, 22)
    system.scm.delegated = (DelegatedName("idp.univ.example", True, frozenset({"SSL"}), "EXPIRED", expired),)


@pytest.mark.parametrize(
    ("prepare", "text"),
    [
        (apply, "order profile 1018, P-256, 199 days, for s3"),
        (an_order_is_open, "collect order 5001 of 2026-11-23 and order nothing"),
        (its_answer_was_lost, "search SCM for the unconfirmed order of 2026-11-23"),
        (its_key_type_changed, f"order profile 1018, P-256, 199 days, for {ACM}, under a new ARN"),
        (its_profile_is_missing, "be refused: ProfileRefused"),
        (its_mandatory_field_is_missing, "be refused: FieldRefused"),
        (its_custom_field_is_unknown, "be refused: FieldRefused"),
        (the_custom_fields_are_hidden, "order profile 1018, P-256, 199 days, for s3"),
        (its_validation_has_expired, "be refused: DcvLapsed"),
    ],
)
def test_a_dry_run_reports_what_a_run_would_do(system: System, prepare: Callable[[System], None], text: str) -> None:
    """`planned` for everything would hide that one is only collected and another one cannot be had."""
    prepare(system)

    assert would(system) == text


def test_a_run_that_orders_reports_no_preview(system: System) -> None:
    """One column for each; never both."""
    apply(system)

    (row,) = system.daily_run().certificates

    assert (row.outcome, row.would) == (Outcome.RENEWED, "")
