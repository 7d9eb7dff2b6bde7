"""A requested revocation stays open until SCM shows it: a compromised key was forgotten after the command."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from renewal.domain.certificate.revocation import RevocationRequest
from renewal.domain.endpoint.observation import EndpointState, Observation, ServiceRecord
from renewal.domain.setup.inspection import DelegationRecord
from renewal.domain.setup.snapshot import ReportedCertificate, Section, Snapshot
from renewal.domain.setup.withdrawal import open_revocations, revoked_in
from renewal.mail.asks import asks_of
from tests.unit.system import DELEGATION, IDP, NOW, PATH, System, managed, stored_by

REQUEST = RevocationRequest("ABC", 4000, IDP.names, "keyCompromise", NOW, NOW + timedelta(days=100))


def test_a_requested_revocation_fails_runs_and_is_in_the_raos_mail(system: System) -> None:
    """Neither `status` nor the mail nor the report named it."""
    system.book.adopt(PATH, stored_by(IDP, age=20), NOW)
    system.book.managed[PATH] = replace(system.book.managed[PATH], revocations=(REQUEST,))

    report = system.daily_run()
    mailed = asks_of(report.problems, system.book.certificates("univ"), ())

    assert report.outcome == "failed"
    (problem,) = [each for each in report.problems if each.code == "NotRevoked"]
    assert (problem.actor, problem.path, problem.consequence) == ("rao", "univ/idp", "impersonation")
    assert "NotRevoked" in {finding.code for finding in mailed}


def test_the_rao_is_asked_when_nothing_uses_the_certificate() -> None:
    """`revoke` and its message waited for the servers; the stack's own mail asked the RAO to revoke it the next day."""
    ended = replace(REQUEST, reason_code="superseded")
    stored, renewed = managed(age=20, revocations=(ended,)), stored_by(IDP, age=20, serial="DEF")
    observed = (Observation("idp.univ.example:443", EndpointState.OLD, NOW, serial="ABC"),)
    presented = replace(stored, stored=renewed, service=ServiceRecord("DEF", NOW, observed))
    reloaded = replace(presented, service=ServiceRecord("DEF", NOW, ()))
    compromised = replace(presented, revocations=(REQUEST,))
    cases = {"stored": stored, "presented": presented, "reloaded": reloaded, "compromised": compromised}

    found = {name: next(open_revocations(DelegationRecord(DELEGATION), [each], NOW)) for name, each in cases.items()}

    assert {name: finding.actor for name, finding in found.items()} == {
        "stored": "operator",
        "presented": "operator",
        "reloaded": "rao",
        "compromised": "rao",
    }
    assert {finding.severity for finding in found.values()} == {"error"}
    assert "idp.univ.example:443 still presented it when last verified: reload the server" in found["presented"].text
    assert "It is still stored: remove it" in found["stored"].text


def test_it_is_closed_by_what_scm_shows_and_stays_closed() -> None:
    """SCM deletes revoked certificates from its lists some time later."""
    certificate = managed(age=20, revocations=(REQUEST,))
    row = ReportedCertificate(4000, IDP.names[0], IDP.names, "REVOKED", serial="ABC")
    shown = Snapshot(reported=(row,), unavailable=frozenset(set(Section) - {Section.REPORT}))
    system = System()
    system.add(IDP)
    system.inspect(system.item())
    before = system.book.delegation("univ")
    after = replace(before, inspection=replace(system.inspection(), revoked=revoked_in(before, [certificate], shown)))

    assert ("ABC",) == revoked_in(before, [certificate], shown) == revoked_in(after, [certificate], Snapshot())
    assert not list(open_revocations(after, [certificate], NOW))
    assert len(list(open_revocations(before, [certificate], NOW))) == 1
    assert not list(open_revocations(before, [certificate], NOW + timedelta(days=101)))


def test_it_stays_open_when_its_certificate_has_left_the_file(system: System) -> None:
    """`revoke` recommends just that for a service that has ended; the delegation keeps the request."""
    record = system.book.delegation("univ")
    system.book.records["univ"] = replace(record, revocations=(REQUEST,))

    report = system.daily_run()

    (problem,) = [each for each in report.problems if each.code == "NotRevoked"]
    assert (problem.path, problem.about, report.outcome) == ("univ", "ABC", "failed")
