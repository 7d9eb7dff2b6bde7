"""`certmandate plan` and `apply`: from delegation files to the order book."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from certmandate.deployment import Deployment, deployed, read_stored, to_change
from certmandate.files.delegation_files import load_delegations
from certmandate.files.yaml_document import FileFault, FilesInvalid
from certmandate.judged_estate import JudgedEstate
from certmandate.options import ActionReasonOption, JsonOption, YesOption, confirm, require_no_open_order
from certmandate.run_failures import judged_with_runs
from certmandate.views import plan as plan_view
from certmandate.views import printing
from certmandate.views.printing import printer
from renewal.domain.certificate.serial import printed_serial
from renewal.domain.delegation import CertificatePath
from renewal.domain.errors import AcmCertificateMissing, AcmWouldRefuse, StoreNotOurs, TooManyDue
from renewal.domain.order import FinishedOrder, ManagedCertificate
from renewal.domain.setup.inspection import DelegationRecord
from renewal.domain.setup.unrecorded import lost_order

if TYPE_CHECKING:
    from certmandate.estate_changes import Loaded, Stored
    from certmandate.files.operator_records import Retired
    from certmandate.views.plan import Plan

FolderArgument = Annotated[Path, typer.Argument(metavar="DIR", help="Folder with one YAML file for each delegation.")]
PruneOption = Annotated[bool, typer.Option("--prune", help="Also remove the records that no file has any more.")]


def plan_command(
    context: typer.Context, folder: FolderArgument, prune: PruneOption = False, as_json: JsonOption = False
) -> None:
    """Show what `apply` would change.

    Also what the next run would then do with each certificate, and why.
    """
    with deployed(context) as deployment:
        plan = make_plan(deployment, folder, datetime.now(UTC), prune=prune)
    if as_json:
        printing.print_json(plan_view.document(plan, prune=prune))
    else:
        printing.show(printer(), *plan_view.page(plan, prune=prune))


def apply_command(
    context: typer.Context,
    folder: FolderArgument,
    prune: PruneOption = False,
    reason: ActionReasonOption = "",
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Write the delegation files to the order book.

    All files are applied, or none.
    """
    from certmandate.estate_changes import estate_change

    with to_change(context) as deployment:
        now = datetime.now(UTC)
        plan = make_plan(deployment, folder, now, prune=prune)
        if not as_json:
            printing.show(printer(), *plan_view.page(plan, prune=prune))
        to_do = plan.edits + (plan.removals if prune else [])
        pruned, all_again = plan.pruned if prune else (), plan.unfinished is not None
        change = replace(estate_change(plan.loaded, to_do, all_again=all_again), pruned=pruned, reason=reason)
        if to_do:
            require_no_open_order(deployment, change.removed)
            confirm(plan_view.question(plan, to_do, prune=prune), yes=yes)
        if to_do or plan.unfinished:
            with printer(to_stderr=True).status("Applying …"):
                deployment.spec_writer.write(change, now)
    if as_json:
        printing.print_json({**plan_view.document(plan, prune=prune), "applied": bool(to_do)})
    else:
        printing.print_line(plan_view.result(plan, to_do, prune=prune), style="green")


def make_plan(deployment: Deployment, folder: Path, now: datetime, *, prune: bool = False) -> Plan:
    """Read the files and the order book. Raises FilesInvalid with every fault: what cannot work is not applied.

    *prune*: what no file has any more is removed.
    """
    from certmandate import estate_changes
    from certmandate.views.plan import Plan

    loaded = load_delegations(folder, now)
    stored = read_stored(deployment)
    retired = {record.delegation: record.retired_at.date() for record in deployment.book.retired()}
    regions = deployment.session.get_available_regions("acm") if _uses_acm(loaded) else ()
    faults = list(estate_changes.faults(loaded, stored, regions, retired, deployment.account))
    faults = faults or list(_acm_faults(deployment, loaded, stored))
    if faults:
        raise FilesInvalid(faults)
    after = _after(deployment, loaded, stored, now, prune=prune)
    pruned = tuple(_pruned(deployment, loaded, stored, now))
    return Plan(
        loaded=loaded,
        changes=estate_changes.changes(loaded, stored),
        warnings=[
            *estate_changes.warnings(loaded, stored, now.date()),
            *(_unwatched(deployment, loaded, stored) if prune else estate_changes.renamed_certificates(loaded, stored)),
            *(_open_revocations(pruned) if prune else ()),
            *_lost_orders(deployment, loaded, stored, now),
            *dict.fromkeys(problem.text for problem in after.problems if problem.code == TooManyDue.__name__),
        ],
        after=after.certificates,
        pruned=pruned,
        unfinished=deployment.book.unfinished_apply(),
    )


def _unwatched(deployment: Deployment, loaded: Loaded, stored: Stored) -> Iterable[str]:
    """What still uses the ARNs of the certificates that are removed: the note is the last word about them."""
    from certmandate.estate_changes import unwatched_uses

    in_files = {spec.path for specification, _ in loaded for spec in specification.certificates}
    removed = (each for path, each in stored.certificates.items() if path not in in_files)
    for use in unwatched_uses(removed, deployment.acm):
        yield f"{use}. It is removed, so that no run renews or watches it"


def _pruned(deployment: Deployment, loaded: Loaded, stored: Stored, now: datetime) -> Iterable[Retired]:
    """What is left of each delegation that is in no file."""
    from certmandate.files.operator_records import retirement

    in_files = {specification.delegation.name for specification, _ in loaded}
    ended = [name for name in stored.delegations if name not in in_files]
    begun = deployment.book.begun_removals(ended)
    for name in ended:
        of_it = (each for each in stored.certificates.values() if each.spec.delegation == name)
        yield retirement(stored.delegations[name], of_it, now, begun)


def _open_revocations(pruned: Iterable[Retired]) -> Iterable[str]:
    for each in pruned:
        if serials := ", ".join(printed_serial(request.serial) for request in each.revocations):
            text = "SCM does not show it as revoked, and no run asks for that once the delegation is removed"
            yield f"{each.delegation}: the revocation of serial {serials} was requested; {text}"


def _lost_orders(deployment: Deployment, loaded: Loaded, stored: Stored, now: datetime) -> Iterable[str]:
    """What was removed and is put back: no run orders while the audit trail has a valid certificate as stored."""
    known = {*stored.certificates, *stored.damaged}
    specs = (spec for specification, _ in loaded for spec in specification.certificates)
    new = [spec for spec in specs if spec.path not in known]
    rows: defaultdict[CertificatePath, list[FinishedOrder]] = defaultdict(list)
    for row in sorted(deployment.book.histories({spec.delegation for spec in new}), key=lambda row: row.ended_at):
        rows[CertificatePath(row.delegation, row.certificate)].append(row)
    for spec in new:
        if lost := lost_order(ManagedCertificate(spec), rows[spec.record_key], now):
            adopt = f"`certmandate adopt {spec.path} --ssl-id {lost.ssl_id}`"
            text = f"the audit trail has a certificate of it as stored on {printing.day(lost.ended_at)}, still valid"
            yield f"{spec.path}: {text}: {adopt} before the next daily run, which does not order it"


def _uses_acm(loaded: Loaded) -> bool:
    return any(spec.acm_regions for specification, _ in loaded for spec in specification.certificates)


def _acm_faults(deployment: Deployment, loaded: Loaded, stored: Stored) -> Iterable[FileFault]:
    """Check with ACM each ARN that the certificate is not stored under, or that has another key type."""
    for specification, document in loaded:
        for index, spec in enumerate(specification.certificates):
            before = stored.certificates.get(spec.path)
            held = before.stored if before else None
            known = held.arns if held and held.key_type is spec.key_type else {}
            changed = [region for region, arn in spec.arns.items() if known.get(region) != arn]
            for error in filter(
                None, (deployment.acm.refusal(ManagedCertificate(spec, held), region) for region in changed)
            ):
                if not isinstance(error, AcmCertificateMissing | AcmWouldRefuse | StoreNotOurs):
                    raise error
                yield document.fault(("certificates", index, "arns"), str(error))


def _after(deployment: Deployment, loaded: Loaded, stored: Stored, now: datetime, *, prune: bool) -> JudgedEstate:
    in_files = {spec.path for specification, _ in loaded for spec in specification.certificates}
    kept = [] if prune else [each for path, each in stored.certificates.items() if path not in in_files]
    records, certificates = {} if prune else dict(stored.delegations), kept
    for specification, _ in loaded:
        delegation = specification.delegation
        record = stored.delegations.get(delegation.name)
        records[delegation.name] = replace(record, delegation=delegation) if record else DelegationRecord(delegation)
        for spec in specification.certificates:
            if spec.path not in stored.damaged:
                before = stored.certificates.get(spec.path)
                certificates.append(replace(before, spec=spec) if before else ManagedCertificate(spec))
    rules = deployment.book.replacement_rules()
    return judged_with_runs(deployment, records, certificates, now, replacements=rules, estate=certificates)
