"""The input of an execution."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from renewal.domain.errors import InvalidRequest
from renewal.domain.run.request import RunRequest

KNOWN = (
    "Known fields: delegations, certificates, dry_run, reason, all_due_is_right, open_orders_only, record, scheduled_at"
)


def test_the_daily_schedule_asks_for_nothing_in_particular() -> None:
    """`{}` is a full run."""
    assert RunRequest.parse({}) == RunRequest()
    assert not RunRequest.parse({"scheduled_at": "2026-11-23T06:00:00Z"}).is_narrowed


def test_a_full_request_is_read_whole() -> None:
    """Every field; what is named twice is done once."""
    request = RunRequest.parse(
        {
            "delegations": ["univ", "univ"],
            "certificates": ["lab/idp", "lab/www", "lab/idp"],
            "dry_run": True,
            "reason": "key ceremony",
            "all_due_is_right": True,
        }
    )

    assert request.delegations == ("univ",)
    assert request.certificates == ("lab/idp", "lab/www")
    assert (request.dry_run, request.all_due_is_right, request.open_orders_only) == (True, True, False)
    assert request.is_narrowed


@pytest.mark.parametrize(
    ("document", "fault"),
    [
        ({"dryRun": True}, "unknown field 'dryRun'"),
        ({"delegations": "univ"}, "'delegations' must be a list of one or more delegation names"),
        ({"delegations": ["Univ"]}, "'delegations' must be a list of one or more delegation names"),
        ({"delegations": ["univ/idp"]}, "'delegations' must be a list of one or more delegation names"),
        ({"delegations": [5]}, "'delegations' must be a list of one or more delegation names"),
        ({"delegations": None}, "'delegations' must be a list of one or more delegation names"),
        ({"certificates": ["idp"]}, "'certificates' must be a list of one or more \"delegation/name\""),
        ({"certificates": ["a/b/c"]}, "'certificates' must be a list of one or more \"delegation/name\""),
        ({"certificates": ["a/b\n"]}, "'certificates' must be a list of one or more \"delegation/name\""),
        ({"dry_run": None}, "'dry_run' must be true or false"),
        ({"all_due_is_right": "yes"}, "'all_due_is_right' must be true or false"),
        ({"force": True, "delegations": ["univ"], "reason": "r"}, "unknown field 'force'"),
        ({"order_again": True, "certificates": ["univ/idp"], "reason": "r"}, "unknown field 'order_again'"),
        ({"open_orders_only": 0}, "'open_orders_only' must be true or false"),
        ({"reason": ""}, "'reason' must be a text of 1 to 200 characters"),
        ({"reason": "   "}, "'reason' must be a text of 1 to 200 characters"),
        ({"reason": "x" * 201}, "'reason' must be a text of 1 to 200 characters"),
        ({"reason": ["why"]}, "'reason' must be a text of 1 to 200 characters"),
        ({"scheduled_at": 5}, "'scheduled_at' must be the scheduled time, set by EventBridge Scheduler"),
        ({"delegations": []}, "'delegations' must be a list of one or more delegation names"),
        ({"record": True, "dry_run": True}, "'record' needs 'dry_run' and 'delegations'"),
        ({"record": True, "delegations": ["univ"]}, "'record' needs 'dry_run' and 'delegations'"),
        ({"all_due_is_right": True}, "'all_due_is_right' needs a 'reason' for the audit trail"),
    ],
)
def test_an_input_that_is_not_ours_ends_the_run_with_a_sentence(document: dict[str, Any], fault: str) -> None:
    """Before anything is touched: a misspelt `dryRun` must not become a run that orders."""
    with pytest.raises(InvalidRequest) as refused:
        RunRequest.parse(document)

    assert str(refused.value) == f"{fault}. {KNOWN}"


def test_all_faults_are_reported_at_once() -> None:
    """One execution, one correction."""
    with pytest.raises(InvalidRequest, match=r"unknown field 'x'; 'record' must be .*; 'reason' must be"):
        RunRequest.parse({"x": 1, "record": 2, "reason": 3})


@pytest.mark.parametrize("document", [None, [], "univ", 5])
def test_an_input_that_is_no_object_is_refused(document: object) -> None:
    """A JSON document need not be an object."""
    with pytest.raises(InvalidRequest, match=r"must be a JSON object, {} at least"):
        RunRequest.parse(document)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=4,
)
fields = st.sampled_from([*KNOWN.removeprefix("Known fields: ").split(", "), "other"])


@given(st.dictionaries(fields, json_values, max_size=5))
def test_any_input_is_read_or_refused(document: dict[str, Any]) -> None:
    """Never a traceback, never a guess."""
    try:
        request = RunRequest.parse(document)
    except InvalidRequest:
        return
    assert all(getattr(request, name) == (tuple(dict.fromkeys(value)) if isinstance(value, list) else value)
               for name, value in document.items())  # fmt: skip
