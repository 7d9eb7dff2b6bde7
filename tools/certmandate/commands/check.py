"""`certmandate check`: checks the setup of a delegation in SCM, step by step of the onboarding guide."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from certmandate.deployment import Deployment, to_change
from certmandate.execution import Ended, start
from certmandate.exit import NEEDS_ATTENTION, NotInspected, Refused, usable_environment
from certmandate.files.operator_action import ActionKind
from certmandate.options import DelegationArgument, JsonOption, YesOption, confirm, confirm_logins
from certmandate.run_failures import judged_delegation
from certmandate.scm_recording import RecordOption, require_new, save
from certmandate.stored_credential.protection import unprotected
from certmandate.views import check as check_view
from certmandate.views import printing
from certmandate.views.printing import printer
from renewal.deadline import Deadline
from renewal.domain.delegation import Delegation
from renewal.domain.errors import AddressRefused, CredentialRefused, RenewalError
from renewal.domain.setup.inspection import DelegationRecord


def check_command(
    context: typer.Context,
    delegation: DelegationArgument,
    from_here: Annotated[
        bool,
        typer.Option("--from-here", help="Log in once from this machine, to test that the access list refuses it."),
    ] = False,
    record_to: RecordOption = None,
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Check the setup of a delegation in SCM.

    Runs a dry run of the delegation: one login from the registered address, nothing is ordered. Prints the result of
    each step of the onboarding guide. Exits 1 when something needs attention.
    """
    with to_change(context) as deployment:
        require_new(record_to)
        record = deployment.book.delegation(delegation)
        if from_here:
            raise typer.Exit(_from_here(deployment, record, record_to, yes=yes, as_json=as_json))
        confirm_logins(deployment, [record], yes=yes)
        ended = _dry_run(deployment, record.delegation, record_to, printer(to_stderr=as_json))
        record = deployment.book.delegation(delegation)
        certificates = deployment.book.certificates(delegation)
        inspection = record.inspection if record.inspection and record.inspection.run_id == ended.run_id else None
        if inspection is None:
            raise NotInspected(_not_inspected(ended))
        lacks = unprotected(deployment, delegation)
        judged = judged_delegation(deployment, record, certificates, datetime.now(UTC))
    printing.print_left_out(certificates.unreadable)
    covered = check_view.coverage(record, certificates)
    checked = check_view.Checked(record, inspection, covered, judged, ended.run_id, ended.report)
    if as_json:
        printing.print_json({**check_view.document(checked), "credential_lacks": lacks})
    else:
        printing.show(printer(), *check_view.page(checked))
    if lacks:
        printing.print_line(_unprotected_text(delegation, lacks), style="yellow", to_stderr=True)
    raise typer.Exit(0 if checked.is_good else NEEDS_ATTENTION)


def _dry_run(deployment: Deployment, delegation: Delegation, record_to: Path | None, console: Console) -> Ended:
    name = delegation.name
    request = {"dry_run": True, "delegations": [name], "reason": "check"}
    if record_to:
        request["record"] = True
    execution = start(deployment, request, f"check-{name}")
    login = "one login from the registered address"
    if delegation.has_ended(datetime.now(UTC)):
        login = f"the mandate ended on {delegation.mandate_ends}, so it logs in only for an open order"
    console.print(f"Run {execution.run_id}: {login}; nothing is ordered.", soft_wrap=True)
    ended = execution.follow(console)
    if record_to:
        save(execution.recording(name), record_to, console)
    return ended


def _unprotected_text(delegation: str, lacks: Sequence[str]) -> str:
    return (
        f"warning: the stored credential lacks the stack's {' and '.join(lacks)}, so that more principals may read it; "
        f"run certmandate credential {delegation} --protect"
    )


def _not_inspected(ended: Ended) -> str:
    rows = ended.report.delegations if ended.report else ()
    error = next((f"{row.error}: {row.text}" for row in rows if row.error), "")
    return f"the delegation was not inspected: {error or ended.cause or ended.error or ended.status}"


# ---- From this machine -----------------------------------------------------------------------------------------------


_PROXIES = ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY")


@dataclass(frozen=True)
class _Login:
    """The result of one login from this machine."""

    outcome: str
    """`refused`, `accepted` or `unclear`."""
    text: str
    exit_code: int


def _from_here(
    deployment: Deployment, record: DelegationRecord, record_to: Path | None, *, yes: bool, as_json: bool
) -> int:
    name = record.delegation.name
    question = (
        f"Log in once to the account of {name} from this machine? With an access list, SCM refuses the login "
        "and counts it as a failed login of the account."
    )
    if proxy := next((name for name in _PROXIES if os.environ.get(name)), None):
        question += f" SCM receives the request from the proxy of ${proxy}, not from this machine."
    confirm(question, yes=yes)
    deployment.recorder.announce(ActionKind.LOGIN_TESTED, name)
    recordings: list[Mapping[str, Any]] = []
    login = _log_in_once(deployment, record, recordings)
    if record_to:
        save(recordings[0] if recordings else None, record_to, printer(to_stderr=as_json))
    is_good = login.exit_code == 0
    document = {"delegation": name, "outcome": login.outcome, "text": login.text, "good": is_good}
    style = "green" if is_good else "bold red"
    printing.print_result(document, f"{login.outcome}: {login.text}", as_json=as_json, style=style)
    return login.exit_code


def _log_in_once(deployment: Deployment, record: DelegationRecord, recordings: list[Mapping[str, Any]]) -> _Login:
    """One call with the stored credential; never a second. The recording of the answer is added to *recordings*."""
    address = record.delegation.address or "the registered address"
    try:
        _log_in(deployment, record.delegation.name, recordings)
    except (CredentialRefused, AddressRefused) as error:
        text = (
            f"SCM refused this login ({type(error).__name__}), as it must with an access list of only {address}. "
            "SCM answers a wrong password in the same way, so this proves the access list only if `certmandate check` "
            "without --from-here passes. Do not repeat it: SCM counts failed logins and locks accounts."
        )
        return _Login("refused", text, 0)
    except RenewalError as error:
        return _Login("unclear", f"neither refused nor accepted: {type(error).__name__}: {error}", NEEDS_ATTENTION)
    text = (
        "SCM accepted this login, so no access list protects this account, or this machine's traffic leaves from "
        f"{address}. Without an access list, a stolen password works from anywhere. Ask the RAO for step 8: Settings → "
        f"Access Control → Organization ACL → Add, with organisation, department and {address}."
    )
    return _Login("accepted", text, NEEDS_ATTENTION)


def _log_in(deployment: Deployment, delegation: str, recordings: list[Mapping[str, Any]]) -> None:
    from datetime import UTC, datetime, timedelta

    from renewal.adapters.http import new_http_client
    from renewal.adapters.scm.accounts import ScmAccounts
    from renewal.adapters.scm.recording import ScmRecorder
    from renewal.adapters.secrets import SecretsManagerCredentials

    def now() -> datetime:
        return datetime.now(UTC)

    class OnlyCurrent(SecretsManagerCredentials):
        def pending(self, delegation: str) -> None:  # noqa: ARG002 - a rotation's would be a second failed login
            return None

    credentials = OnlyCurrent(deployment.client("secretsmanager"), deployment.fact("SecretPrefix"))
    base_url, oauth_base_url, token_url = map(deployment.fact, ("ScmUrl", "ScmOauthUrl", "ScmTokenUrl"))
    with usable_environment():
        client = new_http_client()
    with client as http:
        accounts = ScmAccounts(
            credentials,
            http,
            base_url=base_url,
            oauth_base_url=oauth_base_url,
            token_url=token_url,
            deadline=Deadline(now() + timedelta(minutes=1), now),
        )
        recorder = ScmRecorder(http, base_urls=(base_url, oauth_base_url), token_url=token_url)
        with recorder.recording(recordings.append):
            state = accounts.setup_reader(delegation).password_state()
        if state is None:  # an OAuth2 client has no password, so SCM was not called
            msg = "this delegation logs in as an OAuth2 client: SCM's access lists apply to logins with a password only"
            raise Refused(msg)
