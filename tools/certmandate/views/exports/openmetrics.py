"""What clients must meet, and the state of each certificate, for Prometheus.

The text is valid both as OpenMetrics and as Prometheus' older text format, which the textfile collector of
node_exporter reads: gauges only, without timestamps of samples.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta

from certmandate.files.operator_records import Retired
from renewal.domain.judgement.certificate import Judgement
from renewal.domain.order import ManagedCertificate
from renewal.domain.service.state import expected_certificate, expected_since

Sample = tuple[Mapping[str, str], float]

EXPECTED = "certmandate_expected_certificate_timestamp_seconds"
NOT_AFTER = "certmandate_certificate_not_after_timestamp_seconds"
_HELP = {
    EXPECTED: (
        "Time from which clients that connect to the name must meet the certificate with this fingerprint: when it was "
        "stored, plus grace_hours."
    ),
    NOT_AFTER: (
        "Time at which the certificate in the stores expires; also of what apply --prune removed, which no run renews."
    ),
    "certmandate_certificate_state": "1 for the state of the certificate, as in certmandate status.",
    "certmandate_certificate_needs_attention": "Whether the operator or the RAO must act on the certificate now.",
    "certmandate_unreadable_items": "Items of the order book that cannot be read; their certificates are not here.",
    "certmandate_export_timestamp_seconds": "Time at which the order book was read.",
}


def lines(judgements: Iterable[Judgement], removed: Iterable[Retired], unreadable: int, now: datetime) -> Iterator[str]:
    """Yield the lines of the document.

    *removed*: the delegations that `apply --prune` removed. *unreadable*: the number of items of the order book that
    cannot be read.
    """
    samples: dict[str, list[Sample]] = {name: [] for name in _HELP}
    for judgement in judgements:
        for name, sample in _samples(judgement, now):
            samples[name].append(sample)
    samples[NOT_AFTER] += _expiries(removed, now)
    samples["certmandate_unreadable_items"].append(({}, unreadable))
    samples["certmandate_export_timestamp_seconds"].append(({}, now.timestamp()))
    for name, text in _HELP.items():
        yield f"# HELP {name} {text}"
        yield f"# TYPE {name} gauge"
        if name.endswith("_seconds"):
            yield f"# UNIT {name} seconds"
        yield from (f"{name}{_labelled(labels)} {value:.0f}" for labels, value in samples[name])
    yield "# EOF"


def without_fingerprint(certificates: Iterable[ManagedCertificate]) -> Iterator[str]:
    """Yield the certificates that were stored by a version which did not record their fingerprint."""
    return (each.spec.path for each in certificates if each.stored and not each.stored.fingerprint)


def _samples(judgement: Judgement, now: datetime) -> Iterator[tuple[str, Sample]]:
    certificate = judgement.certificate
    spec, stored = certificate.spec, certificate.stored
    labels = {"delegation": spec.delegation, "certificate": spec.path}
    expected = expected_certificate(certificate)
    if expected and expected.fingerprint:
        identity = {
            "fingerprint_sha256": expected.fingerprint.lower(),
            "public_key_sha256": expected.key_fingerprint.lower(),
        }
        since = expected_since(certificate, expected, now)
        deadline = (since + timedelta(hours=spec.grace_hours)).timestamp()
        hosts = (endpoint.host for endpoint in spec.served_at if endpoint.host)
        for name in dict.fromkeys((*spec.names, *hosts)):
            yield EXPECTED, ({**labels, "name": name, **identity}, deadline)
    if stored:
        yield NOT_AFTER, (labels, stored.not_after.timestamp())
    yield "certmandate_certificate_state", ({**labels, "state": judgement.state.label}, 1)
    yield "certmandate_certificate_needs_attention", (labels, judgement.needs_attention)


def _expiries(removed: Iterable[Retired], now: datetime) -> Iterator[Sample]:
    for each in removed:
        for left in each.certificates:
            if left.not_after > now:
                path = f"{each.delegation}/{left.certificate}"
                yield {"delegation": each.delegation, "certificate": path}, left.not_after.timestamp()


def _labelled(labels: Mapping[str, str]) -> str:
    return "{" + ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items()) + "}" if labels else ""


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
