"""A history: an estate, and what operators, the RAO, SCM and faults do to it, in some order.

Every step is a method with plain arguments, so that a failed history can be kept as a list and replayed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from campaign.evidence import gather
from campaign.fault_injection import Mode, NthCallInjection
from campaign.harness import DAY, Harness, Run
from campaign.interception.calls import Boundary
from campaign.invariants import ALWAYS, AT_REST, violations
from campaign.scenarios import (
    DELEGATION,
    DEPARTMENT,
    LOGIN,
    PARIS,
    PASSWORD,
    PROFILE,
    VIRGINIA,
    credential,
    specification,
    world,
)
from renewal.domain.delegation import S3, CertificateSpec
from renewal.domain.errors import CertificateMismatch, CertificateUnusable, OrderUnconfirmed
from renewal.domain.keypair import KeyType
from scm_simulator import Dials

CERTIFICATES = ("idp", "www")
STORES = ((S3,), (PARIS,), (S3, PARIS), (PARIS, VIRGINIA))
NAMES = {
    "idp": (("idp.univ.example",), ("idp.univ.example", "login.idp.univ.example")),
    "www": (("www.idp.univ.example",), ("www.idp.univ.example", "web.idp.univ.example")),
}
DAYS_TO_REST = 20
"""The longest hold after refused orders is eight days, counted from the last refusal."""
DAYS_UNTIL_OPERATOR_ACTS = 12
_NOWHERE = Boundary("", "", 0, "")


class Violated(AssertionError):
    """An invariant does not hold; the text has the steps so far."""


class History:
    """One history."""

    def __init__(self, harness: Harness) -> None:
        self.harness = harness
        self.steps: list[tuple[str, Mapping[str, Any]]] = []
        self.broken = False
        self.password, self.stored_password = PASSWORD, PASSWORD
        self.specs: dict[str, CertificateSpec] = {
            name: CertificateSpec(DELEGATION, name, NAMES[name][0], PROFILE) for name in CERTIFICATES
        }
        harness.begin(world(), [self._specification()], {DELEGATION: credential()}, Dials(issuance_polls=0))
        harness.prove_search(DELEGATION, DEPARTMENT)

    def step(self, name: str, **arguments: Any) -> None:
        """Take a step and check the invariants that always hold. Raises Violated."""
        self.steps.append((name, arguments))
        step: Callable[..., None] = getattr(self, name)
        step(**arguments)
        self._require(violations(gather(self.harness), ALWAYS))

    # ---- Runs --------------------------------------------------------------------------------------------------------

    def run(self) -> None:
        """The daily run."""
        self.harness.daily_run()

    def follow_up(self) -> None:
        """The hourly run, which orders nothing."""
        self.harness.time.pass_seconds(3600)
        self.harness.run(open_orders_only=True, scheduled_at="hourly")

    def force(self, certificate: str) -> None:
        """A manual run that replaces a certificate."""
        self.harness.run(certificates=[f"{DELEGATION}/{certificate}"], force=True, reason="drill")

    def run_with_fault(self, mode: str, nth: int) -> None:
        """A daily run with a fault at its nth call."""
        self.harness.time.pass_seconds(DAY)
        self.harness.run_with(NthCallInjection(self.harness, Mode(mode), _NOWHERE, nth=nth))

    def run_with_wrong_clock(self, hours: int) -> None:
        """A run whose functions' clock is *hours* fast, or slow when negative."""
        self.harness.skew = timedelta(hours=hours)
        self.harness.run()
        self.harness.skew = timedelta(0)

    # ---- Time and the operator ---------------------------------------------------------------------------------------

    def days(self, count: int) -> None:
        """Days on which no run starts."""
        self.harness.time.pass_seconds(count * DAY)

    def ask(self, certificate: str) -> None:
        """The operator requests a new certificate."""
        self.harness.editor.ask(DELEGATION, certificate, "because", self.harness.time())

    def respecify(
        self, certificate: str, *, names: int = 0, stores: int = 0, key: str = "P-256", profile: int = PROFILE
    ) -> None:
        """The operator applies another file."""
        self.specs[certificate] = replace(
            self.specs[certificate],
            names=NAMES[certificate][names],
            stores=STORES[stores],
            key_type=KeyType(key),
            profile_id=profile,
        )
        self.harness.apply(self._specification())

    # ---- SCM and the RAO ---------------------------------------------------------------------------------------------

    def scm_becomes(self, **dials: Any) -> None:
        """Set SCM's dials: slow issuance, refusals, approval."""
        for name, value in dials.items():
            setattr(self.harness.played.simulator.dials, name, value)

    def revoke(self, certificate: str) -> None:
        """The RAO revokes the certificate."""
        for order in self.harness.played.simulator.orders:
            if order.status == "Issued" and order.comments.endswith(f"{DELEGATION}/{certificate}"):
                self.harness.played.simulator.revoke(order.ssl_id)

    def decide_orders(self, *, approve: bool) -> None:
        """The RAO approves or declines the waiting orders."""
        simulator = self.harness.played.simulator
        for order in simulator.orders:
            if order.status == "Requested":
                (simulator.approve if approve else simulator.decline)(order.ssl_id)

    def change_password(self) -> None:
        """The password is changed in SCM, not in the secret."""
        self.password += "x"
        self.harness.played.simulator.set_password(LOGIN, self.password)

    def store_password(self) -> None:
        """The operator stores the right password; SCM unlocks the account."""
        self.harness.played.simulator.unlock(LOGIN)
        if self.password != self.stored_password:
            self.stored_password = self.password
            self.harness.store_credential(DELEGATION, credential(self.password))

    def lock(self) -> None:
        """SCM locks the account."""
        self.harness.played.simulator.lock(LOGIN)

    # ---- The end -----------------------------------------------------------------------------------------------------

    def finish(self) -> None:
        """Remove all faults, and run daily until the estate is at rest. Raises Violated."""
        self.steps.append(("finish", {}))
        self.scm_becomes(issuance_polls=0, issuance_seconds=0.0, outcome="issued", auto_approve=True)
        self.decide_orders(approve=True)
        self.store_password()
        for day in range(DAYS_TO_REST):
            run = self.harness.daily_run()
            evidence = gather(self.harness)
            self._require(violations(evidence, ALWAYS))
            if not violations(evidence, AT_REST):
                return
            if day > DAYS_UNTIL_OPERATOR_ACTS and run.status == "FAILED":
                self._act_as_operator(run)
        self._require(violations(gather(self.harness), AT_REST))

    def _act_as_operator(self, run: Run) -> None:
        """Follow the runbook: close orders with a wrong certificate, and request new ones."""
        for row in run.report.certificates if run.report else ():
            if row.error in {CertificateMismatch.__name__, CertificateUnusable.__name__}:
                self._close_order(row.name)
            if row.error == OrderUnconfirmed.__name__:
                self.harness.run(certificates=[row.path], order_again=True, reason="runbook")
        for name in CERTIFICATES:
            self.harness.editor.ask(DELEGATION, name, "runbook", self.harness.time())

    def _close_order(self, certificate: str) -> None:
        """Revoke what was issued, then close the order."""
        simulator, ssl_id = self.harness.played.simulator, self.harness.close_order(DELEGATION, certificate)
        for order in simulator.orders:
            if (order.ssl_id, order.status) == (ssl_id, "Issued"):
                simulator.revoke(order.ssl_id)

    def _require(self, found: Sequence[str]) -> None:
        if found:
            self.broken = True
            played = "\n".join(f'    ("{name}", {dict(arguments)!r}),' for name, arguments in self.steps)
            raise Violated("\n".join([*found, "after", played]))

    def _specification(self) -> Any:
        whole = specification((S3,))
        return replace(whole, certificates=tuple(self.specs.values()))


def replay(harness: Harness, steps: Sequence[tuple[str, Mapping[str, Any]]]) -> None:
    """Replay a kept history to its end. Raises Violated."""
    history = History(harness)
    for name, arguments in steps:
        if name != "finish":
            history.step(name, **arguments)
    history.finish()
