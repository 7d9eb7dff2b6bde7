"""What a run cost: calls to SCM and to AWS, in all and for one renewal."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from local.calls import AwsCall
from renewal.domain.run.report import CertificateRow, Outcome
from scm_simulator import RecordedCall

ENROLL = "POST /api/ssl/v1/enroll"
DETAILS = "GET /api/ssl/v1/{sslId}"
_WORKED_ON = {Outcome.RENEWED, Outcome.PENDING, Outcome.FAILED}
_SSL_ID = re.compile(r"/(\d+)(?:/|$)")


@dataclass(frozen=True, slots=True)
class Renewal:
    """The calls to SCM for one certificate, all steps, without what its delegation's certificates share."""

    path: str
    ssl_id: int
    operations: tuple[str, ...]

    @property
    def is_immediate(self) -> bool:
        """Whether SCM's first answers were all that was needed: one collect, and no query of the details."""
        collects = sum("/collect/" in operation for operation in self.operations)
        return collects == 1 and DETAILS not in self.operations


@dataclass(frozen=True, slots=True)
class Costs:
    """Calls of one run."""

    scm: Mapping[str, int]
    """By operation."""
    aws: Mapping[str, int]
    """By who called: a function's name or Step Functions (`states`)."""
    immediate: Renewal | None
    """The costliest renewal among those that SCM issued at once, if the run had one."""
    worked_on: int
    """Certificates that were ordered or collected, or for which that was tried."""

    @property
    def aws_per_certificate(self) -> float:
        """Calls of enroll and collect for one certificate that was worked on, on average."""
        calls = sum(count for who, count in self.aws.items() if who in {"EnrollFunction", "CollectFunction"})
        return calls / self.worked_on if self.worked_on else 0.0


def costs_of(
    rows: Sequence[CertificateRow],
    scm_calls: Sequence[RecordedCall],
    aws_calls: Iterable[AwsCall],
    predecessors: Mapping[int, int],
) -> Costs:
    """Count the calls of a run; *rows*: its report's certificates; *predecessors*: SSL ID to the one it renewed."""
    renewed = [row for row in rows if row.outcome is Outcome.RENEWED]
    by_ssl_id = _by_ssl_id(scm_calls)
    each = [_renewal(row, by_ssl_id, predecessors) for row in renewed]
    immediate = [renewal for renewal in each if renewal.is_immediate]
    return Costs(
        scm=Counter(call.operation for call in scm_calls),
        aws=Counter(call.who.rpartition("-")[2] for call in aws_calls),
        immediate=max(immediate, key=lambda renewal: len(renewal.operations), default=None),
        worked_on=sum(1 for row in rows if row.outcome in _WORKED_ON),
    )


def _by_ssl_id(calls: Iterable[RecordedCall]) -> Mapping[int, list[str]]:
    """Return the operations that name each SSL ID."""
    by_ssl_id: dict[int, list[str]] = defaultdict(list)
    for call in calls:
        for text in _SSL_ID.findall(call.path):
            by_ssl_id[int(text)].append(call.operation)
    return by_ssl_id


def _renewal(row: CertificateRow, calls: Mapping[int, list[str]], predecessors: Mapping[int, int]) -> Renewal:
    """One enroll, and every call that names the new order or, to mark it, the old one."""
    ids = [ssl_id for ssl_id in (row.ssl_id, predecessors.get(row.ssl_id or 0)) if ssl_id]
    about = [operation for ssl_id in ids for operation in calls.get(ssl_id, ())]
    return Renewal(row.path, row.ssl_id or 0, (ENROLL, *about))
