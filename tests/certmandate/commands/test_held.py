from __future__ import annotations

from renewal.domain.run_report import Outcome, RunReport
from tests.certmandate.conftest import Sit


def test_a_held_certificate_shows_everywhere_why_scm_refused(sit: Sit):
    """The operator who missed the first notification must not search the audit trail for the reason."""
    desk = sit("www", scm="dials: {issuance_polls: 0, outcome: declined}\n")
    first = RunReport.parse(desk.document("renew", "univ/www")["report"])

    again = desk.document("renew", "--all-due")["report"]

    (refused,), (held,) = first.certificates, RunReport.parse(again).certificates
    assert (refused.outcome, held.outcome) == (Outcome.FAILED, Outcome.HELD)
    assert refused.text
    assert held.text.startswith(refused.text)
    for arguments in (("renew", "--all-due"), ("status",), ("show", "univ/www")):
        assert refused.text in " ".join(desk.run(*arguments).stdout.split()), arguments
