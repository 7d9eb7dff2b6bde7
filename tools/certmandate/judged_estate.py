"""The judgements of the certificates in the order book, and the problems of their delegations."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import TypeVar

from renewal.domain.delegation import CertificateSpec
from renewal.domain.errors import Failure, RecordUnreadable
from renewal.domain.judgement.acting_times import ActingTimes
from renewal.domain.judgement.certificate import Judgement, judge
from renewal.domain.judgement.delegation import problems_of, rule_problems
from renewal.domain.judgement.outdated import without_resolved
from renewal.domain.judgement.problem import Problem, affects
from renewal.domain.limits import NOTHING_LEFT_OUT, LeftOut
from renewal.domain.order import ManagedCertificate
from renewal.domain.replacement_rule import ReplacementRule
from renewal.domain.setup.inspection import DelegationRecord

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class JudgedEstate:
    """What is judged at one time."""

    at: datetime
    certificates: tuple[Judgement, ...]
    """Most urgent first."""
    problems: tuple[Problem, ...]
    """Most urgent first."""

    @property
    def needs_attention(self) -> bool:
        """Whether the operator or a RAO must act now."""
        return any(problem.needs_attention for problem in self.problems)

    def only(self, states: Collection[str], before: datetime | None = None) -> JudgedEstate:
        """Return the certificates in *states*, any when empty, that expire *before* a time, with their problems.

        The problems of their delegations, and of no delegation, are included; their severity still reflects all
        certificates.
        """
        certificates = tuple(
            judgement
            for judgement in self.certificates
            if not states or judgement.state.label in states
            if before is None or _expires_before(judgement, before)
        )
        paths = {judgement.path for judgement in certificates}
        delegations = {"", *(judgement.certificate.spec.delegation for judgement in certificates)}
        problems = tuple(
            each
            for each in self.problems
            if each.path in paths or (not each.certificate and each.delegation in delegations)
        )
        return JudgedEstate(self.at, certificates, problems)

    def of_delegations(self) -> dict[str, list[Judgement]]:
        """Return the judgements of each delegation that has certificates, most urgent first."""
        return _grouped(self.certificates, lambda judgement: judgement.certificate.spec.delegation)

    def problems_of_delegations(self) -> dict[str, list[Problem]]:
        """Return the problems of each delegation that has any, most urgent first."""
        return _grouped(self.problems, lambda problem: problem.delegation)

    def problems_of(self, delegation: str) -> tuple[Problem, ...]:
        """Return the problems of a delegation."""
        return tuple(problem for problem in self.problems if problem.delegation == delegation)

    def problems_for(self, spec: CertificateSpec) -> tuple[Problem, ...]:
        """Return the problems that concern one certificate: its own, and those of its delegation or its names."""
        return tuple(problem for problem in self.problems_of(spec.delegation) if affects(problem, spec))


def _expires_before(judgement: Judgement, time: datetime) -> bool:
    stored = judgement.certificate.stored
    return stored is not None and stored.not_after < time


def judged_estate(
    records: Mapping[str, DelegationRecord],
    certificates: Iterable[ManagedCertificate],
    now: datetime,
    times: ActingTimes,
    *,
    replacements: Iterable[ReplacementRule] = (),
    unreadable: Iterable[RecordUnreadable] = (),
    failures: Mapping[str, Failure] = MappingProxyType({}),
    left_out: LeftOut = NOTHING_LEFT_OUT,
) -> JudgedEstate:
    """Return the judgements of *certificates*, whose delegations are *records*; *unreadable*: the other items.

    *failures*: what runs have failed for and the order book does not have, by certificate or delegation; *left_out*:
    what the plan of the next daily run does not order.
    """
    rules, faults, certificates = tuple(replacements), tuple(unreadable), tuple(certificates)
    records = _without_resolved(records, certificates, {error.delegation for error in faults}, now)
    judged = [
        judge(
            each,
            records.get(each.spec.delegation),
            now,
            times,
            replacements=rules,
            failure=failures.get(each.spec.path),
            left_out=left_out,
        )
        for each in certificates
    ]
    judgements = _grouped(judged, lambda judgement: judgement.certificate.spec.delegation)
    names = dict.fromkeys((*records, *(error.delegation for error in faults if error.delegation)))
    problems = [*rule_problems(error for error in faults if not error.delegation)]
    for name in names:
        damaged = [error for error in faults if error.delegation == name]
        record, failure, mine = records.get(name), failures.get(name), judgements.get(name, ())
        problems += problems_of(name, record, mine, now, times, failure=failure, unreadable=damaged)
    return JudgedEstate(
        now,
        tuple(sorted(judged, key=lambda judgement: judgement.urgency)),
        tuple(sorted(problems, key=lambda problem: problem.urgency(now.date()))),
    )


def _without_resolved(
    records: Mapping[str, DelegationRecord],
    certificates: Iterable[ManagedCertificate],
    damaged: Collection[str],
    now: datetime,
) -> dict[str, DelegationRecord]:
    """Return *records* without what their files have resolved; those with *damaged* certificates stay as they are."""
    known = _grouped(certificates, lambda certificate: certificate.spec.delegation)
    return {
        name: record if name in damaged else without_resolved(record, known.get(name, ()), now)
        for name, record in records.items()
    }


def _grouped(items: Iterable[T], name: Callable[[T], str]) -> dict[str, list[T]]:
    groups: dict[str, list[T]] = {}
    for item in items:
        groups.setdefault(name(item), []).append(item)
    return groups
