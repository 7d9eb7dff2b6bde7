"""An estate of any size, written when it is asked for, so that the measured function alone takes memory."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from boto3.dynamodb.types import TypeSerializer

from renewal import records
from renewal.adapters.order_book import schema
from renewal.adapters.order_book.table import Key
from renewal.domain.delegation import CertificatePath, CertificateSpec, Delegation, Profile
from renewal.domain.due import Cause, next_action
from renewal.domain.judgement.acting_times import ActingTimes
from renewal.domain.judgement.summary import DelegationSummary
from renewal.domain.notices.month import month_before
from renewal.domain.notices.notice import MailOutcome, Notice, NoticeKind, Notices
from renewal.domain.order import FinishedOrder, ManagedCertificate, OrderStatus, StoredCertificate
from renewal.domain.replacement_rule import ReplacementRule
from renewal.domain.setup.inspection import DelegationRecord, Inspection
from renewal.domain.setup.snapshot import DelegatedName

RUN = "scale"
COVERED = "CN=A CA that has to revoke"
_LIFE = timedelta(days=199)
_SERIALIZER = TypeSerializer()

Wire = dict[str, Any]
"""An item as DynamoDB sends it."""


@dataclass(frozen=True, slots=True)
class Size:
    """What is measured: numbers."""

    certificates: int
    delegations: int
    due: int
    covered: int = 0
    """By a replacement rule, if any: of those that are not due."""

    @property
    def each(self) -> int:
        """Certificates of one delegation."""
        return self.certificates // self.delegations


@dataclass(frozen=True)
class LargeEstate:
    """Every certificate is 30 days old, or 150 where it is due; nothing else is wrong."""

    size: Size
    now: datetime
    renewed: set[CertificatePath] = field(default_factory=set)
    """What the run has renewed."""

    @cached_property
    def paths(self) -> tuple[CertificatePath, ...]:
        """All certificates, delegation by delegation."""
        return tuple(
            CertificatePath(name, f"c{number:05}") for name in self.delegations for number in range(self.size.each)
        )

    @cached_property
    def delegations(self) -> tuple[str, ...]:
        """Their names, in order."""
        return tuple(f"d{number:05}" for number in range(self.size.delegations))

    @cached_property
    def summary(self) -> DelegationSummary:
        """What an inspection leaves: of the last delegation, because all are alike."""
        name = self.delegations[-1]
        certificates = [self.certificate(path) for path in self.certificates_of(name)]
        worked_on = [path.certificate for path in self.due if path.delegation == name]
        return DelegationSummary.of(self._record(name), certificates, worked_on, self.now, ActingTimes())

    def certificates_of(self, delegation: str) -> tuple[CertificatePath, ...]:
        """The certificates of one delegation."""
        first = int(delegation.removeprefix("d")) * self.size.each
        return self.paths[first : first + self.size.each]

    @cached_property
    def due(self) -> frozenset[CertificatePath]:
        """One certificate of each delegation, as long as there are enough of them."""
        return frozenset(self._by_certificate[: self.size.due])

    @cached_property
    def covered(self) -> frozenset[CertificatePath]:
        """What the rule covers: the last certificate of each delegation, as long as there are enough of them."""
        return frozenset(self._by_certificate[len(self.paths) - self.size.covered :])

    @cached_property
    def _by_certificate(self) -> list[CertificatePath]:
        return sorted(self.paths, key=lambda path: (path.certificate, path.delegation))

    def certificate(self, path: CertificatePath) -> ManagedCertificate:
        """The record of one certificate as it is now."""
        spec = CertificateSpec(path.delegation, path.certificate, (f"{path.certificate}.{path.delegation}.example",), 1)
        age = 0 if path in self.renewed else 150 if path in self.due else 30
        begun = self.now - timedelta(days=age)
        stored = StoredCertificate(
            ssl_id=1,
            serial=f"{path.certificate.removeprefix('c')}{age:03}",
            not_before=begun,
            not_after=begun + _LIFE,
            names=spec.names,
            profile_id=1,
            key_type=spec.key_type,
            issuer=COVERED if path in self.covered else "CN=Sectigo Public Server Authentication CA OV R36",
            stores=spec.stores,
            token=f"token-{path.certificate}",
            stored_at=begun,
            client_auth=True,
            key_fingerprint="AB" * 32,
        )
        return ManagedCertificate(spec, stored, applied_by="arn:aws:iam::111122223333:user/operator", revision=2)

    def certificate_item(self, path: CertificatePath) -> Wire:
        """Its item."""
        record = self.certificate(path)
        status = {name: value for name, value in schema.status_attributes(record).items() if value is not None}
        return self._item(
            schema.certificate_key(path),
            schema.CERTIFICATE,
            next_action(record, record.stored.stored_at if record.stored else self.now),
            {**status, "spec": records.to_item(record.spec, without=("delegation", "name")), "revision": 2},
        )

    def delegation_item(self, name: str) -> Wire:
        """Item of a delegation, with the inspection of this run."""
        record = records.to_item(self._record(name))
        del record["spec"]["name"]
        return self._item(schema.delegation_key(name), schema.DELEGATION, self.now, record)

    def _record(self, name: str) -> DelegationRecord:
        entry = DelegatedName(f"*.{name}.example", True, frozenset({"SSL"}), "VALIDATED", self.now.date() + _LIFE)
        inspection = Inspection(
            RUN,
            self.now,
            (Profile(1, "OV", (46, 99, 199)),),
            password_expires=self.now.date() + _LIFE,
            delegated=(entry,),
        )
        delegation = Delegation(name, f"University {name}", 1, (f"*.{name}.example",), f"rao@{name}.example")
        return DelegationRecord(delegation, inspection, notices=Notices(sent=(self._report,)))

    @cached_property
    def _report(self) -> Notice:
        """The report of the last month: on its first days, too, the run is an ordinary one."""
        codes = (str(month_before(self.now)),)
        return Notice("report", self.now, NoticeKind.REPORT, codes=codes, outcome=MailOutcome.SENT)

    @cached_property
    def rules(self) -> tuple[ReplacementRule, ...]:
        """The rule for what is covered; its list is one item."""
        before = self.now - timedelta(days=1)
        return (ReplacementRule(before, COVERED, "incident", lists=1),) if self.size.covered else ()

    def rule_items(self) -> list[Wire]:
        """Items of the replacement rules."""
        return [_wire(schema.replacement_item(rule)) for rule in self.rules]

    def list_item(self, key: Key) -> list[Wire]:
        """Item that lists what a rule covers, if *key* is of one."""
        paths = schema.CoveredPaths(tuple(sorted(map(str, self.covered))))
        keys = [each for rule in self.rules for each in schema.list_keys(rule)]
        return [_wire({**records.to_item(paths), "delegation": key[0], "item": key[1]})] if key in keys else []

    def audit_items(self, path: CertificatePath) -> list[Wire]:
        """Item of the order of this run, when it has renewed the certificate."""
        if path not in self.renewed or (stored := self.certificate(path).stored) is None:
            return []
        ended = self.now + timedelta(hours=1)  # after the run has begun
        row = FinishedOrder(
            *path, stored.token, OrderStatus.STORED, ended, self.now, stored.names, (Cause.AGE,), RUN, 1,
            serial=stored.serial, not_before=stored.not_before, not_after=stored.not_after, stores=stored.stores,
        )  # fmt: skip
        return [_wire(schema.finished_item(row))]

    def children(self, plan: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        """Yield the descriptions of the child executions that have renewed all that *plan* has."""
        for item in plan:
            name = item["delegation"]
            tasks = [each["certificate"] for each in item["certificates"]]
            done = [
                {
                    "run_id": RUN, "delegation": name, "certificate": each, "token": f"token-{each}", "ssl_id": 1,
                    "status": "stored", "follow_up": False,
                }
                for each in tasks
            ]  # fmt: skip
            output = {"run_id": RUN, "delegation": name, "dry_run": False, "deferred": 0, "certificates": done}
            output["summary"] = records.to_json(self.summary)
            arn = f"arn:aws:states:eu-west-3:111122223333:execution:certmandate-renewal/Delegation:{name}"
            yield {
                "ExecutionArn": arn, "Input": json.dumps(item), "InputDetails": {"Included": True}, "Name": name,
                "Output": json.dumps(output), "OutputDetails": {"Included": True}, "RedriveCount": 0,
                "RedriveStatus": "NOT_REDRIVABLE", "RedriveStatusReason": "Execution is SUCCEEDED and cannot be …",
                "StartDate": self.now.isoformat(), "StateMachineArn": arn, "Status": "SUCCEEDED",
                "StopDate": self.now.isoformat(),
            }  # fmt: skip
            self.renewed.update(CertificatePath(name, each) for each in tasks)

    def _item(self, key: tuple[str, str], action: str, at: datetime, attributes: dict[str, Any]) -> Wire:
        own = {"delegation": key[0], "item": key[1], "action": action, "next_action_at": records.timestamp(at)}
        return _wire(attributes | own)


def _wire(item: dict[str, Any]) -> Wire:
    return {name: _SERIALIZER.serialize(value) for name, value in item.items()}
