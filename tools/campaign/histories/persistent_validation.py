"""A delegation whose domains the CA validates again by a record in DNS, for ten days each time (BR §3.2.2.4.22)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from campaign.auditor.reports import EndedRun
from campaign.harness import Harness
from campaign.histories.tenants import Tenant
from campaign.interception.dns import DnsState

METHOD = "DNS_PERSISTENT"
"""What SCM shows for it is not known: tests/inspection/test_persistent_dcv.py has other shapes."""
REUSE_DAYS = 10
UNTIL_KNOWN = timedelta(days=8)
"""An inspection reads the domains at least once a week."""
_RECORD = "sectigo.com; accounturi=acct:1234567890@sectigo.com"
_UNUSABLE = "PersistentRecordUnusable"


@dataclass(slots=True)
class PersistentValidation:
    """The record of one delegation."""

    harness: Harness
    tenant: Tenant
    begun_at: datetime | None = None

    def begin(self) -> None:
        """Publish the record, and validate by it."""
        self.begun_at = self.begun_at or self.harness.time()
        self.publish()
        self.validate()

    def publish(self) -> None:
        """Publish the record, if the domains were ever validated by one."""
        if self.begun_at:
            self.harness.played.dns.publish(self._place, _RECORD)

    def remove(self) -> None:
        """Publish it no more."""
        self.harness.played.dns.publish(self._place)

    def validate(self) -> None:
        """The CA validates again, while DNS has the record: its own resolver has no cache."""
        if self._is_published:
            self.harness.played.simulator.validate_domains(self.tenant.department, REUSE_DAYS, METHOD)

    def misjudged(self, run: EndedRun) -> Iterator[str]:
        """Yield what a run reports wrongly: a record that DNS does not have, or that it has, when DNS answered it."""
        report, is_known = run.report, self.begun_at and self.harness.time() - self.begun_at >= UNTIL_KNOWN
        if report is None or not is_known or self.harness.played.dns.state is not DnsState.CURRENT:
            return
        if report.delegations.get(self.tenant.name):
            return  # it could not be inspected, which is reported
        if self._is_published and _UNUSABLE in report.findings:
            yield f"{run.run_id} reports that {self.tenant.name} lacks its persistent record, which DNS has"
        if not self._is_published and not report.findings & {_UNUSABLE, "DcvLapsed"}:
            yield f"{run.run_id} does not report that {self.tenant.name} lacks its persistent record"

    @property
    def _is_published(self) -> bool:
        return bool(self.harness.played.dns.published.get(self._place))

    @property
    def _place(self) -> str:
        return f"_validation-persist.{self.tenant.domain}"
