"""What the operator does: stores credentials, rotates a password, and follows the runbook after a failed run."""

from __future__ import annotations

import contextlib
import re
import uuid
from collections.abc import Iterator
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, NamedTuple

from campaign.fault_injection import FaultInjection
from campaign.harness import Harness
from campaign.interception.calls import Invocation, Killed
from campaign.run import Run
from campaign.scenarios import credential
from certmandate.adoption.candidate import Candidate, candidate_from_stores
from certmandate.commands import adopt
from certmandate.exit import Refused
from certmandate.stored_credential.rotation import withdraw_pending
from renewal.adapters.order_book.reader import DynamoDbOrderReader
from renewal.adapters.order_book.transitions import DynamoDbOrderTransitions
from renewal.domain.errors import (
    CertificateMismatch,
    CertificateUnusable,
    OrderConflict,
    OrderNotRecorded,
    OrderUndecided,
    RenewalError,
)
from renewal.domain.order import CLOSED
from renewal.domain.stored_certificate import stored_certificate

ROTATION_STEPS = ("createSecret", "setSecret", "testSecret", "finishSecret")
_ROTATION_SECONDS = 60.0
_SSL_ID = re.compile(r"SCM has order (\d+)")


class Operator:
    """Uses the operator's own code where there is any."""

    def __init__(self, harness: Harness) -> None:
        self._harness = harness
        self._reader = DynamoDbOrderReader(harness.aws.tables)
        self._transitions = DynamoDbOrderTransitions(harness.aws.tables)
        self._deployment: Any = SimpleNamespace(
            client=harness.aws.client, fact=harness.aws.outputs.__getitem__, secret_name=self._secret
        )

    # ---- Credentials -------------------------------------------------------------------------------------------------

    def store(self, delegation: str, login: str, password: str) -> None:
        """Store a credential, as `certmandate credential` does."""
        self._harness.store_credential(delegation, {**credential(password), "login": login})
        client, name = self._harness.aws.client("secretsmanager"), self._secret(delegation)
        versions = client.describe_secret(SecretId=name)["VersionIdsToStages"]
        *earlier, _ = (version for version, labels in versions.items() if "AWSCURRENT" in labels)
        for version in earlier:  # moto leaves the label on a version that a rotation has promoted
            client.update_secret_version_stage(SecretId=name, VersionStage="AWSCURRENT", RemoveFromVersionId=version)
        withdraw_pending(self._deployment, delegation)  # which keeps the label of a version that is current

    def rotate(self, delegation: str, injection: FaultInjection) -> None:
        """Let Secrets Manager rotate the password once, with a fault injected."""
        harness = self._harness
        injection.run_id = f"rotation-{uuid.uuid4()}"
        step = harness.environments.cold_start().rotate_password(_Context())
        ends_at = harness.time() + timedelta(seconds=_ROTATION_SECONDS)
        harness.interception.enter(Invocation(injection.run_id, "rotate_password", ends_at))
        harness.interception.injection = injection
        token = str(uuid.uuid4())
        try:
            with contextlib.suppress(RenewalError, Killed):  # the functions log in all the same, or report it
                for name in ROTATION_STEPS:
                    step(self._secret(delegation), token, name)
        finally:
            harness.interception.injection = None

    def _secret(self, delegation: str) -> str:
        return f"{self._harness.aws.outputs['SecretPrefix']}/{delegation}"

    # ---- The runbook -------------------------------------------------------------------------------------------------

    def follow_runbook(self, run: Run) -> list[str]:
        """Do for each certificate that failed in *run* what its error's section requires; return their paths."""
        failures = _failures(run)
        for failure in failures:
            if failure.error in {CertificateMismatch.__name__, CertificateUnusable.__name__}:
                self._close_order(failure)
            if failure.error == OrderUndecided.__name__:
                self._harness.order_again(failure.delegation, failure.name)
            if failure.error == OrderNotRecorded.__name__:
                self._adopt_or_order_again(failure)
            else:
                self._harness.editor.ask(failure.delegation, failure.name, "runbook")
        return [f"{failure.delegation}/{failure.name}" for failure in failures]

    def _close_order(self, failure: _Failure) -> None:
        """Revoke what was issued, unless a store serves it; then close the order as `certmandate close-order` does."""
        certificate = self._reader.certificate(failure.delegation, failure.name)
        order, now = certificate.order, self._harness.time()
        if order is None:
            return None
        if order.held_in:
            stored = stored_certificate(order, certificate, order.held_in, now)
            return self._transitions.finish(order, stored, certificate.stored, "runbook")
        self._revoke(order.ssl_id)
        return self._transitions.fail(order, CLOSED, "runbook", now, hold_until=None)

    def _adopt_or_order_again(self, failure: _Failure) -> None:
        """Adopt what the stores hold, when it is what SCM has; otherwise its key is lost, and it is ordered again."""
        self._close_order(failure)
        match = _SSL_ID.search(failure.text)
        ssl_id, spec = int(match[1]) if match else 0, self._reader.certificate(failure.delegation, failure.name).spec
        for held in self._held(spec):
            if held.leaf.x509.serial_number == self._serial(ssl_id):
                stored = adopt._stored(held, spec, ssl_id, self._harness.time())  # noqa: SLF001 - as the command does
                with contextlib.suppress(OrderConflict):  # the order book has a newer one
                    return self._harness.editor.adopt(failure.delegation, failure.name, stored)
        self._harness.order_again(failure.delegation, failure.name)
        return self._revoke(ssl_id)

    def _held(self, spec: Any) -> Iterator[Candidate]:
        with contextlib.suppress(Refused):  # the command asks on the terminal; this is what it does then
            yield candidate_from_stores(self._deployment, spec)

    def _serial(self, ssl_id: int) -> int | None:
        orders = self._harness.played.simulator.orders
        return next((order.serial_number for order in orders if order.ssl_id == ssl_id), None)

    def _revoke(self, ssl_id: int | None) -> None:
        simulator = self._harness.played.simulator
        if any((order.ssl_id, order.status) == (ssl_id, "Issued") for order in simulator.orders):
            simulator.revoke(ssl_id or 0)


class _Failure(NamedTuple):
    """A certificate with its error, or with an order that the order book lacks though nothing is due."""

    delegation: str
    name: str
    error: str
    text: str


def _failures(run: Run) -> list[_Failure]:
    if run.report is None:
        return []
    rows = [_Failure(row.delegation, row.name, row.error, row.text) for row in run.report.certificates if row.error]
    failed = {(row.delegation, row.name) for row in rows}
    unrecorded = (
        _Failure(problem.delegation, problem.certificate, problem.code, problem.text)
        for problem in run.report.problems
        if problem.code == OrderNotRecorded.__name__ and (problem.delegation, problem.certificate) not in failed
    )
    return [*rows, *unrecorded]


class _Context:
    def get_remaining_time_in_millis(self) -> int:
        return int(_ROTATION_SECONDS * 1000)
