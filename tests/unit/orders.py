"""An open order to talk about."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from renewal.domain.order import Order, OrderStatus
from tests.unit.system import IDP, NOW


def an_order(**changes: Any) -> Order:
    """An open order of `univ/idp`, just posted."""
    order = Order(
        delegation="univ",
        certificate="idp",
        token="t0",
        status=OrderStatus.INTENT,
        department_id=1698,
        names=IDP.names,
        profile_id=1018,
        key_type=IDP.key_type,
        term_days=199,
        csr="csr",
        sealed_key=b"sealed",
        causes=("new",),
        run_id="run0",
        opened_at=NOW,
        posted_at=NOW,
    )
    return replace(order, **changes)
