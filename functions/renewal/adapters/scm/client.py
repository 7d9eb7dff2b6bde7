"""The requests that certmandate makes to SCM."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress
from typing import Any

from renewal.adapters.scm import responses
from renewal.adapters.scm.pages import Pages
from renewal.adapters.scm.request import Operation, Request, details_of, report_of
from renewal.adapters.scm.responses import Row, number, text
from renewal.adapters.scm.search import Search
from renewal.adapters.scm.session import Session
from renewal.domain.delegation import CustomField, Profile
from renewal.domain.errors import CredentialRefused, NeedsAttention, PermissionMissing, ScmUnavailable
from renewal.domain.names import common_name
from renewal.domain.order import EnrollRequest, OrderDetails
from renewal.domain.order_search import SearchedOrder, SearchResult
from renewal.domain.setup.snapshot import (
    Account,
    DelegatedName,
    Department,
    Domains,
    OrganisationValidation,
    PasswordState,
    ReportedCertificate,
    concerns,
)
from renewal.ports.scm import CertificateAuthority, SetupReader

PASSWORD_STATE = Request(Operation.PASSWORD_STATE, "GET", "/admin/v1/password")


class ScmClient(CertificateAuthority, SetupReader):
    """What one account may read and do in SCM, over the endpoints of docs/scm.md.

    For a record that the account may not read, SCM returns that it does not exist or that reading it is forbidden (SCM
    reference §4): both are PermissionMissing here.
    """

    def __init__(self, session: Session) -> None:
        self._session = session

    # ---- Orders --------------------------------------------------------------------------------------------------

    def enroll(self, request: EnrollRequest) -> int:
        """Send the names in `subjAltNames` (§5.4): SCM ignores those inside the CSR. Empty fields are left out."""
        first = common_name(request.names)
        body: dict[str, Any] = {
            "orgId": request.department_id,
            "csr": request.csr,
            "certType": request.profile_id,
            "term": request.term_days,
            "subjAltNames": ",".join(name for name in request.names if name != first),
            "comments": request.comment,
        }
        if request.custom_fields:
            body["customFields"] = [{"name": name, "value": value} for name, value in request.custom_fields.items()]
        if request.external_requester:
            body["externalRequester"] = request.external_requester
        order = Request(Operation.ENROLL, "POST", "/ssl/v1/enroll", body=body)
        return responses.ordered_id(order, self._session.send(order))

    def find(self, order: SearchedOrder) -> SearchResult:
        """Search the department's orders for these names, then its SSL report."""
        search = Search(order, self._session.login.secrets())
        for request in search:
            try:
                search.add(self._session.send(request))
            except (NeedsAttention, ScmUnavailable) as error:
                search.add_error(error)
        return search.result

    def details(self, ssl_id: int) -> OrderDetails:
        """Read status and comment (§5.2)."""
        request = details_of(ssl_id)
        return responses.details_from(request, self._session.send(request), ssl_id)

    def collect(self, ssl_id: int) -> str:
        """Fetch PEM (§5.10); an empty 200 means pending, like five codes."""
        request = Request(Operation.COLLECT, "GET", f"/ssl/v1/collect/{ssl_id}", {"format": "x509"})
        return responses.pem_from(request, self._session.send(request), ssl_id)

    def mark_renewed(self, ssl_id: int, renewed_by: int) -> None:
        """Link the two orders (§5.8): SCM sends no more expiry mails about the old one."""
        path = f"/ssl/v1/renew/manual/{ssl_id}"
        self._session.send(Request(Operation.MARK_RENEWED, "POST", path, body={"id": renewed_by}))

    # ---- The delegation's set-up ---------------------------------------------------------------------------------

    def profiles(self, department_id: int) -> tuple[Profile, ...]:
        """List certificate profiles with their terms in days (§5.3)."""
        request = Request(Operation.PROFILES, "GET", "/ssl/v1/types", {"organizationId": department_id})
        return responses.profiles_from(responses.rows_from(request, self._session.send(request)))

    def custom_fields(self) -> tuple[CustomField, ...]:
        """List the custom fields of SSL orders (§5.3)."""
        request = Request(Operation.CUSTOM_FIELDS, "GET", "/ssl/v1/customFields")
        return responses.custom_fields_from(responses.rows_from(request, self._session.send(request)))

    def password_state(self) -> PasswordState | None:
        """Read the state (§9); an OAuth2 client has no password, so nothing is requested."""
        if not self._session.login.has_password:
            return None
        return responses.password_state_from(PASSWORD_STATE, self._session.send(PASSWORD_STATE))

    def account(self) -> Account | None:
        """Find the account's number by its login, then read the record (§9); an OAuth2 client has no login."""
        login = self._session.login.name
        if not login:
            return None
        accounts = Pages(Request(Operation.ACCOUNT, "GET", "/admin/v1", {"login": login}), number)
        for page in accounts:
            accounts.add(self._session.send(page))
        same = (
            account_number
            for account_number, row in accounts.rows.items()
            if text(row.get("login")).casefold() == login.casefold()
        )
        account_id = next(same, None)
        if account_id is None:
            return None
        request = Request(Operation.ACCOUNT, "GET", f"/admin/v1/{account_id}")
        return responses.account_from(responses.object_from(request, self._session.send(request), "login"))

    def department(self, department_id: int) -> Department | None:
        """Read the department's record (§6.2)."""
        request = Request(Operation.DEPARTMENT, "GET", f"/organization/v1/{department_id}")
        try:
            row = responses.object_from(request, self._session.send(request), "name")
        except PermissionMissing:
            return None
        return responses.department_from(row, department_id)

    def domains(self, department_id: int, names: Collection[str]) -> Domains:
        """Read the listed domains (§7), and the list of validations (§8.1) where a domain lacks its own."""
        pages = Pages(Request(Operation.DOMAINS, "GET", "/domain/v1", {"orgId": department_id}), number)
        for page in pages:
            pages.add(self._session.send(page))
        listed = {domain_id: responses.entry_of(row) for domain_id, row in pages.rows.items()}
        others = tuple(entry for entry in listed.values() if not concerns(entry, names))
        waiting = {domain_id: entry for domain_id, entry in listed.items() if concerns(entry, names)}
        delegated: list[DelegatedName] = []
        for domain_id in tuple(waiting):
            request = Request(Operation.DOMAINS, "GET", f"/domain/v1/{domain_id}")
            with suppress(ScmUnavailable):
                try:
                    row = responses.object_from(request, self._session.send(request), "name")
                    delegated += responses.delegated_names_from(row, department_id)
                except PermissionMissing:  # withdrawn since it was listed
                    pass
                del waiting[domain_id]
        lacks_some = any(entry.lacks_validation for entry in delegated)
        validations = self._domain_validations(department_id) if lacks_some else ()
        return Domains(responses.completed(delegated, validations), others, tuple(waiting.values()))

    def _domain_validations(self, department_id: int) -> Collection[Row]:
        """List the validations (§8.1), or what SCM shows of them: a delegation does not need the privilege for it.

        SCM's documentation has v1, the specification of the OAuth2 hosts v2 only.
        """
        for version in ("v1", "v2"):
            path = f"/dcv/{version}/validation"
            pages = Pages(Request(Operation.DCV, "GET", path, {"department": department_id}), _domain)
            try:
                with suppress(ScmUnavailable):
                    for page in pages:
                        pages.add(self._session.send(page))
                return pages.rows.values()
            except CredentialRefused:
                raise
            except NeedsAttention:  # of this list alone; the domains are shown without it
                continue
        return ()

    def validations(self, *organisation_ids: int) -> tuple[OrganisationValidation, ...]:
        """Read the validations of each (§6.5) until one shows some."""
        for organisation_id in organisation_ids:
            path = f"/organization/v2/{organisation_id}/validations"
            request = Request(Operation.VALIDATIONS, "GET", path)
            with suppress(PermissionMissing):
                rows = responses.rows_from(request, self._session.send(request))
                if rows:
                    return responses.validations_from(rows)
        return ()

    def reported_certificates(self, department_id: int) -> tuple[ReportedCertificate, ...]:
        """Read the department's SSL report (§10.1)."""
        request = report_of(department_id)
        return responses.reported_from(request, self._session.send(request), self._session.login.secrets())


def _domain(row: Row) -> str:
    return text(row.get("domain"))
