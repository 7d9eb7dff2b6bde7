"""`certmandate onboard`: the facts of a new delegation become its file and the RAO's guide."""

from __future__ import annotations

import io
import json
import shlex
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml

from certmandate.guide import guide
from certmandate.html_page import PdfMissing, pdf
from certmandate.onboarding import Answers, FactsInvalid, Onboarding, onboarding, proposed_account
from certmandate.output import WRONG_USAGE, complain
from certmandate.written import write_together

_LATER = {
    "department_id": "the OrgID that the RAO notes in step 3 of the guide",
    "profile_id": "the number of the certificate profile; certmandate check lists those of the department",
}
_ASKED = {
    "organisation": "Organisation, as SCM calls it",
    "domain": "The organisation's own domain",
    "certificate": "Certificates, each NAME=domain,domain (blanks between them)",
    "rao_email": "The RAO's e-mail",
    "third_party": "Your own name, as the RAO knows it",
    "role_email": "Your role's e-mail",
    "address": "The address that you call SCM from, as a /32",
}
_LISTS = frozenset({"domain", "certificate"})


def onboard_command(
    name: Annotated[str, typer.Argument(help="The delegation's name: lower-case letters, digits, hyphens.")],
    organisation: Annotated[str, typer.Option(help="The organisation, as SCM calls it.")] = "",
    domain: Annotated[list[str] | None, typer.Option(help="The organisation's own domain; repeatable.")] = None,
    certificate: Annotated[
        list[str] | None, typer.Option(help="A certificate, as in idp=idp.univ.example; repeatable.")
    ] = None,
    delegate: Annotated[
        list[str] | None,
        typer.Option(help="A name to delegate, exact or with a star; repeatable. Default: exactly the names needed."),
    ] = None,
    rao_email: Annotated[str, typer.Option(help="The RAO's e-mail.")] = "",
    third_party: Annotated[
        str, typer.Option(envvar="CERTMANDATE_THIRD_PARTY", help="Your own name, as the RAO knows it.")
    ] = "",
    role_email: Annotated[
        str, typer.Option(envvar="CERTMANDATE_ROLE_EMAIL", help="Your role's e-mail; it becomes the account's.")
    ] = "",
    address: Annotated[
        str, typer.Option(envvar="CERTMANDATE_ADDRESS", help="The address that you call SCM from, as a /32.")
    ] = "",
    department_name: Annotated[str, typer.Option(help="Name of the department. Default: your own name.")] = "",
    account: Annotated[str, typer.Option(help="User name. Default: drao<ORG><THIRD PARTY>.")] = "",
    mandate_ends: Annotated[str, typer.Option(help="Last day of the mandate, as in 2028-12-31.")] = "",
    department_id: Annotated[int, typer.Option(min=0, help="The department's OrgID, once it is known.")] = 0,
    profile_id: Annotated[int, typer.Option(min=0, help="The certificate profile, once it is known.")] = 0,
    key: Annotated[str, typer.Option(help="Type of key: P-256, P-384, RSA-2048, RSA-3072 or RSA-4096.")] = "P-256",
    store: Annotated[list[str] | None, typer.Option(help="s3 or acm:<region>; repeatable. Default: s3.")] = None,
    folder: Annotated[Path, typer.Option(help="Where the files are written.")] = Path("delegations"),
    as_pdf: Annotated[bool, typer.Option("--pdf", help="Write the guide as PDF too (needs WeasyPrint).")] = False,
    force: Annotated[bool, typer.Option("--force", help="Overwrite files that are there.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Write a delegation's file and the RAO's guide; asks for what is not given. Both are written, or nothing is."""
    given: dict[str, Any] = {
        "organisation": organisation,
        "domain": domain,
        "certificate": certificate,
        "rao_email": rao_email,
        "third_party": third_party,
        "role_email": role_email,
        "address": address,
    }
    asked = _asked({key: value for key, value in given.items() if not value})
    facts = given | asked
    if asked:
        account = account or _account(name, facts["third_party"])
    answers = Answers(
        delegation=name,
        organisation=facts["organisation"],
        domains=tuple(facts["domain"]),
        certificates=_certificates(facts["certificate"]),
        rao_email=facts["rao_email"],
        third_party=facts["third_party"],
        role_email=facts["role_email"],
        address=facts["address"],
        delegate=tuple(delegate or ()),
        department_name=department_name,
        account=account,
        mandate_ends=mandate_ends,
        department_id=department_id,
        profile_id=profile_id,
        key=key,
        stores=tuple(store or ("s3",)),
    )
    now = datetime.now(UTC)
    found = _checked(answers, now, asked)
    files = _files(found, folder, now, as_pdf=as_pdf)
    _write(files, force=force)
    _tell(found, list(files), as_json=as_json)


# ---- What is asked for -----------------------------------------------------------------------------------------------


def _asked(missing: dict[str, Any]) -> dict[str, Any]:
    """Ask for *missing* at a terminal; without one, say which options are missing."""
    if missing and not sys.stdin.isatty():
        options = ", ".join(f"--{key.replace('_', '-')}" for key in missing)
        complain(
            f"missing: {options}\nGive them, or run the command at a terminal, where it asks. Nothing was written."
        )
        raise typer.Exit(WRONG_USAGE)
    answers = {key: str(typer.prompt(_ASKED[key], err=True)).strip() for key in missing}
    return {key: text.split() if key in _LISTS else text for key, text in answers.items()}


def _account(name: str, third_party: str) -> str:
    return str(typer.prompt("User name of the account", default=proposed_account(name, third_party), err=True))


def _certificates(texts: list[str]) -> dict[str, tuple[str, ...]]:
    """`idp=idp.univ.example,www.univ.example` by name."""
    found: dict[str, tuple[str, ...]] = {}
    for text in texts:
        name, equals, names = text.partition("=")
        if not equals or not names:
            msg = f"'{text}' must be NAME=domain,domain, as in idp=idp.univ.example"
            raise typer.BadParameter(msg, param_hint="--certificate")
        if name in found:
            msg = f"'{name}' is given twice; write all its names behind one {name}="
            raise typer.BadParameter(msg, param_hint="--certificate")
        found[name] = tuple(part.strip() for part in names.split(","))
    return found


def _checked(answers: Answers, now: datetime, asked: dict[str, Any]) -> Onboarding:
    try:
        return onboarding(answers, now)
    except FactsInvalid as invalid:
        again = f"\nWhat you typed, to correct: {_typed(asked)}" if asked else ""
        complain(f"{invalid}\nNothing was written.{again}")
        raise typer.Exit(WRONG_USAGE) from None


def _typed(asked: dict[str, Any]) -> str:
    pairs = [
        (key, value) for key, values in asked.items() for value in ([values] if isinstance(values, str) else values)
    ]
    return " ".join(f"--{key.replace('_', '-')} {shlex.quote(value)}" for key, value in pairs)


# ---- What is written -------------------------------------------------------------------------------------------------


def _files(found: Onboarding, folder: Path, now: datetime, *, as_pdf: bool) -> dict[Path, bytes]:
    name = found.specification.delegation.name
    page = guide(found, now.date())
    files = {
        folder / f"{name}.yaml": delegation_file(found).encode(),
        folder / f"{name}-guide.html": page.encode(),
    }
    if as_pdf:
        try:
            files[folder / f"{name}-guide.pdf"] = pdf(page)
        except PdfMissing as error:
            complain(f"{error}. Nothing was written.")
            raise typer.Exit(WRONG_USAGE) from None
    return files


def delegation_file(found: Onboarding) -> str:
    """Return the delegation file's text; what only SCM will tell stands in it as a comment to fill in."""
    text = io.StringIO()
    delegation = found.specification.delegation
    text.write(f"# Delegated by {_one_line(delegation.organisation)}. Account in SCM: {found.account}\n")
    for field in found.missing:
        text.write(f"# {field}:  (to add: {_LATER[field]})\n")
    yaml.safe_dump(dict(found.document), text, sort_keys=False, allow_unicode=True, width=110)
    return text.getvalue()


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _write(files: dict[Path, bytes], *, force: bool) -> None:
    try:
        write_together(files, force=force)
    except FileExistsError as error:
        complain(f"{error} is there already; look at it, then repeat with --force. Nothing was written.")
        raise typer.Exit(WRONG_USAGE) from None
    except OSError as error:
        complain(f"{error.filename} cannot be written: {error.strerror}. Nothing was written.")
        raise typer.Exit(WRONG_USAGE) from None


def _tell(found: Onboarding, files: list[Path], *, as_json: bool) -> None:
    if as_json:
        told = {"files": [str(path) for path in files], "account": found.account, "missing": list(found.missing)}
        typer.echo(json.dumps(told, ensure_ascii=False))
        return
    for path in files:
        typer.echo(f"written: {path}")
    delegation = found.specification.delegation
    typer.echo(f"Send the guide to {delegation.rao_email}, best as an invitation to a video call.")
    for field in found.missing:
        typer.echo(f"Then add {field} to {files[0]}: {_LATER[field]}.")
    typer.echo(
        f"Then: certmandate credential {delegation.name}; certmandate apply; certmandate check {delegation.name}"
    )
