"""`certmandate adopt`: takes over a certificate that exists, so that none is ordered before it is due."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from certmandate.adoption.candidate import Candidate, candidate_from_file, candidate_from_stores
from certmandate.deployment import Deployment, read_stored, to_change
from certmandate.exit import Refused
from certmandate.options import ActionReasonOption, CertificateArgument, JsonOption, YesOption, confirm, split
from certmandate.views import printing
from certmandate.views.printing import printer
from certmandate.views.problems import next_step
from renewal.domain.certificate.serial import printed_serial
from renewal.domain.delegation import CertificateSpec
from renewal.domain.errors import StoreNotOurs
from renewal.domain.judgement.certificate import Judgement, judge
from renewal.domain.names import without_added
from renewal.domain.order import ManagedCertificate, StoredCertificate
from renewal.domain.order_search import known_ids
from renewal.domain.setup.inspection import DelegationRecord

if TYPE_CHECKING:
    from renewal.domain.certificate.facts import Certificate


def adopt_command(
    context: typer.Context,
    certificate: CertificateArgument,
    pem: Annotated[
        Path | None,
        typer.Option("--pem", help="File with the certificate (PEM, DER, PKCS #7; no key), when no store holds it."),
    ] = None,
    ssl_id: Annotated[int, typer.Option("--ssl-id", min=0, help="The certificate's SSL ID in SCM; 0: unknown.")] = 0,
    reason: ActionReasonOption = "",
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Take over a certificate that was not ordered by certmandate.

    Nothing is ordered: the certificate is renewed when it is due. It is read from the stores of the delegation file
    (ACM: the ARN in `arns`, or the only imported certificate with these names; S3: current.json) or from --pem. A
    `www` that the CA added is ignored.
    """
    from renewal.domain.stored_certificate import former_arns

    delegation, name = split(certificate)
    with to_change(context) as deployment:
        now = datetime.now(UTC)
        managed = deployment.book.certificate(delegation, name)
        if managed.order is not None:
            msg = f"{certificate} has an open order: its certificate is stored when SCM issues it, nothing is adopted"
            raise Refused(msg)
        others = [each for each in read_stored(deployment).certificates.values() if each.spec.path != certificate]
        candidate = candidate_from_file(pem, managed.spec) if pem else candidate_from_stores(deployment, managed.spec)
        ssl_id = _confirmed_ssl_id(deployment, delegation, candidate.leaf.serial, ssl_id)
        corrected = _corrected(managed, candidate.leaf, ssl_id)
        _require_unowned(deployment, managed.spec, candidate, ssl_id, others)
        former = former_arns(managed.stored, candidate.arns.values(), now)
        stored = corrected or replace(_stored(candidate, managed.spec, ssl_id, now), former_arns=former)
        record = deployment.book.delegation(delegation)
        after = judge(replace(managed, stored=stored), record, now, deployment.acting_times)
        doubts = [] if not ssl_id or _is_reported(record, managed.spec, stored) else [_unverified_note(record, ssl_id)]
        changes = [_correction_note(managed, ssl_id)] if corrected else _notes(candidate, stored, after)
        notes = [*changes, *doubts]
        printing.show(printer(to_stderr=as_json), *_page(certificate, stored, after, notes))
        question = f"Correct the SSL ID of {certificate}" if corrected else f"Adopt it as {certificate}"
        confirm(f"{question}{', with an SSL ID that is not verified' if doubts else ''}?", yes=yes)
        deployment.editor.adopt(delegation, name, stored, reason)
    text = f"{'Corrected' if corrected else 'Adopted'}: {next_step(after)}."
    printing.print_result(_document(stored, after, notes), text, as_json=as_json)


def _stored(candidate: Candidate, spec: CertificateSpec, ssl_id: int, now: datetime) -> StoredCertificate:
    """Raises Refused when the certificate cannot be adopted. A name that the CA added is no change of names."""
    leaf, key_type = candidate.leaf, candidate.leaf.key_type
    if leaf.not_after <= now:
        msg = f"it expired on {printing.day(leaf.not_after)}: the next daily run orders a new one"
        raise Refused(msg)
    if key_type is None:
        msg = "certmandate does not order its key type (only RSA 2048 to 4096, P-256, P-384): let a run order a new one"
        raise Refused(msg)
    if not set(leaf.names) & set(spec.names):
        msg = f"it is for {', '.join(leaf.names) or 'no names'}, and {spec.path} is for {', '.join(spec.names)}"
        raise Refused(msg)
    return StoredCertificate(
        ssl_id=ssl_id,
        serial=leaf.serial,
        not_before=leaf.not_before,
        not_after=leaf.not_after,
        names=without_added(leaf.names, spec.names),
        profile_id=spec.profile_id,
        key_type=key_type,
        issuer=leaf.issuer,
        stores=candidate.stores,
        token="",
        stored_at=now,
        arns=dict(candidate.arns),
        client_auth=leaf.is_for_clients,
        key_fingerprint=leaf.key_fingerprint,
        fingerprint=leaf.fingerprint(),
    )


def _corrected(managed: ManagedCertificate, leaf: Certificate, ssl_id: int) -> StoredCertificate | None:
    """Return what is stored with *ssl_id*, if only that differs.

    Otherwise None. Raises Refused unless the order book has no certificate, or an older one, as after a restore.
    """
    stored = managed.stored
    if stored and stored.serial == leaf.serial and ssl_id not in {0, stored.ssl_id}:
        return replace(stored, ssl_id=ssl_id)
    if stored and leaf.not_before <= stored.not_before:
        msg = (
            f"{managed.spec.path} has serial {printed_serial(stored.serial)} stored already; a certificate can be "
            "adopted only where none is stored, or where an older one is; to correct its SSL ID, pass --ssl-id"
        )
        raise Refused(msg)
    return None


def _correction_note(managed: ManagedCertificate, ssl_id: int) -> str:
    before = managed.stored.ssl_id if managed.stored else 0
    return f"its SSL ID is changed from {before or 'unknown'} to {ssl_id}, and nothing else"


def _confirmed_ssl_id(deployment: Deployment, delegation: str, serial: str, ssl_id: int) -> int:
    """Return the SSL ID of *serial* by the audit trail, else *ssl_id*. Raises Refused when the trail has another."""
    rows = deployment.book.history(delegation, "")
    recorded = next((row.ssl_id for row in rows if row.ssl_id and row.serial == serial), 0)
    if recorded and ssl_id not in {0, recorded}:
        msg = f"the audit trail has serial {printed_serial(serial)} as SSL ID {recorded}: pass --ssl-id {recorded}"
        raise Refused(msg)
    return recorded or ssl_id


def _require_unowned(
    deployment: Deployment,
    spec: CertificateSpec,
    candidate: Candidate,
    ssl_id: int,
    others: Iterable[ManagedCertificate],
) -> None:
    """Raise Refused when what is to be adopted is another certificate's: its SSL ID, or an ARN."""
    from certmandate.estate_changes import arn_fault, arn_owners

    owner = next((other.spec.path for other in others if ssl_id in known_ids((other,), ())), "")
    if owner:
        msg = f"SSL ID {ssl_id} is the certificate of {owner}: look it up in SCM, or leave out --ssl-id"
        raise Refused(msg)
    for row in deployment.book.history(spec.delegation, "") if ssl_id else ():
        if row.ssl_id == ssl_id and row.serial not in {"", candidate.leaf.serial}:
            msg = f"SSL ID {ssl_id} is serial {printed_serial(row.serial)} of {row.delegation}/{row.certificate}"
            raise Refused(msg)
    owners = arn_owners(others)
    for region, arn in candidate.arns.items():
        if fault := arn_fault(arn, spec.path, owners, deployment.account):
            raise Refused(fault)
        error = deployment.acm.refusal(ManagedCertificate(replace(spec, arns={region: arn})), region)
        if isinstance(error, StoreNotOurs):
            raise Refused(str(error))


def _is_reported(record: DelegationRecord, spec: CertificateSpec, stored: StoredCertificate) -> bool:
    """Return whether SCM's report has the serial under the SSL ID, as of the last inspection. Raises Refused."""
    rows = [row for row in (record.inspection.adoptable if record.inspection else ()) if row.certificate == spec.name]
    serial, ssl_id = printed_serial(stored.serial), stored.ssl_id
    same = next((row for row in rows if row.serial == stored.serial), None)
    other = next((row for row in rows if row.ssl_id == ssl_id), None)
    if same and same.ssl_id != ssl_id:
        msg = f"SCM's report has serial {serial} as SSL ID {same.ssl_id}, not {ssl_id}: pass --ssl-id {same.ssl_id}"
        raise Refused(msg)
    if other and not same:
        has = f"SSL ID {ssl_id} has serial {printed_serial(other.serial)} in SCM's report"
        msg = f"{has}, and this certificate has serial {serial}: search SCM for it, or leave out --ssl-id"
        raise Refused(msg)
    return same is not None


def _unverified_note(record: DelegationRecord, ssl_id: int) -> str:
    inspection, check = record.inspection, f"`certmandate check {record.delegation.name}`"
    why, then = "no inspection has SCM's report of it", f"{check} makes one, if it is run before the adoption"
    if inspection and inspection.run_id and not inspection.unread and inspection.full_at:
        why = f"SCM's last SSL report ({printing.minute(inspection.at)}) does not list it among what can be adopted"
        then = f"if the delegation file was applied since, run {check} and adopt again"
    return f"SSL ID {ssl_id} is not verified: {why}; {then}"


# ---- Printing --------------------------------------------------------------------------------------------------------


def _notes(candidate: Candidate, stored: StoredCertificate, after: Judgement) -> Iterator[str]:
    spec = after.certificate.spec
    if candidate.is_of_file:
        yield f"the stores ({', '.join(spec.stores)}) do not hold it; they get the next certificate when it is renewed"
    elif missing := [store for store in spec.stores if store not in candidate.stores]:
        yield f"{', '.join(missing)} does not hold it, so the next daily run orders a certificate for every store"
    if set(stored.names) != set(spec.names):
        yield f"its names are {', '.join(stored.names)}, not those of the file, so the next daily run renews it"
    if stored.key_type is not spec.key_type:
        yield f"its key is {stored.key_type} and the file has {spec.key_type}, so the next daily run renews it"
    if not stored.ssl_id:
        yield "without --ssl-id, SCM keeps sending expiry reminders for it"
    if after.decision.causes:
        yield f"it is due: {next_step(after)}"


def _page(path: str, stored: StoredCertificate, after: Judgement, notes: list[str]) -> list[Any]:
    pairs = [
        ("names", ", ".join(stored.names)),
        ("serial", printed_serial(stored.serial)),
        ("SSL ID", str(stored.ssl_id or "")),
        (
            "valid",
            f"{printing.day(stored.not_before)} to {printing.day(stored.not_after)}, {after.days_left} days left",
        ),
        ("key", str(stored.key_type)),
        ("issuer", stored.issuer),
        ("stores", ", ".join(stored.stores)),
        ("ARNs", ", ".join(stored.arns.values())),
    ]
    return [Text(path, style="bold"), printing.facts(pairs), *printing.bullets("Notes", notes), Text()]


def _document(stored: StoredCertificate, after: Judgement, notes: list[str]) -> dict[str, Any]:
    from certmandate.views.json_records import certificate_document, stored_document

    return {**certificate_document(after), "served": stored_document(stored), "remarks": notes}
