"""`certmandate onboard`: writes the file of a new delegation and the guide for its RAO."""

from __future__ import annotations

import io
import ipaddress
import shlex
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml

from certmandate.exit import Refused, exit_on_error
from certmandate.files import fields
from certmandate.files.atomic_files import write_together
from certmandate.files.third_party import FILE, LegalIdentity, read_third_party, third_party_file
from certmandate.onboarding import Answers, FactsInvalid, Onboarding, onboarding
from certmandate.options import JsonOption
from certmandate.views.guide import guide
from certmandate.views.html_page import pdf
from certmandate.views.printing import print_json

_LATER = {
    "department_id": "the OrgID that the RAO notes in step 3 of the guide",
    "profile_id": "the number of the certificate profile; then uncomment the certificates",
}
_FROM_STEP_3 = "the custom fields that are mandatory, with the values that the RAO notes in step 3 of the guide"
_REQUIRED = {
    "organisation": "Name of the organisation in SCM",
    "domain": "The organisation's own domain",
    "certificate": "Certificates, each NAME=domain,domain (separated by blanks)",
    "rao_email": "The RAO's e-mail",
    "third_party": "Your own name, as the RAO knows it",
    "role_email": "Your role's e-mail",
    "address": "The address from which you call SCM, as a /32",
}
_OPTIONAL = {"mandate_ends": "Last day of the mandate, as in 2028-12-31 (empty: indefinite)"}
"""Asked for at a terminal like the others; without a terminal they may be left out."""
_ASKED_ONCE = {
    "legal_identity": "For the mandate, your name and legal form as registered, with the number (empty: a blank)",
    "postal_address": "Your postal address, in one line (empty: a blank)",
    "signatory": "Name and function of who signs mandates for you (empty: a blank)",
    "telephone": "Telephone number for the RAO (empty: a blank)",
}
"""Asked while third-party.yaml does not exist; the answers are written there."""
_LISTS = frozenset({"domain", "certificate"})


NameArgument = Annotated[
    str, typer.Argument(metavar="DELEGATION", help="The delegation's name: lower-case letters, digits, hyphens.")
]
OrganisationOption = Annotated[str, typer.Option(help="Name of the organisation in SCM.")]
DomainOption = Annotated[list[str] | None, typer.Option(help="The organisation's own domain; repeatable.")]
CertificateOption = Annotated[
    list[str] | None, typer.Option(help="A certificate, as in idp=idp.univ.example; repeatable.")
]
DelegateOption = Annotated[
    list[str] | None,
    typer.Option(help="A name to delegate, exact or with a star; repeatable. Default: the names of the certificates."),
]
RaoOption = Annotated[str, typer.Option(help="The RAO's e-mail.")]
ThirdPartyOption = Annotated[
    str, typer.Option(envvar="CERTMANDATE_THIRD_PARTY", help="Your own name, as the RAO knows it.")
]
RoleOption = Annotated[
    str, typer.Option(envvar="CERTMANDATE_ROLE_EMAIL", help="Your role's e-mail; it becomes the account's e-mail.")
]
AddressOption = Annotated[
    str, typer.Option(envvar="CERTMANDATE_ADDRESS", help="The address from which you call SCM, as a /32.")
]
DepartmentOption = Annotated[str, typer.Option(help="Name of the department. Default: your own name.")]
AccountOption = Annotated[str, typer.Option(help="User name of the account. Default: drao<ORG><THIRD PARTY>.")]
MandateOption = Annotated[str, typer.Option(help="Last day of the mandate, as in 2028-12-31.")]
OrgIdOption = Annotated[int, typer.Option(min=0, help="OrgID of the department, once it is known.")]
CertificateProfileOption = Annotated[
    int, typer.Option(min=0, help="Number of the certificate profile, once it is known.")
]
KeyOption = Annotated[str, typer.Option(help="Key type: P-256, P-384, RSA-2048, RSA-3072 or RSA-4096.")]
StoreOption = Annotated[list[str] | None, typer.Option(help="s3 or acm:<region>; repeatable. Default: s3.")]
FolderOption = Annotated[Path, typer.Option(help="Folder for the files.")]
PdfOption = Annotated[bool, typer.Option("--pdf", help="Write the guide as PDF too (needs WeasyPrint).")]
ForceOption = Annotated[bool, typer.Option("--force", help="Overwrite existing files.")]


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
    """Write the file of a new delegation and the RAO's guide.

    At a terminal, asks for the necessary facts that no option gives, and for the last day of the mandate; the other
    options have defaults. All files are written, or none. Who you are is read from
    third-party.yaml beside the folder; it is written when it does not exist and you were asked.
    """
    given = dict(locals())  # by the options' names, which the prompts and the messages use
    now = datetime.now(UTC)
    with exit_on_error():
        known = read_third_party(folder)
        given |= {key: given.get(key) or value for key, value in known.items()}
        typed = _typed(given)
        once = {key: _ask(question, key, "") for key, question in _ASKED_ONCE.items() if typed and not known}
        answers = _checked(_answers(given | typed | once), now, typed)
        files = _files(answers, folder, now, as_pdf=as_pdf)
        if once:
            files[folder.absolute().parent / FILE] = third_party_file(given | typed | once).encode()
        write_together(files, force=force)
    _print_result(answers, list(files), as_json=as_json)


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
        identity=LegalIdentity(**{key: facts.get(key, "") for key in _ASKED_ONCE}),
    )


# ---- Questions -------------------------------------------------------------------------------------------------------


def _typed(given: Mapping[str, Any]) -> dict[str, Any]:
    """Ask for the missing facts at a terminal; without one, print which options are missing and exit."""
    missing = [key for key in _REQUIRED if not given[key]]
    if missing and not sys.stdin.isatty():
        options = ", ".join(f"--{key.replace('_', '-')}" for key in missing)
        msg = f"missing: {options}\nPass them, or run the command at a terminal, where it asks. Nothing was written."
        raise Refused(msg)
    answers = {key: _ask(_REQUIRED[key], key) for key in missing}
    if missing:
        answers |= {key: _ask(question, key, "") for key, question in _OPTIONAL.items() if not given[key]}
    return {key: text.split() if key in _LISTS else text for key, text in answers.items()}


def _ask(question: str, key: str, default: str | None = None) -> str:
    """Ask until the answer is valid alone; faults between answers are printed at the end."""

    def checked(answer: str) -> str:
        try:
            check_answer(key, answer.strip())
        except ValueError as error:
            raise typer.BadParameter(str(error)) from None
        return answer.strip()

    text: str = typer.prompt(question, default=default, show_default=bool(default), value_proc=checked, err=True)
    return text


def check_answer(key: str, text: str) -> None:
    """Check one answer alone. Raises ValueError with a sentence."""
    if key == "certificate":
        for name, names in _certificates(text.split()).items():
            fields.delegation_or_certificate(name)
            for domain in names:
                fields.domain_name(domain)
    elif key == "domain":
        for domain in text.split():
            fields.domain_name(domain)
    elif key == "address":
        fields.require_public(ipaddress.IPv4Network(fields.address(text)))
    elif key in _READERS:
        _READERS[key](text)


def _require_future_day(text: str) -> None:
    day = fields.day(text) if text else None
    if day and day < datetime.now(UTC).date():
        msg = f"{text} is in the past"
        raise ValueError(msg)


_READERS: Mapping[str, Callable[[str], object]] = {
    "mandate_ends": _require_future_day,
    "organisation": fields.text,
    "rao_email": fields.email,
    "third_party": fields.text,
    "role_email": fields.email,
}


def _certificates(texts: list[str]) -> dict[str, tuple[str, ...]]:
    """Parse `idp=idp.univ.example,www.univ.example` into names by certificate."""
    certificates: dict[str, tuple[str, ...]] = {}
    for text in texts:
        name, equals, names = text.partition("=")
        if not equals or not names:
            msg = f"'{text}' must be NAME=domain,domain, as in idp=idp.univ.example"
            raise ValueError(msg)
        if name in certificates:
            msg = f"'{name}' is given twice; write all its names after one {name}="
            raise ValueError(msg)
        certificates[name] = tuple(part.strip() for part in names.split(","))
    return certificates


def _checked(answers: Answers, now: datetime, typed: dict[str, Any]) -> Onboarding:
    try:
        return onboarding(answers, now)
    except FactsInvalid as invalid:
        again = f"\nYour answers, as options to correct: {_as_options(typed)}" if typed else ""
        msg = f"{invalid}\nNothing was written.{again}"
        raise Refused(msg) from None


def _as_options(typed: dict[str, Any]) -> str:
    pairs = [
        (key, value) for key, values in typed.items() for value in ([values] if isinstance(values, str) else values)
    ]
    return " ".join(f"--{key.replace('_', '-')} {shlex.quote(value)}" for key, value in pairs)


# ---- Files -----------------------------------------------------------------------------------------------------------


def _files(found: Onboarding, folder: Path, now: datetime, *, as_pdf: bool) -> dict[Path, bytes]:
    name = found.specification.delegation.name
    page = guide(found, now.date())
    files = {
        folder / f"{name}.yaml": delegation_file(found).encode(),
        folder / f"{name}-guide.html": page.encode(),
    }
    if as_pdf:
        files[folder / f"{name}-guide.pdf"] = pdf(page)
    return files


def delegation_file(found: Onboarding) -> str:
    """Return the delegation file's text; a value that only SCM has is in it as a comment to complete."""
    text = io.StringIO()
    delegation = found.specification.delegation
    organisation = " ".join(delegation.organisation.split())  # in one line
    text.write(f"# Delegated by {organisation}. Account in SCM: {found.account}\n")
    for field in found.missing:
        text.write(f"# {field}:  (to add: {_LATER[field]})\n")
    text.write(f'# custom_fields: {{Name: "value"}}  (to add, if there are any: {_FROM_STEP_3})\n')
    document = dict(found.document)
    if "profile_id" not in found.missing:
        text.write(_yaml(document))
        return text.getvalue()
    certificates = document.pop("certificates")
    text.write(_yaml(document))
    # Nothing can be ordered without a profile. Without certificates the file can be applied, and `check` reads them.
    text.write("certificates: [] # until profile_id is known: apply the file as it is; certmandate check then lists\n")
    text.write(
        "# the department's profiles. Then add profile_id, delete these two lines and uncomment the following:\n"
    )
    text.writelines(f"# {line}\n" for line in _yaml({"certificates": certificates}).splitlines())
    return text.getvalue()


def _yaml(document: dict[str, Any]) -> str:
    text: str = yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=110)
    return text


def _print_result(found: Onboarding, files: list[Path], *, as_json: bool) -> None:
    if as_json:
        document = {"files": [str(path) for path in files], "account": found.account, "missing": list(found.missing)}
        print_json(document)
        return
    for path in files:
        typer.echo(f"written: {path}")
    delegation = found.specification.delegation
    typer.echo(
        f"Send the guide to {delegation.rao_email}, ideally with an invitation to a video call. It ends with the "
        "mandate to sign."
    )
    if blanks := [key for key in _ASKED_ONCE if not getattr(found.identity, key)]:
        typer.echo(
            f"Blanks in the mandate: {', '.join(blanks)}. {FILE} beside the folder fills them in for every delegation."
        )
    typer.echo(
        "Ask for the address of the organisation's portal: its host must be that of the stack's ScmUrl. Another "
        "instance (hard.cert-manager.com) needs a second stack (docs/deploy.md)."
    )
    name, folder = delegation.name, files[0].parent
    if "department_id" in found.missing:
        typer.echo(f"Then add department_id to {files[0]}: {_LATER['department_id']}; and {_FROM_STEP_3}.")
    typer.echo(f"Then: certmandate credential {name}; certmandate apply {folder}; certmandate check {name}")
    if "profile_id" in found.missing:
        typer.echo(
            f"`check` lists the profiles: add profile_id to {files[0]} as described there, and apply the file again."
        )
