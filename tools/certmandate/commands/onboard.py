"""`certmandate onboard`: the facts of a new delegation become its file and the RAO's guide."""

from __future__ import annotations

import io
import ipaddress
import json
import shlex
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml

from certmandate.exit import WRONG_USAGE
from certmandate.files.atomic_files import write_together
from certmandate.onboarding import Answers, FactsInvalid, Onboarding, onboarding, proposed_account
from certmandate.views.guide import guide
from certmandate.views.html_page import PdfMissing, pdf
from certmandate.views.printing import print_error
from renewal.domain import fields

_LATER = {
    "department_id": "the OrgID that the RAO notes in step 3 of the guide",
    "profile_id": "the number of the certificate profile; then take the # from the certificates",
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


NameArgument = Annotated[str, typer.Argument(help="The delegation's name: lower-case letters, digits, hyphens.")]
OrganisationOption = Annotated[str, typer.Option(help="The organisation, as SCM calls it.")]
DomainOption = Annotated[list[str] | None, typer.Option(help="The organisation's own domain; repeatable.")]
CertificateOption = Annotated[
    list[str] | None, typer.Option(help="A certificate, as in idp=idp.univ.example; repeatable.")
]
DelegateOption = Annotated[
    list[str] | None,
    typer.Option(help="A name to delegate, exact or with a star; repeatable. Default: exactly the names needed."),
]
RaoOption = Annotated[str, typer.Option(help="The RAO's e-mail.")]
ThirdPartyOption = Annotated[
    str, typer.Option(envvar="CERTMANDATE_THIRD_PARTY", help="Your own name, as the RAO knows it.")
]
RoleOption = Annotated[
    str, typer.Option(envvar="CERTMANDATE_ROLE_EMAIL", help="Your role's e-mail; it becomes the account's.")
]
AddressOption = Annotated[
    str, typer.Option(envvar="CERTMANDATE_ADDRESS", help="The address that you call SCM from, as a /32.")
]
DepartmentOption = Annotated[str, typer.Option(help="Name of the department. Default: your own name.")]
AccountOption = Annotated[str, typer.Option(help="User name. Default: drao<ORG><THIRD PARTY>.")]
MandateOption = Annotated[str, typer.Option(help="Last day of the mandate, as in 2028-12-31.")]
OrgIdOption = Annotated[int, typer.Option(min=0, help="The department's OrgID, once it is known.")]
CertificateProfileOption = Annotated[int, typer.Option(min=0, help="The certificate profile, once it is known.")]
KeyOption = Annotated[str, typer.Option(help="Type of key: P-256, P-384, RSA-2048, RSA-3072 or RSA-4096.")]
StoreOption = Annotated[list[str] | None, typer.Option(help="s3 or acm:<region>; repeatable. Default: s3.")]
FolderOption = Annotated[Path, typer.Option(help="Where the files are written.")]
PdfOption = Annotated[bool, typer.Option("--pdf", help="Write the guide as PDF too (needs WeasyPrint).")]
ForceOption = Annotated[bool, typer.Option("--force", help="Overwrite files that are there.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


def onboard_command(
    name: NameArgument,
    organisation: OrganisationOption = "",
    domain: DomainOption = None,
    certificate: CertificateOption = None,
    delegate: DelegateOption = None,
    rao_email: RaoOption = "",
    third_party: ThirdPartyOption = "",
    role_email: RoleOption = "",
    address: AddressOption = "",
    department_name: DepartmentOption = "",
    account: AccountOption = "",
    mandate_ends: MandateOption = "",
    department_id: OrgIdOption = 0,
    profile_id: CertificateProfileOption = 0,
    key: KeyOption = "P-256",
    store: StoreOption = None,
    folder: FolderOption = Path("delegations"),
    as_pdf: PdfOption = False,
    force: ForceOption = False,
    as_json: JsonOption = False,
) -> None:
    """Write a delegation's file and the RAO's guide; asks for what is not given. Both are written, or nothing is."""
    given = dict(locals())  # by the options' names: the prompts and the messages speak of them by these
    now = datetime.now(UTC)
    asked = _asked(given)
    found = _checked(_answers(given | asked), now, asked)
    files = _files(found, folder, now, as_pdf=as_pdf)
    _write(files, force=force)
    _tell(found, list(files), as_json=as_json)


def _answers(facts: Mapping[str, Any]) -> Answers:
    try:
        certificates = _certificates(facts["certificate"])
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--certificate") from None
    return Answers(
        delegation=facts["name"],
        organisation=facts["organisation"],
        domains=tuple(facts["domain"]),
        certificates=certificates,
        rao_email=facts["rao_email"],
        third_party=facts["third_party"],
        role_email=facts["role_email"],
        address=facts["address"],
        delegate=tuple(facts["delegate"] or ()),
        department_name=facts["department_name"],
        account=facts["account"],
        mandate_ends=facts["mandate_ends"],
        department_id=facts["department_id"],
        profile_id=facts["profile_id"],
        key=facts["key"],
        stores=tuple(facts["store"] or ("s3",)),
    )


# ---- What is asked for -----------------------------------------------------------------------------------------------


def _asked(given: Mapping[str, Any]) -> dict[str, Any]:
    """Ask for what is missing at a terminal; without one, say which options are missing."""
    missing = [key for key in _ASKED if not given[key]]
    if missing and not sys.stdin.isatty():
        options = ", ".join(f"--{key.replace('_', '-')}" for key in missing)
        print_error(
            f"missing: {options}\nGive them, or run the command at a terminal, where it asks. Nothing was written."
        )
        raise typer.Exit(WRONG_USAGE)
    answers = {key: _ask(_ASKED[key], key) for key in missing}
    if missing and not given["account"]:
        proposed = proposed_account(given["name"], answers.get("third_party") or given["third_party"])
        answers["account"] = _ask("User name of the account", "account", proposed)
    return {key: text.split() if key in _LISTS else text for key, text in answers.items()}


def _ask(question: str, key: str, default: str | None = None) -> str:
    """Ask until the answer can be right by itself; what only several answers show is said at the end."""

    def checked(answer: str) -> str:
        try:
            check_answer(key, answer.strip())
        except ValueError as error:
            raise typer.BadParameter(str(error)) from None
        return answer.strip()

    text: str = typer.prompt(question, default=default, value_proc=checked, err=True)
    return text


def check_answer(key: str, text: str) -> None:
    """Raise ValueError with a sentence for an answer to *key* that nothing else could make right."""
    if key == "certificate":
        for name, names in _certificates(text.split()).items():
            fields.delegation_or_certificate(name)
            for one in names:
                fields.domain_name(one)
    elif key == "domain":
        for one in text.split():
            fields.domain_name(one)
    elif key == "address":
        fields.require_public(ipaddress.IPv4Network(fields.address(text)))
    elif key in _READERS:
        _READERS[key](text)


_READERS: Mapping[str, Callable[[str], str]] = {
    "organisation": fields.text,
    "rao_email": fields.email,
    "third_party": fields.text,
    "role_email": fields.email,
}


def _certificates(texts: list[str]) -> dict[str, tuple[str, ...]]:
    """`idp=idp.univ.example,www.univ.example` by name."""
    found: dict[str, tuple[str, ...]] = {}
    for text in texts:
        name, equals, names = text.partition("=")
        if not equals or not names:
            msg = f"'{text}' must be NAME=domain,domain, as in idp=idp.univ.example"
            raise ValueError(msg)
        if name in found:
            msg = f"'{name}' is given twice; write all its names behind one {name}="
            raise ValueError(msg)
        found[name] = tuple(part.strip() for part in names.split(","))
    return found


def _checked(answers: Answers, now: datetime, asked: dict[str, Any]) -> Onboarding:
    try:
        return onboarding(answers, now)
    except FactsInvalid as invalid:
        again = f"\nWhat you typed, to correct: {_typed(asked)}" if asked else ""
        print_error(f"{invalid}\nNothing was written.{again}")
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
            print_error(f"{error}. Nothing was written.")
            raise typer.Exit(WRONG_USAGE) from None
    return files


def delegation_file(found: Onboarding) -> str:
    """Return the delegation file's text; what only SCM will tell stands in it as a comment to fill in."""
    text = io.StringIO()
    delegation = found.specification.delegation
    text.write(f"# Delegated by {_one_line(delegation.organisation)}. Account in SCM: {found.account}\n")
    for field in found.missing:
        text.write(f"# {field}:  (to add: {_LATER[field]})\n")
    document = dict(found.document)
    if "profile_id" not in found.missing:
        text.write(_yaml(document))
        return text.getvalue()
    certificates = document.pop("certificates")
    text.write(_yaml(document))
    # Without a profile nothing can be ordered; without certificates the file can be applied and SCM be asked for it.
    text.write("certificates: [] # until profile_id is known: apply the file like this, and certmandate check lists\n")
    text.write("# the profiles of the department; then add profile_id, delete this line, and take the # from these:\n")
    text.writelines(f"# {line}\n" for line in _yaml({"certificates": certificates}).splitlines())
    return text.getvalue()


def _yaml(document: dict[str, Any]) -> str:
    text: str = yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=110)
    return text


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _write(files: dict[Path, bytes], *, force: bool) -> None:
    try:
        write_together(files, force=force)
    except FileExistsError as error:
        print_error(f"{error} is there already; look at it, then repeat with --force. Nothing was written.")
        raise typer.Exit(WRONG_USAGE) from None
    except OSError as error:
        print_error(f"{error.filename} cannot be written: {error.strerror}. Nothing was written.")
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
    name, folder = delegation.name, files[0].parent
    if "department_id" in found.missing:
        typer.echo(f"Then add department_id to {files[0]}: {_LATER['department_id']}.")
    typer.echo(f"Then: certmandate credential {name}; certmandate apply {folder}; certmandate check {name}")
    if "profile_id" in found.missing:
        typer.echo(f"check lists the profiles: add profile_id to {files[0]} as it says there, and apply it once more.")
