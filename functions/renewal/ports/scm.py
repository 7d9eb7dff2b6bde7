"""SCM, as one account of a department sees it."""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol

from renewal.domain.delegation import CustomField, Profile
from renewal.domain.order import EnrollRequest, OrderDetails
from renewal.domain.order_search import SearchedOrder, SearchResult
from renewal.domain.setup.snapshot import (
    Account,
    Department,
    Domains,
    OrganisationValidation,
    PasswordState,
    ReportedCertificate,
)


class DepartmentReader(Protocol):
    """SCM as one account reads a department's certificates. Every method may raise SCM's errors."""

    def profiles(self, department_id: int) -> tuple[Profile, ...]:
        """Return the certificate profiles that the department may order."""

    def reported_certificates(self, department_id: int) -> tuple[ReportedCertificate, ...]:
        """Return every SSL certificate that SCM has for the department, in one request."""

    def find(self, order: SearchedOrder) -> SearchResult:
        """Search SCM for *order*. Raises ScmUnavailable when something that SCM lists cannot be read."""


class CertificateAuthority(DepartmentReader, Protocol):
    """SCM as one account orders from it. Every method may raise SCM's errors (`renewal.domain.errors`)."""

    def enroll(self, request: EnrollRequest) -> int:
        """Order a certificate and return its SSL ID. Raises AnswerLost when the order may or may not exist."""

    def details(self, ssl_id: int) -> OrderDetails:
        """Return what SCM records about one order. Raises OrderUnknown."""

    def collect(self, ssl_id: int) -> str:
        """Return the certificate with its chain as PEM, in any order. Raises OrderPending."""

    def mark_renewed(self, ssl_id: int, renewed_by: int) -> None:
        """Mark *ssl_id* as renewed by another order, so that SCM sends no more reminders about it."""


class SetupReader(DepartmentReader, Protocol):
    """SCM as one account reads a delegation's set-up. Every method may raise SCM's errors."""

    def password_state(self) -> PasswordState | None:
        """Return the state of the account's password; None for an OAuth2 client, which has none."""

    def account(self) -> Account | None:
        """Return the account's own record; None when SCM hides it (a privilege is missing, or an OAuth2 client)."""

    def department(self, department_id: int) -> Department | None:
        """Return the department's record; None when SCM has none for this account."""

    def domains(self, department_id: int, names: Collection[str]) -> Domains:
        """Return the department's domain entries, read in full where they concern *names* and time is left."""

    def validations(self, *organisation_ids: int) -> tuple[OrganisationValidation, ...]:
        """Return the validations of the first organisation or department that shows any; () when all are hidden."""

    def custom_fields(self) -> tuple[CustomField, ...]:
        """Return the custom fields that the customer's orders may have, or must have."""


class Accounts(Protocol):
    """SCM accounts by delegation. Both views of an account share its login."""

    def authority(self, delegation: str) -> CertificateAuthority:
        """Return SCM for the delegation's orders. Raises CredentialMissing."""

    def setup_reader(self, delegation: str) -> SetupReader:
        """Return SCM for the delegation's set-up. Raises CredentialMissing."""

    def credential_version(self, delegation: str) -> str:
        """Return which version of the stored credential is in use; changes when a new one is stored."""

    def exclude_version(self, delegation: str, version: str) -> None:
        """Send no request with this version: SCM has refused it. A pending version is tried in its place."""

    def refused_versions(self, delegation: str) -> Collection[str]:
        """Return the versions that SCM has refused, in their order, with those passed to `exclude_version`."""
