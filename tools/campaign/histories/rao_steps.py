"""What SCM, the RAO and the administrators of the RAO's DNS do in a history."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from campaign.harness import Harness
from campaign.histories.persistent_validation import PersistentValidation
from campaign.histories.tenants import Tenant
from campaign.interception.dns import DnsState


class RaoSteps:
    """Steps of a `History`."""

    harness: Harness
    tenants: Mapping[str, Tenant]
    persistent: PersistentValidation
    login: str
    """Of the first delegation's account."""
    is_shut_out: bool
    """Whether its stored password was made wrong or to end, or it was locked, since a credential was stored."""

    # ---- Orders and certificates -------------------------------------------------------------------------------------

    def scm_becomes(self, **dials: Any) -> None:
        """Set SCM's dials: slow issuance, refusals, approval, the chain."""
        for name, value in dials.items():
            setattr(self.harness.played.simulator.dials, name, value)

    def change_issuers(self) -> None:
        """The CA issues from new intermediates."""
        self.harness.played.simulator.change_issuers()

    def validate(self, delegation: str, days: int) -> None:
        """The RAO validates a delegation's domains again."""
        self.harness.played.simulator.validate_domains(self.tenants[delegation].department, days)

    def decide_orders(self, *, approve: bool) -> None:
        """The RAO approves or declines the waiting orders."""
        simulator = self.harness.played.simulator
        for order in simulator.orders:
            if order.status == "Requested":
                (simulator.approve if approve else simulator.decline)(order.ssl_id)

    # ---- The account -------------------------------------------------------------------------------------------------

    def lock(self) -> None:
        """SCM locks the account."""
        self.harness.played.simulator.lock(self.login)
        self.is_shut_out = True

    def end_password(self, days: int) -> None:
        """SCM's policy is made stricter: the password ends in so many *days*."""
        self.harness.played.simulator.end_password(self.login, timedelta(days=days))
        self.is_shut_out = True

    def unlock(self) -> None:
        """The RAO unlocks the account."""
        self.harness.played.simulator.unlock(self.login)

    # ---- Persistent validation ---------------------------------------------------------------------------------------

    def validate_persistently(self) -> None:
        """The RAO publishes the record by which the CA validates the first delegation's domains from now on."""
        self.persistent.begin()

    def publish_record(self) -> None:
        """The record is in DNS again."""
        self.persistent.publish()

    def remove_record(self) -> None:
        """The record vanishes from DNS."""
        self.persistent.remove()

    def dns_becomes(self, state: str) -> None:
        """DNS answers late, not at all, or as it should."""
        self.harness.played.dns.state = DnsState(state)
