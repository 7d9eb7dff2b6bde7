"""The comparison of an issued certificate with what its order asked for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography.x509.oid import ExtendedKeyUsageOID

from renewal.domain.calendar import phase_at
from renewal.domain.certificate.facts import Certificate
from renewal.domain.certificate.serial import printed_serial
from renewal.domain.errors import CertificateMismatch, CertificateUnusable
from renewal.domain.key_type import KeyType
from renewal.domain.names import not_permitted, without_added

ONE_DAY = timedelta(days=1)
MOST_NAMES = 2_000
"""Sectigo sells certificates with a thousand, and a CA may add `www` to each; the order book keeps them all."""
LONGEST_WAIT = timedelta(days=7)
"""How far ahead a certificate may begin: it is waited for. What begins later has a wrong date."""


@dataclass(frozen=True, slots=True)
class Expectation:
    """What an order asked for, to be compared with what SCM delivered."""

    names: tuple[str, ...]
    key_type: KeyType
    term_days: int
    delegated: tuple[str, ...]
    """The entries of the delegation: a further name that they permit is no danger to anyone."""


def check(leaf: Certificate, expected: Expectation, now: datetime) -> tuple[str, ...]:
    """Compare *leaf* with what was asked for; return notes for the operator (empty = exactly as asked).

    | deviation | outcome |
    | --- | --- |
    | it lacks a name, is not for servers, or is a CA certificate | CertificateMismatch: it must be revoked |
    | it has a name that was not delegated: the holder of our key could impersonate that name | CertificateMismatch |
    | it has expired, begins a week ahead or later, or lives longer than clients accept | CertificateUnusable |
    | it has more than two thousand names | CertificateUnusable |
    | another lifetime than asked for; further names that are delegated, or that CAs add (`www`) | a note |

    Each error has all its faults in one message. `Certificate.require_begun` is for the time until it begins.
    """
    where = f"the certificate with serial {printed_serial(leaf.serial)} was not stored"
    if len(leaf.names) > MOST_NAMES:
        msg = f"{where}: it has {len(leaf.names)} names; {MOST_NAMES} at most"
        raise CertificateUnusable(msg)
    if faults := _dangers(leaf, expected):
        msg = f"{where}: {'; '.join(faults)}"
        raise CertificateMismatch(msg)
    if faults := _validity_faults(leaf, expected, now):
        msg = f"{where}: {'; '.join(faults)}"
        raise CertificateUnusable(msg)
    return _notes(leaf, expected)


def _dangers(leaf: Certificate, expected: Expectation) -> list[str]:
    missing = [name for name in expected.names if name not in leaf.names]
    faults = [f"it lacks {', '.join(missing)}"] if missing else []
    if foreign := not_permitted(expected.delegated, without_added(_further(leaf, expected), expected.names)):
        faults.append(f"it has names that were neither ordered nor delegated: {', '.join(foreign)}")
    if ExtendedKeyUsageOID.SERVER_AUTH.dotted_string not in leaf.extended_key_usages:
        faults.append("it is not for servers (extended key usage serverAuth is missing)")
    if leaf.is_authority:
        faults.append("it is a CA certificate (basic constraints)")
    return faults


def _validity_faults(leaf: Certificate, expected: Expectation, now: datetime) -> list[str]:
    """Clients refuse a public certificate beyond the maximum of its day of issue (BR §6.3.2)."""
    longest = max(phase_at(leaf.not_before).term_days, expected.term_days)
    faults = []
    if leaf.not_before - now > LONGEST_WAIT:
        faults.append(f"it is not valid before {leaf.not_before:%Y-%m-%d %H:%M}Z")
    if now > leaf.not_after:
        faults.append(f"it expired on {leaf.not_after:%Y-%m-%d %H:%M}Z")
    if leaf.not_after - leaf.not_before > timedelta(days=longest) + ONE_DAY:
        days = (leaf.not_after - leaf.not_before).days
        faults.append(f"its lifetime is {days} days, and clients accept {longest + 1} at most")
    return faults


def _notes(leaf: Certificate, expected: Expectation) -> tuple[str, ...]:
    lifetime = leaf.not_after - leaf.not_before
    notes = []
    if abs(lifetime - timedelta(days=expected.term_days)) > ONE_DAY:
        notes.append(f"its lifetime is {lifetime.days} days; {expected.term_days} were asked for")
    if further := _further(leaf, expected):
        notes.append(f"it also has the names {', '.join(further)}")
    return tuple(notes)


def _further(leaf: Certificate, expected: Expectation) -> list[str]:
    return sorted(set(leaf.names) - set(expected.names))
