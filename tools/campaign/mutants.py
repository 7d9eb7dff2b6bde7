"""The product without one of its protections. A campaign that does not detect the difference proves nothing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from functools import partial
from typing import Any

from campaign.environments import Mutation
from renewal.adapters.acm import Acm
from renewal.adapters.objects import S3Certificates, _files, _folder, _pointer_to
from renewal.domain.due import Cause
from renewal.domain.errors import AcmRefused, OrderConflict
from renewal.domain.order import EnrollRequest, ManagedCertificate, Order, OrderStatus
from renewal.domain.run.payload import Progress, Task
from renewal.ports.scm import CertificateAuthority
from renewal.ports.stores import CertificateWithKey
from renewal.steps.enroll import Enroll


@dataclass(frozen=True, slots=True)
class PostAgain(Enroll):
    """Posts again at once when an answer was lost, as most clients do."""

    def _resume(
        self, order: Order, _record: Any, _authority: CertificateAuthority, task: Task, _permission: Any
    ) -> Order:
        return self.transitions.claim_post(order, self.clock(), task.run_id)


@dataclass(frozen=True, slots=True)
class BelieveSilence(Enroll):
    """Believes that an order that SCM does not list does not exist (O1)."""

    def _require_absent(self, *found: Any, is_permitted: bool) -> None:  # noqa: ARG002
        Enroll._require_absent(self, *found, is_permitted=True)  # noqa: SLF001


@dataclass(frozen=True, slots=True)
class CompareTimes(Enroll):
    """Infers from times whether the order that the plan was to collect has been stored since (O11)."""

    def _done_by_another(self, certificate: ManagedCertificate, record: Any, task: Task, rules: Any) -> Progress | None:
        stored = certificate.stored
        if set(task.causes) == {Cause.ORDER_OPEN} and not (stored and stored.stored_at >= task.started_at):
            raise OrderConflict(task.certificate)
        return Enroll._done_by_another(self, certificate, record, task, rules)  # noqa: SLF001


@dataclass(frozen=True, slots=True)
class SkipIntent(Enroll):
    """Posts first, and records the order when SCM has answered."""

    def _begin(self, *arguments: Any) -> Order:
        authority = self.accounts.authority(arguments[1].delegation.name)
        posted = replace(self, transitions=_PostsFirst(self.transitions, authority))
        order = Enroll._begin(posted, *arguments)  # noqa: SLF001
        return self.book.certificate(order.delegation, order.certificate).order or order


@dataclass(frozen=True)
class _PostsFirst:
    """Transitions whose intent is written after the POST."""

    transitions: Any
    authority: CertificateAuthority

    def open(self, order: Order, revision: int) -> None:
        """Order, then record the order."""
        request = EnrollRequest.of(order)
        ssl_id = self.authority.enroll(request)
        self.transitions.open(replace(order, ssl_id=ssl_id, status=OrderStatus.ORDERED), revision)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.transitions, name)


class PointerFirst(S3Certificates):
    """Flips the pointer, and then writes the files."""

    def put(self, pair: CertificateWithKey) -> str:
        """Write in the wrong order."""
        leaf, folder = pair.chain.leaf, _folder(pair.spec.delegation, pair.spec.name)
        pointer = self._bucket.write(f"{folder}/current.json", _pointer_to(leaf, folder))
        for name, content in _files(pair).items():
            self._bucket.write(f"{folder}/{leaf.serial}/{name}", content)
        return pointer


class DescribeAgain(Acm):
    """Requires that ACM shows the new certificate at once after a re-import (O11)."""

    def put(self, pair: CertificateWithKey, region: str, arn: str | None) -> str:
        """Import, and compare what ACM describes."""
        made = super().put(pair, region, arn)
        if self._held(region, made).serial != pair.chain.leaf.serial:
            msg = f"{made} does not hold what was imported"
            raise AcmRefused(msg)
        return made


class ImportAgain(Acm):
    """Imports without a search for an earlier import."""

    def find(self, pair: CertificateWithKey, region: str) -> str | None:  # noqa: ARG002
        """Find nothing, although an earlier attempt may have imported it."""
        return None


def _as(kind: type[Any], step: Any) -> Any:
    return kind(**{member.name: getattr(step, member.name) for member in fields(step)})


def _pointer_first(step: Any) -> Any:
    objects = step.stores.objects
    return replace(step, stores=replace(step.stores, objects=PointerFirst(objects._client, objects._bucket.name)))  # noqa: SLF001


def _with_acm(kind: type[Acm], step: Any) -> Any:
    return replace(step, stores=replace(step.stores, acm=kind(step.stores.acm._client_for)))  # noqa: SLF001


class _Nothing(dict[str, str]):
    """Refused versions of a credential, none of which is remembered."""

    def __contains__(self, _version: object) -> bool:
        return False


def _try_again(step: Any) -> Any:
    step.accounts._refused = defaultdict(_Nothing)  # noqa: SLF001
    return step


def _of(function: str, mutate: Callable[[Any], Any]) -> Mutation:
    return lambda name, step: mutate(step) if name == function else step


MUTANTS: Mapping[str, Mutation] = {
    "post-again": _of("enroll", partial(_as, PostAgain)),
    "compare-times": _of("enroll", partial(_as, CompareTimes)),
    "skip-intent": _of("enroll", partial(_as, SkipIntent)),
    "pointer-first": _of("collect", _pointer_first),
    "import-again": _of("collect", partial(_with_acm, ImportAgain)),
    "believe-silence": _of("enroll", partial(_as, BelieveSilence)),
    "describe-again": _of("collect", partial(_with_acm, DescribeAgain)),
    "try-again": _of("inspect_delegation", _try_again),
}
"""Mutations by name."""
