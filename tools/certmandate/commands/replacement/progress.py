"""`certmandate replace status`: how far the replacement rules have come."""

from __future__ import annotations

from datetime import UTC, datetime

from certmandate.deployment import Deployment, read_stored
from certmandate.views import printing
from certmandate.views.printing import printer
from certmandate.views.replacement import progress as progress_view
from renewal.domain.judgement.replacement_progress import progress_of


def print_status(deployment: Deployment, *, as_json: bool) -> bool:
    """Print the progress of every rule; return whether one will not make its deadline."""
    book, stored, now = deployment.book, read_stored(deployment), datetime.now(UTC)
    rules = book.all_replacements()
    printing.print_left_out((*rules.unreadable, *stored.unreadable))
    found = [progress_of(rule, stored.certificates.values(), now, listed=book.listed(rule)) for rule in rules]
    if as_json:
        printing.print_json({"at": now, "replacements": [progress_view.document(each) for each in found]})
    elif found:
        printing.show(printer(), *progress_view.page(found))
    else:
        printing.print_line("There is no replacement rule.")
    return any(each.is_late for each in found)
