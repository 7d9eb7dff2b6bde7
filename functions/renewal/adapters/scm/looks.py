"""What we ask of SCM about the delegation itself: the account, the department, the domains, the validations.

SCM says of what an account may not see that it does not exist, or that it may not see it (SCM reference §4); both are
PermissionMissing here, and None or nothing for the callers of a single record.
"""

from __future__ import annotations

from renewal.adapters.scm import seen
from renewal.adapters.scm.call import Call, Operation
from renewal.adapters.scm.questions import Questions
from renewal.domain.errors import PermissionMissing
from renewal.domain.setup.snapshot import Account, DelegatedName, Department, OrganisationValidation


class Looks(Questions):
    """The questions of an inspection."""

    def account(self) -> Account | None:
        """Find our own number by our login, then read the record (§9); an OAuth2 client does not know its login."""
        login = self._line.login_name
        if not login:
            return None
        listed = self._numbered(Call(Operation.ACCOUNT, "GET", "/admin/v1", {"login": login}))
        mine = [number for number, row in listed.items() if str(row.get("login", "")).casefold() == login.casefold()]
        if not mine:
            return None
        return seen.account_from(self._object(Call(Operation.ACCOUNT, "GET", f"/admin/v1/{mine[0]}"), "login"))

    def department(self, department_id: int) -> Department | None:
        """Read the department's record (§6.2); None when SCM has none for this account."""
        call = Call(Operation.DEPARTMENT, "GET", f"/organization/v1/{department_id}")
        try:
            return seen.department_from(self._object(call, "name"), department_id)
        except PermissionMissing:
            return None

    def delegated_names(self, department_id: int) -> tuple[DelegatedName, ...]:
        """Read the entries delegated to the department one by one (§7), and their validation where they lack it."""
        listed = self._numbered(Call(Operation.DOMAINS, "GET", "/domain/v1", {"orgId": department_id}))
        read = (self._entry(number, department_id) for number in listed)
        entries = tuple(entry for entry in read if entry is not None)
        if any(entry.dcv_expires is None and entry.dcv_status in {"", "VALIDATED"} for entry in entries):
            return seen.completed(entries, self._domain_validations(department_id))
        return entries

    def _entry(self, number: int, department_id: int) -> DelegatedName | None:
        try:
            row = self._object(Call(Operation.DOMAINS, "GET", f"/domain/v1/{number}"), "name")
        except PermissionMissing:
            return None  # withdrawn since it was listed
        return seen.delegated_name_from(row, department_id)

    def _domain_validations(self, department_id: int) -> list[seen.Members]:
        """The list of validations (§8.1) needs a privilege of its own, which a delegation does not need."""
        call = Call(Operation.DCV, "GET", "/dcv/v1/validation", {"department": department_id})
        try:
            return [row for page in self._pages(call) for row in page]
        except PermissionMissing:
            return []

    def validations(self, organisation_id: int) -> tuple[OrganisationValidation, ...]:
        """Read the validations of an organisation (§6.5)."""
        call = Call(Operation.VALIDATIONS, "GET", f"/organization/v2/{organisation_id}/validations")
        try:
            return seen.validations_from(self._list(call)[1])
        except PermissionMissing:
            return ()
