"""`certmandate check`: whether a delegation is as it should be, step by step of the procedure that made it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import RenderableType
from rich.text import Text

from certmandate.certificate_state import finding_line, open_findings
from certmandate.deployment import Deployment, deployed
from certmandate.execution import Ended, start
from certmandate.exit import NEEDS_ATTENTION, Refused
from certmandate.options import DelegationArgument, JsonOption, YesOption, confirm
from certmandate.views import printing
from certmandate.views.coverage import COLUMNS, Coverage, coverage, organisation_line
from certmandate.views.printing import print_error, printer

if TYPE_CHECKING:
    from renewal.domain.setup.check_result import CheckResult
    from renewal.domain.setup.inspection import DelegationRecord, Inspection

_TITLES = {
    "1": "Department",
    "2": "Web API",
    "3": "OrgID",
    "4": "Domains",
    "5": "Account and role",
    "6": "First login and password",
    "7": "Web API use only",
    "8": "Access list",
}
_WORDS = {
    "done": ("in order", "green"),
    "wrong": ("WRONG", "bold red"),
    "warning": ("look", "yellow"),
    "perhaps": ("perhaps", "yellow"),
    "by-eye": ("by eye", "cyan"),
}
_SECURITY = ("SECURITY", "bold magenta")


def check_command(
    context: typer.Context,
    delegation: DelegationArgument,
    from_here: Annotated[
        bool, typer.Option("--from-here", help="Log in once from this machine: with an access list, SCM must refuse.")
    ] = False,
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Log in to SCM once, from the registered address, and say of each step of the procedure whether it is done.

    It is a dry run of this delegation: nothing is ordered. Exits 1 when anything is wrong.
    """
    with deployed(context) as deployment:
        record = deployment.book.delegation(delegation)
        if from_here:
            raise typer.Exit(_from_here(deployment, record, yes=yes, as_json=as_json))
        console = printer(to_stderr=as_json)
        execution = start(
            deployment, {"dry_run": True, "delegations": [delegation], "reason": "check"}, f"check-{delegation}"
        )
        console.print(
            f"Run {execution.run_id}: one login from the registered address, nothing is ordered.", soft_wrap=True
        )
        ended = execution.follow(console)
        record = deployment.book.delegation(delegation)
        covered = coverage(record, deployment.book.certificates(delegation))
    inspection = record.inspection
    if inspection is None or inspection.run_id != ended.run_id:
        print_error(_not_looked_at(ended))
        raise typer.Exit(NEEDS_ATTENTION)
    if as_json:
        printing.print_json(_document(record, inspection, covered, ended))
    else:
        printing.show(printer(), *_page(record, inspection, covered, ended))
    raise typer.Exit(0 if _is_good(record, ended) else NEEDS_ATTENTION)


def _not_looked_at(ended: Ended) -> str:
    rows = ended.report.delegations if ended.report else ()
    said = next((f"{row.error}: {row.text}" for row in rows if row.error), "")
    return f"the delegation was not looked at: {said or ended.cause or ended.error or ended.status}"


def _is_good(record: DelegationRecord, ended: Ended) -> bool:
    """A dry run is good when nothing of the delegation is wrong; warnings are for later."""
    failed = any(row.error for row in ended.report.delegations) if ended.report else True
    return not failed and not any(one.severity == "error" for one in open_findings(record))


# ---- From the operator's desk ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Desk:
    """What came of one login from here."""

    outcome: str
    """`refused`, `accepted` or `unclear`."""
    text: str
    exit_code: int


def _from_here(deployment: Deployment, record: DelegationRecord, *, yes: bool, as_json: bool) -> int:
    name = record.delegation.name
    question = (
        f"Log in as {name}'s account from this machine, once? When there is an access list, SCM refuses, "
        "and counts it as a failed login of the account."
    )
    confirm(question, yes=yes)
    desk = _tried(deployment, record)
    if as_json:
        printing.print_json(
            {"delegation": name, "outcome": desk.outcome, "text": desk.text, "good": desk.exit_code == 0}
        )
    else:
        style = "green" if desk.exit_code == 0 else "bold red"
        printer().print(Text(f"{desk.outcome}: {desk.text}", style=style), soft_wrap=True)
    return desk.exit_code


def _tried(deployment: Deployment, record: DelegationRecord) -> _Desk:
    """One call with the stored credential; never a second one."""
    from renewal.domain.errors import AddressRefused, CredentialRefused, RenewalError

    address = record.delegation.address or "the registered address"
    try:
        _log_in(deployment, record.delegation.name)
    except (CredentialRefused, AddressRefused) as error:
        text = (
            f"SCM refused us here ({type(error).__name__}), as it must where the access list names {address} alone. It "
            "answers the same to a wrong password: only when `certmandate check` without --from-here is good does this "
            "prove the access list. Do not repeat it: SCM counts failed logins and locks accounts"
        )
        return _Desk("refused", text, 0)
    except RenewalError as error:
        return _Desk("unclear", f"neither refused nor accepted: {type(error).__name__}: {error}", NEEDS_ATTENTION)
    text = (
        f"SCM let us in from here, so no access list holds for this account, or this machine leaves by {address}. Ask "
        "the RAO for step 8: Settings → Access Control → Organization ACL → Add, organisation, department and "
        f"{address}. Whoever gets the password can use it from anywhere until then"
    )
    return _Desk("accepted", text, NEEDS_ATTENTION)


def _log_in(deployment: Deployment, delegation: str) -> None:
    from datetime import UTC, datetime

    from renewal.adapters.scm.accounts import ScmAccounts
    from renewal.adapters.scm.connection import new_http_client
    from renewal.adapters.secrets import SecretsManagerCredentials

    class OnlyCurrent(SecretsManagerCredentials):
        def pending(self, delegation: str) -> None:  # noqa: ARG002 - a rotation's would be a second failed login
            return None

    credentials = OnlyCurrent(deployment.client("secretsmanager"), deployment.fact("SecretPrefix"))
    with new_http_client() as http:
        accounts = ScmAccounts(
            credentials,
            http,
            base_url=deployment.fact("ScmUrl"),
            oauth_base_url=deployment.fact("ScmOauthUrl"),
            token_url=deployment.fact("ScmTokenUrl"),
            clock=lambda: datetime.now(UTC),
        )
        authority = accounts.authority(delegation)
        if authority.password_state() is None:  # an OAuth2 client has none, and was not asked
            msg = "this delegation logs in as an OAuth2 client: SCM's access lists are about logins with a password"
            raise Refused(msg)


# ---- Telling ---------------------------------------------------------------------------------------------------------


def _page(
    record: DelegationRecord, inspection: Inspection, covered: Sequence[Coverage], ended: Ended
) -> list[RenderableType]:
    delegation = record.delegation
    title = f"\n{delegation.organisation}: department {delegation.department_id}, {printing.minute(inspection.at)}"
    parts: list[RenderableType] = [Text(title, style="bold")]
    parts.append(printing.table(["step", "verdict", "what was seen", "where in SCM"], _rows(inspection.remarks)))
    if covered:
        parts += [printing.heading("Names"), printing.table(COLUMNS, (one.row() for one in covered))]
        parts.append(Text(f"  {organisation_line(inspection.organisation_validated_until)}"))
    parts += printing.bullets("Certificate profiles of the department", _profiles(inspection))
    parts += printing.bullets("Next renewals", _forecast(ended))
    told = [finding_line(delegation.name, one) for one in open_findings(record) if not one.text.startswith("step ")]
    parts += printing.bullets("Findings, errors first", told)
    return [*parts, Text(), _verdict(record, ended)]


def _rows(remarks: Iterable[CheckResult]) -> Iterator[printing.Row]:
    """The procedure in its order, so that it can be held beside the guide; what is wrong stands out by its colour."""
    for remark in remarks:
        word, style = _SECURITY if remark.is_security else _WORDS[remark.verdict.value]
        until = f" (by {remark.due}, {remark.actor})" if remark.due else ""
        screen = "" if remark.verdict.value == "done" else remark.screen
        yield (
            f"{remark.step.value} {_TITLES[remark.step.value]}",
            Text(word, style=style),
            f"{remark.text}{until}",
            screen,
        )


def _profiles(inspection: Inspection) -> Iterator[str]:
    for one in inspection.profiles:
        keys = "; ".join(f"{name} {', '.join(sizes)}" for name, sizes in one.key_types.items())
        terms = ", ".join(str(term) for term in one.terms)
        yield f"{one.profile_id} {one.name}: {terms} days" + (f"; keys {keys}" if keys else "")


def _forecast(ended: Ended) -> Iterator[str]:
    for row in ended.report.certificates if ended.report else ():
        reason = row.error or row.reason
        text = f"a run would {row.would} ({reason})" if row.would else f"{row.outcome.replace('-', ' ')}, {reason}"
        yield f"{row.path}: {text}"


def _verdict(record: DelegationRecord, ended: Ended) -> Text:
    found = open_findings(record)
    errors = sum(one.severity == "error" for one in found)
    if doubtful := _doubtful(record):
        return Text(
            f"One of steps {doubtful} is wrong, SCM does not say which; renewals have stopped.", style="bold red"
        )
    if not _is_good(record, ended):
        return Text(
            f"{printing.counted(errors, 'thing is', 'things are')} wrong; renewals will stop or have stopped.",
            style="bold red",
        )
    security = sum(one.is_security for one in found)
    others = sum(one.severity == "warning" for one in found if not one.is_security)
    rest = f", {printing.counted(others, 'warning')}" if others else ""
    if security:
        text = f"Renewals work; {printing.counted(security, 'thing is', 'things are')} not as agreed (security){rest}."
        return Text(text, style="bold magenta")
    return Text(f"All that SCM shows is in order{rest}; look at the rest by eye.", style="bold green")


def _doubtful(record: DelegationRecord) -> str:
    """The steps of which one is wrong, as in `5, 6, 7, 8`; empty when it is known what is."""
    remarks = record.inspection.remarks if record.inspection else ()
    return ", ".join(dict.fromkeys(one.step.value for one in remarks if one.verdict.value == "perhaps"))


def _document(
    record: DelegationRecord, inspection: Inspection, covered: Sequence[Coverage], ended: Ended
) -> dict[str, Any]:
    from certmandate.views.json_records import finding_document

    return {
        "delegation": record.delegation.name,
        "run_id": ended.run_id,
        "at": inspection.at,
        "good": _is_good(record, ended),
        "steps": [
            {
                "step": int(one.step.value),
                "title": _TITLES[one.step.value],
                "verdict": one.verdict.value,
                "code": one.code,
                "text": one.text,
                "actor": one.actor,
                "due": one.due,
                "screen": one.screen,
                "security": one.is_security,
            }
            for one in inspection.remarks
        ],
        "profiles": [
            {
                "profile_id": one.profile_id,
                "name": one.name,
                "terms": list(one.terms),
                "key_types": {name: list(sizes) for name, sizes in one.key_types.items()},
            }
            for one in inspection.profiles
        ],
        "names": [one.document() for one in covered],
        "organisation_validated_until": inspection.organisation_validated_until,
        "password_expires": inspection.password_expires,
        "findings": [finding_document(one, record.delegation.name) for one in open_findings(record)],
        "report": ended.report.document() if ended.report else None,
    }
