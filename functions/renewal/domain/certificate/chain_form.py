"""Which issuers are stored with a certificate."""

from __future__ import annotations

from enum import StrEnum


class ChainForm(StrEnum):
    """Which issuers are stored with a certificate: `chain` in the delegation file.

    `compatible`: the longest chain that SCM delivered, so that cross-signed intermediates serve clients that have only
    older roots. `short`: no more than is needed to reach a trusted root.
    """

    COMPATIBLE = "compatible"
    SHORT = "short"
