"""A history: an estate, and what operators, the RAO, SCM and faults do to it, in some order.

Every step is a method with plain arguments, so that a failed history can be kept as a list and replayed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import chain
from typing import Any

from campaign.auditor.invariants import no_store_is_called_changed
from campaign.evidence import Evidence, gather
from campaign.fault_injection import Mode, NthCallInjection
from campaign.harness import DAY, Harness
from campaign.histories import backup
from campaign.histories.inbox import Inbox
from campaign.histories.operator import Operator
from campaign.histories.persistent_validation import PersistentValidation
from campaign.histories.rao_steps import RaoSteps
from campaign.histories.tenants import NAMES, NEIGHBOUR, Tenant, scm_of, tenants
from campaign.interception.calls import Boundary
from campaign.interception.dns import DnsState
from campaign.order_book_invariants import (
    ALWAYS,
    AT_REST,
    Invariant,
    early_orders,
    neighbours_are_untouched,
    violations,
)
from campaign.scenarios import DELEGATION, LONG, PASSWORD, PROFILE
from renewal.domain.errors import RecordUnreadable
from renewal.domain.replacement_rule import Caps, ReplacementRule
from scm_simulator import Dials, Order

DAYS_TO_REST = 20
"""The longest hold after refused orders is eight days, counted from the last refusal."""
DAYS_UNTIL_OPERATOR_ACTS = 12
RUNS_READ = 30
"""The cause of the last one's failure may lie in any of these."""
_NOWHERE = Boundary("", "", 0, "")


class Violated(AssertionError):
    """An invariant does not hold; the text has the steps so far."""


class History(RaoSteps):
    """One history of two delegations. What concerns one of them only happens to the first, never to its neighbour."""

    def __init__(self, harness: Harness, estate: Mapping[str, Tenant] | None = None, **scm: Any) -> None:
        """*estate*: the delegations, by default those of `tenants`; *scm*: arguments of `scm_of`."""
        self.harness = harness
        self.steps: list[tuple[str, Mapping[str, Any]]] = []
        self.broken = False
        self.tenants = estate or tenants()
        self.affected = self.tenants[DELEGATION]
        self.login = self.affected.logins[0]
        self.passwords = 0
        """How many the RAO has set."""
        self.is_shut_out = False
        self.is_rolled_back = False
        """Whether items may hold words of a newer version."""
        self.backup: backup.Backup | None = None
        self.is_restored = False
        self.forgotten: frozenset[str] = frozenset()
        """Tokens of orders that a restored table did not have."""
        self.reasons: Counter[str] = Counter()
        """By `delegation/certificate`: how often there was a reason to order before half of the lifetime is over."""
        self.whole: set[str] = set()
        """Runs over the whole estate."""
        self.judged = 0
        """How many runs the invariants have judged."""
        self.skew = timedelta(0)
        """By how much the functions' clock was fast in the last step."""
        harness.begin(scm_of(self.tenants, **scm), [], {}, Dials(issuance_polls=0))
        self.operator = Operator(harness)
        self.inbox = Inbox(harness, {login: each.name for each in self.tenants.values() for login in each.logins})
        self.persistent = PersistentValidation(harness, self.affected)
        for tenant in self.tenants.values():
            harness.apply(tenant.specification())
            self.operator.store(tenant.name, tenant.logins[0], PASSWORD)
            harness.prove_search(tenant.name, tenant.department)
        self.world = self.evidence()
        """As it was after the last step."""

    def step(self, name: str, **arguments: Any) -> Evidence:
        """Take a step, check the invariants that always hold, and return the world after it. Raises Violated."""
        self.steps.append((name, arguments))
        self.skew = timedelta(0)
        step: Callable[..., None] = getattr(self, name)
        before = self.harness.played.simulator.orders
        self.persistent.validate()
        step(**arguments)
        return self._judged(before)

    def evidence(self) -> Evidence:
        """Return the world as it is now."""
        return gather(self.harness, self.forgotten, runs=RUNS_READ, judged=self.judged)

    def _judged(self, before: Sequence[Order]) -> Evidence:
        """Check the invariants that always hold; *before*: the orders before the last step. Raises Violated."""
        self.world = self.evidence()
        self.judged = len(self.harness.played.runs)
        self.require([*violations(self.world, self._always()), *self._found(self.world, before)])
        return self.world

    def _always(self) -> Sequence[Invariant]:
        """A restored table has an earlier certificate than the stores: until it is adopted, they count as changed."""
        return [each for each in ALWAYS if not (self.is_restored and each is no_store_is_called_changed)]

    def _found(self, evidence: Evidence, before: Sequence[Order]) -> Iterator[str]:
        """What only this history can judge; *before*: the orders before its last step."""
        yield from neighbours_are_untouched(evidence, NEIGHBOUR, self.whole)
        yield from self.inbox.faults(evidence)
        if self.steps[-1][0] in {"run", "finish"} and not self.is_rolled_back:
            yield from self.persistent.misjudged(evidence.runs[-1])
        for path, count in early_orders(evidence).items():
            if count > self.reasons[path]:
                yield f"{path} was ordered {count} times before half of a lifetime, with {self.reasons[path]} reasons"
        ends = self.affected.mandate_ends
        for order in evidence.scm[len(before) :]:
            known = (order.requested_at + self.skew).date()
            if ends and order.department_id == self.affected.department and known > ends:
                yield f"order {order.ssl_id} was placed after the mandate had ended"

    def _give_reason(self, *certificates: str) -> None:
        for certificate in certificates:
            self.reasons[self._tenant_of(certificate).specs[certificate].path] += 1

    # ---- Runs --------------------------------------------------------------------------------------------------------

    def run(self) -> None:
        """The daily run."""
        self.whole.add(self.harness.daily_run().run_id)

    def hourly_run(self) -> None:
        """The hourly run, which orders only for a replacement rule with a deadline."""
        self.harness.time.pass_seconds(3600)
        self.harness.run(open_orders_only=True, scheduled_at="hourly")

    def hourly_run_with_fault(self, mode: str, nth: int) -> None:
        """An hourly run with a fault at its nth call."""
        self.harness.time.pass_seconds(3600)
        self.harness.run_with(self._fault(mode, nth), open_orders_only=True, scheduled_at="hourly")

    def force(self, certificate: str) -> None:
        """A manual run that replaces a certificate."""
        if self._asked(certificate):
            self.harness.run(certificates=[self._tenant_of(certificate).specs[certificate].path], reason="drill")

    def run_with_fault(self, mode: str, nth: int) -> None:
        """A daily run with a fault at its nth call."""
        self.harness.time.pass_seconds(DAY)
        self.harness.run_with(self._fault(mode, nth))

    def run_with_wrong_clock(self, hours: int) -> None:
        """A run whose functions' clock is *hours* fast, or slow when negative."""
        self._give_reason(*NAMES)
        self.skew = self.harness.skew = timedelta(hours=hours)
        self.harness.run()
        self.harness.skew = timedelta(0)

    # ---- Time and the operator ---------------------------------------------------------------------------------------

    def days(self, count: int) -> None:
        """Days on which no run starts."""
        self.harness.time.pass_seconds(count * DAY)

    def until_end(self, days: int) -> None:
        """No run starts until the stored certificate that ends first has so many *days* left."""
        end = min((datetime.fromisoformat(each["not_after"]) for each in self.world.announced().values()), default=None)
        if end and (wait := end - self.harness.time() - days * timedelta(days=1)) > timedelta(0):
            self.harness.time.pass_seconds(wait.total_seconds())

    def ask(self, certificate: str) -> None:
        """The operator requests a new certificate."""
        self._asked(certificate)

    def _asked(self, certificate: str) -> bool:
        """Request a new certificate, unless its item cannot be read: the command refuses then."""
        try:
            self.harness.editor.ask(*self._tenant_of(certificate).specs[certificate].record_key, "drill")
        except RecordUnreadable:
            return False
        self._give_reason(certificate)
        return True

    def replace_everything(self, *, orders: int = 0) -> None:
        """The CA has to revoke: the operator stores a rule, for *orders* a run (0: the caps of the stack)."""
        self._give_reason(*NAMES)
        now, caps = self.harness.time(), Caps(orders, orders) if orders else None
        rule = ReplacementRule(now, "", "incident", deadline=now + timedelta(hours=24), caps=caps, asked_at=now)
        reader = self.harness.reader
        read = [reader.certificates(name) for name in reader.delegations()]
        is_whole = not any(each.unreadable for each in read)  # otherwise nothing is listed, as by the command
        self.harness.editor.add_replacement(rule, chain.from_iterable(read) if is_whole else ())

    def respecify(
        self, certificate: str, *, names: int = 0, stores: int = 0, key: str = "P-256", profile: int = PROFILE
    ) -> None:
        """The operator applies another file: other names, stores, key type or profile."""
        self._give_reason(certificate)
        tenant = self._tenant_of(certificate)
        tenant.respecify(certificate, names=names, stores=stores, key=key, profile=profile)
        self._apply(tenant)

    def revoke(self, certificate: str) -> None:
        """The RAO revokes the certificate."""
        self._give_reason(certificate)
        for order in self.harness.played.simulator.orders:
            if order.status == "Issued" and order.comments.endswith(f"/{certificate}"):
                self.harness.played.simulator.revoke(order.ssl_id)

    def end_mandate(self, days: int) -> None:
        """The mandate ends in some days, or has ended when negative."""
        self.affected.mandate_ends = (self.harness.time() + timedelta(days=days)).date()
        self._apply(self.affected)

    def extend_mandate(self) -> None:
        """The mandate is extended."""
        self.affected.mandate_ends = None
        self._apply(self.affected)

    def back_up(self) -> None:
        """The table as it is now is the one to which it is restored."""
        self.backup = backup.taken(self.harness)

    def restore(self) -> None:
        """The table is put back to the backup, and the operator applies the files again."""
        if self.backup is not None:
            self.is_restored = True
            self.forgotten |= backup.restore(self.harness, self.backup)
            self.is_rolled_back = True  # the backup may be of that time
            for tenant in self.tenants.values():
                self._apply(tenant)

    def roll_back(self, written: str) -> None:
        """A newer version of the code wrote items, and was rolled back."""
        backup.write_as_newer_version(self.harness, self.affected.name, backup.Written(written))
        self.is_rolled_back = True

    def upgrade(self) -> None:
        """The newer version is deployed again."""
        backup.upgrade(self.harness, self.affected.name)
        self.is_rolled_back = False

    # ---- The account -------------------------------------------------------------------------------------------------

    def change_password(self) -> None:
        """The password is changed in SCM, not in the secret."""
        self.harness.played.simulator.set_password(self.login, self._new_password())
        self.is_shut_out = True

    def store_password(self) -> None:
        """The RAO unlocks the account with another password, and the operator stores it."""
        password = self._new_password()
        self.harness.played.simulator.set_password(self.login, password)
        self.operator.store(self.affected.name, self.login, password)
        self.is_shut_out = False

    def replace_login(self) -> None:
        """The operator stores another account of the department."""
        first, second = self.affected.logins
        self.login = second if self.login == first else first
        self.store_password()

    def rotate(self, mode: str, nth: int) -> None:
        """The password is rotated, with a fault at the rotation's nth call: then a new one is left pending."""
        self.operator.rotate(self.affected.name, self._fault(mode, nth))

    def follow_runbook(self) -> None:
        """The operator does what the runbook requires after the last run."""
        self.reasons.update(self.operator.follow_runbook(self.harness.played.runs[-1]))

    # ---- The end -----------------------------------------------------------------------------------------------------

    def finish(self) -> None:
        """Remove all faults, and run daily until the estate is at rest. Raises Violated."""
        self.steps.append(("finish", {}))
        self.remove_obstacles()
        for day in range(DAYS_TO_REST):
            before = self.harness.played.simulator.orders
            self.persistent.validate()
            run = self.harness.daily_run()
            self.whole.add(run.run_id)
            if not violations(self._judged(before), AT_REST):
                break
            if day > DAYS_UNTIL_OPERATOR_ACTS and run.status == "FAILED":
                self.follow_runbook()
        self.require([*violations(self.evidence(), AT_REST), *self.inbox.alarms()])

    def remove_obstacles(self) -> None:
        """Let SCM issue, the RAO validate, the account log in, DNS answer, the mandate hold, and items be readable."""
        for name in self.tenants:
            self.validate(name, LONG)
        self.scm_becomes(issuance_polls=0, issuance_seconds=0.0, outcome="issued", auto_approve=True)
        self.decide_orders(approve=True)
        if self.is_shut_out:
            self.store_password()
        self.dns_becomes(DnsState.CURRENT)
        self.publish_record()
        if self.affected.mandate_ends is not None:
            self.extend_mandate()
        if self.is_rolled_back:
            self.upgrade()

    def require(self, found: Sequence[str]) -> None:
        """Raise Violated when an invariant was *found* not to hold."""
        if found:
            self.broken = True
            played = "\n".join(f'    ("{name}", {dict(arguments)!r}),' for name, arguments in self.steps)
            raise Violated("\n".join([*found, "after", played]))

    def _fault(self, mode: str, nth: int) -> NthCallInjection:
        return NthCallInjection(self.harness, Mode(mode), _NOWHERE, nth=nth)

    def _tenant_of(self, certificate: str) -> Tenant:
        return next(tenant for tenant in self.tenants.values() if certificate in tenant.specs)

    def _apply(self, tenant: Tenant) -> None:
        """`certmandate apply` refuses while an item cannot be read: then the newer version is deployed first."""
        if self.is_rolled_back:
            self.upgrade()
        self.harness.apply(tenant.specification())

    def _new_password(self) -> str:
        self.passwords += 1
        return f"{PASSWORD}{self.passwords}"


def replay(harness: Harness, steps: Sequence[tuple[str, Mapping[str, Any]]]) -> None:
    """Replay a kept history to its end. Raises Violated."""
    history = History(harness)
    for name, arguments in steps:
        if name != "finish":
            history.step(name, **arguments)
    history.finish()
