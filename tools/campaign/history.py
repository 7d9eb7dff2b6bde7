"""A history: an estate, and what operators, the RAO, SCM and mishaps do to it in some order.

Every step is a method with plain arguments, so that a history that failed can be kept as a list and played again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from campaign.evidence import gather
from campaign.invariants import ALWAYS, AT_REST, violations
from campaign.scenarios import DELEGATION, LOGIN, PARIS, PASSWORD, PROFILE, VIRGINIA, credential, specification, world
from campaign.stage import Run, Stage
from campaign.strikes import Mode, NthStrike
from campaign.wire import Boundary
from certmandate.certificate_state import CLOSED
from renewal.adapters.order_book.reader import DynamoDbOrderReader
from renewal.adapters.order_book.table import Table
from renewal.adapters.order_book.transitions import DynamoDbOrderTransitions
from renewal.domain.delegation import S3, CertificateSpec
from renewal.domain.errors import CertificateMismatch
from renewal.domain.keypair import KeyType
from scm_simulator import Dials

CERTIFICATES = ("idp", "www")
STORES = ((S3,), (PARIS,), (S3, PARIS), (PARIS, VIRGINIA))
NAMES = {
    "idp": (("idp.univ.example",), ("idp.univ.example", "login.idp.univ.example")),
    "www": (("www.idp.univ.example",), ("www.idp.univ.example", "web.idp.univ.example")),
}
DAYS_TO_REST = 20
"""The longest hold after refused orders is eight days; what was declined on the last day waits that long."""
DAYS_UNTIL_A_PERSON_ACTS = 12
_NOWHERE = Boundary("", "", 0, "")


class Violated(AssertionError):
    """An invariant does not hold; the text has the history up to here."""


class History:
    """One history on a stage."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.steps: list[tuple[str, Mapping[str, Any]]] = []
        self.broken = False
        self.password, self.stored_password = PASSWORD, PASSWORD
        self.specs: dict[str, CertificateSpec] = {
            name: CertificateSpec(DELEGATION, name, NAMES[name][0], PROFILE) for name in CERTIFICATES
        }
        stage.begin(world(), [self._specification()], {DELEGATION: credential()}, Dials(issuance_polls=0))

    def step(self, name: str, **arguments: Any) -> None:
        """Do one step and check all that must always hold. Raises Violated."""
        self.steps.append((name, arguments))
        step: Callable[..., None] = getattr(self, name)
        step(**arguments)
        self._require(violations(gather(self.stage), ALWAYS))

    # ---- Runs --------------------------------------------------------------------------------------------------------

    def run(self) -> None:
        """The daily run."""
        self.stage.daily_run()

    def follow_up(self) -> None:
        """The hourly run, which orders nothing."""
        self.stage.time.pass_seconds(3600)
        self.stage.run(open_orders_only=True)

    def force(self, certificate: str) -> None:
        """A run by hand that replaces one certificate."""
        self.stage.run(certificates=[f"{DELEGATION}/{certificate}"], force=True, reason="drill")

    def struck_run(self, mode: str, nth: int) -> None:
        """A daily run that is struck at its nth call."""
        stage = self.stage
        stage.time.pass_seconds(86_400)
        run_id = stage.next_run_id()
        strike = NthStrike(Mode(mode), _NOWHERE, run_id, self._rival, stage.time, nth=nth)
        stage.wire.strike = strike
        stage.run(run_id)
        stage.wire.strike = None

    def run_with_wrong_clock(self, hours: int) -> None:
        """A run whose functions are so many hours ahead of the world, or behind it."""
        self.stage.skew = timedelta(hours=hours)
        self.stage.run()
        self.stage.skew = timedelta(0)

    def _rival(self) -> None:
        strike, self.stage.wire.strike = self.stage.wire.strike, None
        self.stage.run()
        self.stage.wire.strike = strike

    # ---- Time and wishes ---------------------------------------------------------------------------------------------

    def days(self, count: int) -> None:
        """Days on which no run starts."""
        self.stage.time.pass_seconds(count * 86_400)

    def ask(self, certificate: str) -> None:
        """The operator asks for a new certificate."""
        self.stage.editor.ask(DELEGATION, certificate, "because", self.stage.time())

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
        self.stage.apply(self._specification())

    # ---- SCM and the RAO ---------------------------------------------------------------------------------------------

    def scm_becomes(self, **dials: Any) -> None:
        """SCM issues slowly, refuses, or wants approval from now on."""
        for name, value in dials.items():
            setattr(self.stage.played.simulator.dials, name, value)

    def revoke(self, certificate: str) -> None:
        """The RAO revokes what is served."""
        for order in self.stage.played.simulator.orders:
            if order.status == "Issued" and order.comments.endswith(f"{DELEGATION}/{certificate}"):
                self.stage.played.simulator.revoke(order.ssl_id)

    def decide_orders(self, *, approve: bool) -> None:
        """The RAO approves, or declines, what waits for it."""
        simulator = self.stage.played.simulator
        for order in simulator.orders:
            if order.status == "Requested":
                (simulator.approve if approve else simulator.decline)(order.ssl_id)

    def change_password(self) -> None:
        """Somebody changes the password in SCM."""
        self.password += "x"
        self.stage.played.simulator.set_password(LOGIN, self.password)

    def store_password(self) -> None:
        """The operator stores the right one, and has the account unlocked."""
        self.stage.played.simulator.unlock(LOGIN)
        if self.password != self.stored_password:
            self.stored_password = self.password
            self.stage.store_credential(DELEGATION, credential(self.password))

    def lock(self) -> None:
        """SCM locks the account."""
        self.stage.played.simulator.lock(LOGIN)

    # ---- The end -----------------------------------------------------------------------------------------------------

    def finish(self) -> None:
        """Let everything get well, and run daily until the estate is at rest. Raises Violated."""
        self.steps.append(("finish", {}))
        self.scm_becomes(issuance_polls=0, issuance_seconds=0.0, outcome="issued", auto_approve=True)
        self.decide_orders(approve=True)
        self.store_password()
        for day in range(DAYS_TO_REST):
            run = self.stage.daily_run()
            evidence = gather(self.stage)
            self._require(violations(evidence, ALWAYS))
            if not violations(evidence, AT_REST):
                return
            if day > DAYS_UNTIL_A_PERSON_ACTS and run.status == "FAILED":
                self._answer_the_page(run)
        self._require(violations(gather(self.stage), AT_REST))

    def _answer_the_page(self, run: Run) -> None:
        """Do what the runbook says: end what is not as asked, and ask again. What nobody was told of stays."""
        for row in run.report.certificates if run.report else ():
            if row.error == CertificateMismatch.__name__:
                self._close_order(row.name)
        for name in CERTIFICATES:
            self.stage.editor.ask(DELEGATION, name, "answering the page", self.stage.time())

    def _close_order(self, certificate: str) -> None:
        """What was issued is revoked if it still can be; then `certmandate close-order`."""
        aws = self.stage.aws
        table = Table(aws.client("dynamodb"), aws.outputs["OrdersTable"])
        if order := DynamoDbOrderReader(table).certificate(DELEGATION, certificate).order:
            simulator = self.stage.played.simulator
            for one in simulator.orders:
                if (one.ssl_id, one.status) == (order.ssl_id, "Issued"):
                    simulator.revoke(one.ssl_id)
            transitions = DynamoDbOrderTransitions(table)
            transitions.fail(order, CLOSED, "answering the page", self.stage.time(), hold_until=None)

    def _require(self, found: Sequence[str]) -> None:
        if found:
            self.broken = True
            played = "\n".join(f'    ("{name}", {dict(arguments)!r}),' for name, arguments in self.steps)
            raise Violated("\n".join([*found, "after", played]))

    def _specification(self) -> Any:
        whole = specification((S3,))
        return replace(whole, certificates=tuple(self.specs.values()))


def replay(stage: Stage, steps: Sequence[tuple[str, Mapping[str, Any]]]) -> None:
    """Play a history that was kept, to its end. Raises Violated."""
    history = History(stage)
    for name, arguments in steps:
        if name != "finish":
            history.step(name, **arguments)
    history.finish()
