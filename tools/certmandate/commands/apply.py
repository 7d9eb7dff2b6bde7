"""`certmandate plan` and `apply`: delegation files into the order book."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import RenderableType
from rich.text import Text

from certmandate.certificate_state import Standing, standing
from certmandate.deployment import Deployment, deployed
from certmandate.files.delegation_files import load_delegations
from certmandate.files.yaml_document import FileFault, FilesInvalid
from certmandate.options import JsonOption, YesOption, confirm
from certmandate.views import printing
from certmandate.views.printing import printer

if TYPE_CHECKING:
    from certmandate.estate_changes import Change, Loaded, Stored

FolderArgument = Annotated[Path, typer.Argument(metavar="DIR", help="Folder with one YAML file for each delegation.")]
PruneOption = Annotated[bool, typer.Option("--prune", help="Also remove what no file has any more.")]

_MARKS = {"create": ("+", "green"), "change": ("~", "yellow"), "remove": ("-", "red")}


@dataclass(frozen=True)
class Plan:
    """What an apply of a folder would do, and what the next run would then do."""

    loaded: Loaded
    found: list[Change]
    warnings: list[str]
    after: list[Standing]
    """How every certificate stands once the files are applied, most urgent first."""
    unfinished: datetime | None
    """When an apply began that did not come to its end."""

    @property
    def edits(self) -> list[Change]:
        """What is created or changed."""
        return [one for one in self.found if one.kind in {"create", "change"}]

    @property
    def removals(self) -> list[Change]:
        """What only `--prune` removes."""
        return [one for one in self.found if one.kind == "remove"]


def plan_command(
    context: typer.Context,
    folder: FolderArgument,
    prune: PruneOption = False,
    as_json: JsonOption = False,
) -> None:
    """Show what `apply` would change, and what the next run would then do and why."""
    with deployed(context) as deployment:
        plan = make_plan(deployment, folder, datetime.now(UTC))
    if as_json:
        printing.print_json(_document(plan, prune=prune))
    else:
        printing.show(printer(), *_page(plan, prune=prune))


def apply_command(
    context: typer.Context,
    folder: FolderArgument,
    prune: PruneOption = False,
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Bring the order book in line with the files in DIR: all of them or none."""
    with deployed(context) as deployment:
        now = datetime.now(UTC)
        plan = make_plan(deployment, folder, now)
        if not as_json:
            printing.show(printer(), *_page(plan, prune=prune))
        to_do = plan.edits + (plan.removals if prune else [])
        if to_do:
            confirm(f"Apply {printing.counted(len(to_do), 'change')}?", yes=yes)
        if to_do or plan.unfinished:
            _write(deployment, plan, now, prune=prune)
    if as_json:
        printing.print_json({**_document(plan, prune=prune), "applied": bool(to_do)})
    else:
        printer().print(_ending(plan, to_do, prune=prune), soft_wrap=True)


def make_plan(deployment: Deployment, folder: Path, now: datetime) -> Plan:
    """Read the files and the order book. Raises FilesInvalid with every fault: what cannot work is not applied."""
    from certmandate import estate_changes

    loaded = load_delegations(folder, now)
    stored = read_stored(deployment)
    retired = {one.delegation: one.retired_at.date() for one in deployment.book.retired()}
    regions = deployment.session.get_available_regions("acm") if _uses_acm(loaded) else ()
    faults = list(estate_changes.faults(loaded, stored, regions, retired))
    faults = faults or list(_acm_faults(deployment, loaded, stored))
    if faults:
        raise FilesInvalid(faults)
    return Plan(
        loaded=loaded,
        found=estate_changes.changes(loaded, stored),
        warnings=list(estate_changes.warnings(loaded, stored, now.date())),
        after=_after(deployment, loaded, stored, now),
        unfinished=deployment.book.unfinished_apply(),
    )


def read_stored(deployment: Deployment) -> Stored:
    """Read the whole order book."""
    from certmandate.estate_changes import Stored

    book = deployment.book
    with printer(to_stderr=True).status("Reading the order book …"):
        records = {name: book.delegation(name) for name in sorted(book.delegations())}
        certificates = [one for name in records for one in book.certificates(name)]
    return Stored(records, {one.spec.path: one for one in certificates})


def _uses_acm(loaded: Loaded) -> bool:
    return any(spec.acm_regions for one, _ in loaded for spec in one.certificates)


def _acm_faults(deployment: Deployment, loaded: Loaded, stored: Stored) -> Iterable[FileFault]:
    """ARNs that the files name for the first time, or for another key type: ACM is asked what it holds."""
    from renewal.adapters.acm import Acm
    from renewal.domain.errors import AcmCertificateMissing, AcmWouldRefuse
    from renewal.domain.order import ManagedCertificate

    acm = Acm(lambda region: deployment.client("acm", region))
    for specification, document in loaded:
        for index, spec in enumerate(specification.certificates):
            before = stored.certificates.get(spec.path)
            known = before is not None and (before.spec.arns, before.spec.key_type) == (spec.arns, spec.key_type)
            if not spec.arns or known:
                continue
            try:
                acm.foresee(ManagedCertificate(replace(spec, stores=tuple(f"acm:{region}" for region in spec.arns))))
            except (AcmCertificateMissing, AcmWouldRefuse) as error:
                yield document.fault(("certificates", index, "arns"), str(error))


def _after(deployment: Deployment, loaded: Loaded, stored: Stored, now: datetime) -> list[Standing]:
    from renewal.domain.order import ManagedCertificate

    replacements = deployment.book.replacements()
    found = []
    for specification, _ in loaded:
        record = stored.delegations.get(specification.delegation.name)
        inspection, ends = record.inspection if record else None, specification.delegation.mandate_ends
        for spec in specification.certificates:
            before = stored.certificates.get(spec.path)
            certificate = replace(before, spec=spec) if before else ManagedCertificate(spec)
            found.append(
                standing(certificate, now, inspection=inspection, mandate_ends=ends, replacements=replacements)
            )
    return sorted(found, key=lambda one: one.urgency)


def _write(deployment: Deployment, plan: Plan, now: datetime, *, prune: bool) -> None:
    from certmandate.estate_changes import estate_change
    from renewal.adapters.order_book.changes import OrderBookChanges

    writer = OrderBookChanges(deployment.client("dynamodb"), deployment.fact("OrdersTable"))
    with printer(to_stderr=True).status("Applying …"):
        writer.write(estate_change(plan.loaded, plan.found, prune=prune), now)


# ---- Telling ---------------------------------------------------------------------------------------------------------


def _page(plan: Plan, *, prune: bool) -> list[RenderableType]:
    parts: list[RenderableType] = []
    if plan.unfinished:
        text = (
            f"An apply of {printing.minute(plan.unfinished)} did not come to its end; this one finishes what it left."
        )
        parts.append(Text(text, style="yellow"))
    parts += [_line(one) for change in plan.edits for one in _lines(change)]
    if plan.removals:
        parts.append(printing.heading("No file has these any more" + ("" if prune else "; --prune would remove them")))
        if any("/" not in one.path for one in plan.removals):
            parts.append(Text("  --prune only forgets a delegation; `certmandate retire` ends it, credential and all"))
        parts += [_line(one) for change in plan.removals for one in _lines(change)]
    parts += printing.bullets("Look twice", plan.warnings)
    if not plan.edits and not plan.removals:
        parts.append(Text("The order book is as the files say."))
    parts.append(printing.heading("After that, the next run"))
    rows = [(one.path, Text(one.state.word), one.next_step(), _expiry(one)) for one in plan.after]
    return [*parts, printing.table(["certificate", "state", "what happens", "expires"], rows)]


def _expiry(one: Standing) -> str:
    served = one.certificate.served
    return f"{printing.day(served.not_after)} ({one.days_left} days)" if served else "nothing served yet"


def _lines(change: Change) -> list[tuple[str, str]]:
    mark, style = _MARKS[change.kind]
    fields = [(f"      {one.field}: {one.before}  →  {one.after}", "") for one in change.differences]
    return [(f"  {mark} {change.path}", style), *fields]


def _line(line: tuple[str, str]) -> Text:
    return Text(line[0], style=line[1])


def _ending(plan: Plan, to_do: list[Change], *, prune: bool) -> Text:
    if not to_do:
        return Text(
            "Nothing to change." if plan.unfinished is None else "The interrupted apply is finished.", style="green"
        )
    removed = len(plan.removals) if prune else 0
    text = f"Applied: {len(plan.edits)} written, {removed} removed."
    return Text(f"{text} Audit rows and stored certificates stay." if removed else text, style="green")


def _document(plan: Plan, *, prune: bool) -> dict[str, Any]:
    from certmandate.views.json_records import certificate_document

    return {
        "changes": [
            {
                "kind": one.kind,
                "path": one.path,
                "fields": {each.field: {"before": each.before, "after": each.after} for each in one.differences},
                "takes_place": one.kind != "remove" or prune,
            }
            for one in plan.found
            if one.kind != "keep"
        ],
        "unchanged": sum(one.kind == "keep" for one in plan.found),
        "warnings": plan.warnings,
        "unfinished_apply": plan.unfinished,
        "next_run": [certificate_document(one) for one in plan.after],
    }
