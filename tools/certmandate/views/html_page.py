"""The pages: one self-contained file each, in both languages, for screens, phones and paper."""

from __future__ import annotations

import logging
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from certmandate.files.atomic_files import NotWritten
from certmandate.views.language import languages, marked
from renewal.domain.names import with_readable_names
from renewal.mail.visible_text import visible

if TYPE_CHECKING:
    from jinja2 import Environment

PAGES = Path(__file__).parent / "pages"
PDF_MISSING = (
    "--pdf needs WeasyPrint and the Pango library: make pdf, and apt install libpango-1.0-0 "
    "libpangoft2-1.0-0 (macOS: brew install pango). Or open the HTML page in a browser and print it"
)


class PdfMissing(NotWritten):
    """The library for PDFs is not installed; the text has the command that installs it."""


def html(template: str, **values: Any) -> str:
    """Return the page of *template* with *values*, which are escaped everywhere.

    `shown`: the languages in the order of the page, if not the usual one.
    """
    return visible(_environment().get_template(template).render({"shown": languages(), **values}))


def pdf(page: str) -> bytes:
    """Return the page as a tagged PDF. Raises PdfMissing."""
    try:
        from weasyprint import HTML  # type: ignore[import-not-found,import-untyped,unused-ignore]
    except (ImportError, OSError):
        raise PdfMissing(PDF_MISSING) from None
    logging.getLogger("weasyprint").setLevel(logging.ERROR)  # it warns of every rule that is only for screens
    made: bytes = HTML(string=page, url_fetcher=_no_requests).write_pdf(pdf_tags=True)
    return made


def _no_requests(url: str) -> Any:
    msg = f"the page requests {url}, but it must be self-contained"
    raise ValueError(msg)


def breakable(name: str) -> Markup:
    """Return *name* as HTML that may be wrapped after each dot, so that no label is split."""
    return Markup(".<wbr>").join(name.split("."))


@cache
def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined  # most commands render no page

    environment = Environment(
        loader=FileSystemLoader(PAGES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["marked"] = marked
    environment.filters["breakable"] = breakable
    environment.filters["readable"] = with_readable_names
    return environment
