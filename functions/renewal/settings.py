"""The settings that template.yaml passes: one field for each environment variable, without defaults."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import timedelta
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from renewal.domain.limits import Limits

ON = "on"
OFF = "off"
"""Value of a setting that switches something off; an empty variable counts as missing."""


class SettingMissing(Exception):
    """An environment variable that template.yaml sets is missing or malformed."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The environment of every function; each variable is the field's name in upper case."""

    orders_table: str
    audit_table: str
    audit_bucket: str
    """Where sealed audit trails are kept."""
    audit_key_id: str
    """KMS key that signs them."""
    store_bucket: str
    order_key_id: str
    """KMS key that seals private keys."""
    secret_prefix: str
    """Credentials are stored in Secrets Manager under `<prefix>/<delegation>`."""
    event_bus: str
    scm_url: str
    """Base URL for header login, ending in `/api` (SCM reference §1)."""
    scm_oauth_url: str
    """Base URL for OAuth2 clients, ending in `/api`."""
    scm_token_url: str
    egress_echo_url: str
    """URL that answers a GET with the caller's IPv4 address as plain text; `off` = the address is not checked."""
    dns_queries: str
    """`on`, or `off` = the records of domains that are validated persistently are not read."""
    private_endpoints: str
    """`on` = declared endpoints may also have addresses that are not public; else `off`."""
    registered_addresses: str
    """Our addresses in organisations' access lists, /32s separated by commas; `off` = those of the delegation files."""
    private_roots: str
    """SHA-256 fingerprints of trusted private CA certificates, separated by commas; `off` = public roots only."""
    quiet_seconds: int
    """How long after a POST no other POST is sent; must exceed the time limit of the enroll function."""
    orders_per_delegation: int
    orders_per_run: int
    due_share_percent: int
    """Share of the certificates (1 to 100) that may be due by age at once; beyond, none is ordered (TooManyDue)."""
    operator_working_days: int
    """How long it takes until the operator has acted; a finding whose consequence is closer fails the run."""
    rao_working_days: int
    """The same for RAOs."""
    expiry_alarm_days: int
    """Remaining days at which the operator is notified of a certificate whose renewal is overdue."""
    pending_alarm_hours: int
    """Age at which the operator is notified of an open order."""
    password_alarm_days: int
    """Remaining days at which the operator is notified of the password of an SCM account."""
    alerts_topic: str
    """ARN of the SNS topic by which the operator is notified."""
    powertools_service_name: str
    """Name of the stack."""

    mail_sender: str
    """Address that mails to RAOs come from; `off` = none are sent."""
    third_party: str
    """Our name as RAOs know it; signs the mails. `off` = the operators of the delegation."""
    mail_configuration_set: str
    """Configuration set of Amazon SES, whose events have the bounces; `off` without a sender."""

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Self:
        """Read all fields. Raises SettingMissing that names every variable that is missing or no whole number."""
        values: dict[str, str | int] = {}
        faults = []
        for setting in fields(cls):
            variable = setting.name.upper()
            text = environment.get(variable, "")
            if not text:
                faults.append(f"{variable} is missing")
            elif setting.type == "int" and not text.isdigit():
                faults.append(f"{variable} is not a whole number")
            else:
                values[setting.name] = int(text) if setting.type == "int" else text
        if faults:
            msg = f"{'; '.join(faults)}: template.yaml sets these variables"
            raise SettingMissing(msg)
        return cls(**values)  # type: ignore[arg-type]  # the types were read from the fields just now

    @property
    def registered(self) -> tuple[str, ...]:
        """`registered_addresses` as a tuple."""
        return () if self.registered_addresses == OFF else tuple(self.registered_addresses.split(","))

    @property
    def signature(self) -> str:
        """`third_party`; empty when it is off."""
        return "" if self.third_party == OFF else self.third_party

    @property
    def private_fingerprints(self) -> frozenset[str]:
        """`private_roots`, as upper-case hexadecimal without colons."""
        text = self.private_roots.replace(":", "").upper()
        return frozenset() if self.private_roots == OFF else frozenset(text.split(","))

    @property
    def limits(self) -> Limits:
        """What one run may order."""
        from renewal.domain.limits import Limits

        return Limits(self.orders_per_delegation, self.orders_per_run, self.due_share_percent / 100)

    @property
    def quiet_period(self) -> timedelta:
        """`quiet_seconds` as a span."""
        return timedelta(seconds=self.quiet_seconds)
