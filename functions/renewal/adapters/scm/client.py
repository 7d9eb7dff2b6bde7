"""What we ask of SCM."""

from __future__ import annotations

from collections.abc import Mapping

from renewal.adapters.scm import answers
from renewal.adapters.scm.call import Call, Operation
from renewal.adapters.scm.looks import Looks
from renewal.adapters.scm.verdict import failed_within, unusable
from renewal.domain.delegation import Profile
from renewal.domain.errors import OrderPending, OrderUnknown, ScmUnavailable
from renewal.domain.names import common_name
from renewal.domain.order import EnrollRequest, OrderDetails, token_in
from renewal.domain.setup.snapshot import PasswordState, ReportedCertificate
from renewal.ports import CertificateAuthority

ANY_STATUS = 0  # §5.14, numeric codes of reports

LARGEST_ID = 2**53 - 1
"""SCM's ids are far below; a larger number is not even JSON that every reader understands (RFC 8259, section 6)."""

_PEM_BEGIN = "-----BEGIN CERTIFICATE-----"
_PEM_END = "-----END CERTIFICATE-----"


class ScmClient(Looks, CertificateAuthority):
    """SCM as one account sees it, over the endpoints of docs/scm.md."""

    def password_state(self) -> PasswordState | None:
        """Read the account's password state (SCM reference §9); None for OAuth2 clients, which have none."""
        if not self._line.has_password:
            return None
        return answers.password_state_from(
            self._object(Call(Operation.PASSWORD_STATE, "GET", "/admin/v1/password"), "state")
        )

    def change_password(self, new: str) -> None:
        """Change the account's own password (§9); the old one, with which we log in, proves that we may."""
        body = {"newPassword": new}
        self._line.send(Call(Operation.CHANGE_PASSWORD, "POST", "/admin/v1/changepassword", body=body, secret=new))

    def profiles(self, department_id: int) -> tuple[Profile, ...]:
        """List the department's certificate profiles with their terms in days (§5.3)."""
        call = Call(Operation.PROFILES, "GET", "/ssl/v1/types", {"organizationId": department_id})
        return answers.profiles_from(self._list(call)[1])

    def reported(self, department_id: int) -> tuple[ReportedCertificate, ...]:
        """Read the department's SSL report (§10.1); `statusCode` says whether a 200 is one."""
        body = {"organizationIds": [department_id], "certificateStatus": ANY_STATUS}
        call = Call(Operation.REPORT, "POST", "/report/v1/ssl-certificates", body=body)
        answer = self._line.send(call)
        said = answers.members(answer)
        if not said:
            raise unusable(call, "report")
        if answers.text(said.get("statusCode")) not in {"", "0"}:
            raise failed_within(call, answer, answers.whole(said.get("statusCode")), self._line.secrets())
        return answers.reported_from(answers.objects(said.get("reports")))

    def enroll(self, request: EnrollRequest) -> int:
        """Order a certificate (§5.4): names travel in `subjAltNames`, SCM ignores those inside the CSR."""
        first = common_name(request.names)
        body = {
            "orgId": request.department_id,
            "csr": request.csr,
            "certType": request.profile_id,
            "term": request.term_days,
            "subjAltNames": ",".join(name for name in request.names if name != first),
            "comments": request.comment,
        }
        call = Call(Operation.ENROLL, "POST", "/ssl/v1/enroll", body=body)
        ssl_id = answers.whole(answers.members(self._line.send(call)).get("sslId"))
        if ssl_id is None or not 0 < ssl_id <= LARGEST_ID:  # taken as lost: the order is looked for by its token
            raise unusable(call, "usable sslId")
        return ssl_id

    def find(self, token: str, names: tuple[str, ...], department_id: int) -> int | None:
        """Open the department's orders for these names, newest first, until the comment of one holds *token*.

        None is said only when every candidate has been read: on it depends whether there is a second order.
        """
        unread = 0
        for ssl_id in sorted(self._candidates(names, department_id), reverse=True):
            try:
                comment = self.details(ssl_id).comment
            except OrderUnknown:
                unread = ssl_id
                continue
            if token_in(comment) == token:
                return ssl_id
        if unread:
            msg = f"SCM lists order {unread} and does not know it when asked: it might be the one"
            raise ScmUnavailable(msg)
        return None

    def details(self, ssl_id: int) -> OrderDetails:
        """Read an order's status and comment (§5.2); `dateFormat` takes the US out of its dates."""
        call = Call(Operation.DETAILS, "GET", f"/ssl/v1/{ssl_id}", {"dateFormat": "ISO"})
        return answers.details_from(self._object(call, "status"), ssl_id)

    def collect(self, ssl_id: int) -> str:
        """Fetch certificate and chain as PEM (§5.10); an empty 200 means pending, like five codes."""
        call = Call(Operation.COLLECT, "GET", f"/ssl/v1/collect/{ssl_id}", {"format": "x509"})
        pem = self._line.send(call).content.decode("ascii", errors="ignore")
        if not pem.strip():
            msg = f"SCM has nothing to collect for order {ssl_id} yet"
            raise OrderPending(msg)
        if not 0 < pem.count(_PEM_BEGIN) == pem.count(_PEM_END):
            raise unusable(call, "whole PEM certificate")
        return pem

    def mark_renewed(self, ssl_id: int, renewed_by: int) -> None:
        """Mark *ssl_id* as renewed by another order (§5.8): SCM sends no more expiry mails about it."""
        path = f"/ssl/v1/renew/manual/{ssl_id}"
        self._line.send(Call(Operation.MARK_RENEWED, "POST", path, body={"id": renewed_by}))

    def _candidates(self, names: tuple[str, ...], department_id: int) -> list[int]:
        """Orders of the department that may be for *names*: SCM's filters match parts of names (§3.4)."""
        first = common_name(names)
        listed = self._listed({"commonName": first or names[0], "orgId": department_id})
        if not first:
            # SCM may have made a common name of the first alternative one, or left it where it was (§5.4).
            listed |= self._listed({"subjectAlternativeName": names[0], "orgId": department_id})
        return [ssl_id for ssl_id, name in listed.items() if name in {"", *names}]

    def _listed(self, filters: Mapping[str, str | int]) -> dict[int, str]:
        """Every order that SCM lists: its common name by its number."""
        rows = self._numbered(Call(Operation.SEARCH, "GET", "/ssl/v1", filters))
        return {ssl_id: answers.text(row.get("commonName")).lower() for ssl_id, row in rows.items()}
