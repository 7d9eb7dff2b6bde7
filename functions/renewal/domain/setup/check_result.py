"""The eight steps by which a RAO sets a delegation up, and the result of checking each.

The steps are those of the guide that the RAO receives. What SCM's API does not show (access lists, the department's
secret key) has the status `by-eye`, and its text describes the manual check.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import date
from enum import StrEnum
from itertools import groupby
from types import MappingProxyType

from renewal.domain.errors import Actor, shortened
from renewal.domain.setup.finding import SECURITY, Finding, Severity
from renewal.domain.setup.scm_menu import ACCESS_LIST, ACCOUNT, DEPARTMENTS, screen_of


class SetupStep(StrEnum):
    """A step of the procedure; the value is its number in the guide."""

    DEPARTMENT = "1"
    WEB_API = "2"
    ORG_ID = "3"
    DOMAINS = "4"
    ADMIN = "5"
    FIRST_LOGIN = "6"
    API_ONLY = "7"
    ACCESS_LIST = "8"


STEP_MENUS = MappingProxyType(
    {
        SetupStep.DEPARTMENT: f"{DEPARTMENTS} → Add",
        SetupStep.WEB_API: f"{DEPARTMENTS} → Edit → SSL Certificate",
        SetupStep.ORG_ID: f"{DEPARTMENTS} → Edit → General",
        SetupStep.DOMAINS: f"{DEPARTMENTS} → Domains",
        SetupStep.ADMIN: "Admins → Add",
        SetupStep.FIRST_LOGIN: "the SCM portal, logged in as the new account",
        SetupStep.API_ONLY: ACCOUNT,
        SetupStep.ACCESS_LIST: ACCESS_LIST,
    }
)
"""Where each step is done. A fault is often fixed in another place (`renewal.domain.setup.scm_menu`)."""


class CheckStatus(StrEnum):
    """The status of a step."""

    PASSED = "done"
    FAILED = "wrong"
    """Not everything that is needed can be ordered."""
    WARNING = "warning"
    """It works, but will stop working; or more is permitted than was agreed."""
    SUSPECTED = "perhaps"
    """SCM refuses without a reason: one of the steps with this status is wrong, not all of them."""
    MANUAL = "by-eye"
    """SCM does not show it: the text describes the manual check."""
    NOT_CHECKED = "not-checked"
    """Nothing was read from SCM: the text has why."""


STEP_PREFIX = "step "
"""Begins the text of a finding that is the result of a step, and of no other one."""

_SEVERITIES: MappingProxyType[CheckStatus, Severity] = MappingProxyType(
    {CheckStatus.FAILED: "error", CheckStatus.WARNING: "warning"}
)


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One result for one step."""

    step: SetupStep
    status: CheckStatus = field(metadata={"stored": "verdict"})
    code: str
    """A stable name for the fault, e.g. `WebApiOff`; otherwise `Done`, `ByEye` or `NotChecked`, as the status is."""
    text: str
    actor: Actor = "rao"
    due: date | None = None
    """By when the actor must have acted; None = now."""
    about: str = ""
    """`Finding.about`."""

    @property
    def is_security(self) -> bool:
        """Whether the account can do more than was agreed."""
        return self.code in SECURITY

    @property
    def screen(self) -> str:
        """Where in SCM it is fixed, as SCM's menu has it."""
        return screen_of(self.code) or STEP_MENUS[self.step]

    def findings(self) -> tuple[Finding, ...]:
        """Return the result as a finding; none unless the status is `wrong` or `warning`."""
        severity = _SEVERITIES.get(self.status)
        if severity is None:
            return ()
        text = f"{STEP_PREFIX}{self.step}: {self.text}"
        return (Finding(self.code, severity, self.actor, text, "", self.due, self.screen, self.about),)


MOST_OF_A_STEP = 10

_BY_URGENCY = (
    CheckStatus.FAILED,
    CheckStatus.SUSPECTED,
    CheckStatus.WARNING,
    CheckStatus.MANUAL,
    CheckStatus.NOT_CHECKED,
    CheckStatus.PASSED,
)


def capped(results: Iterable[CheckResult]) -> tuple[CheckResult, ...]:
    """Return *results* by step; of more than ten of a step, the least urgent are counted by the last."""
    kept: list[CheckResult] = []
    for _, group in groupby(sorted(results, key=lambda result: result.step), key=lambda result: result.step):
        of_step = [replace(result, text=shortened(result.text)) for result in group]
        if len(of_step) > MOST_OF_A_STEP:
            of_step.sort(key=lambda result: _BY_URGENCY.index(result.status))
            left = len(of_step) - MOST_OF_A_STEP + 1
            text = f"{left} more results of this step are not listed; resolve these first"
            of_step[MOST_OF_A_STEP - 1 :] = [replace(of_step[MOST_OF_A_STEP - 1], code="MoreResults", text=text)]
        kept += of_step
    return tuple(kept)


def passed(step: SetupStep, text: str) -> CheckResult:
    """Return the result that *step* is done."""
    return CheckResult(step, CheckStatus.PASSED, "Done", text)


def manual(step: SetupStep, text: str) -> CheckResult:
    """Return the result that *step* needs the manual check that *text* describes."""
    return CheckResult(step, CheckStatus.MANUAL, "ByEye", text)


def not_checked(step: SetupStep, text: str) -> CheckResult:
    """Return the result that nothing was read for *step*, because of *text*."""
    return CheckResult(step, CheckStatus.NOT_CHECKED, "NotChecked", text)


def suspected(step: SetupStep, text: str, actor: Actor = "rao") -> CheckResult:
    """Return the result that *step* is one of several that may be wrong, because SCM refuses the login."""
    return CheckResult(step, CheckStatus.SUSPECTED, "LoginRefused", f"perhaps: {text}", actor)


def failed(step: SetupStep, code: str, text: str, actor: Actor = "rao") -> CheckResult:
    """Return the result that *step* is wrong."""
    return CheckResult(step, CheckStatus.FAILED, code, text, actor)


def warning(
    step: SetupStep, code: str, text: str, actor: Actor = "rao", due: date | None = None, about: str = ""
) -> CheckResult:
    """Return the result that *step* will stop working, or permits too much."""
    return CheckResult(step, CheckStatus.WARNING, code, text, actor, due, about)
