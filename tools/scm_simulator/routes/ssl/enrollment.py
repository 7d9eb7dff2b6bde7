"""Enrollment: what a request for a certificate must satisfy (SCM reference §5.4, §6.3, §7)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace

from scm_simulator.backend import issuance
from scm_simulator.backend.order import ISSUED, Order
from scm_simulator.ca.csr import SigningRequest, read_csr
from scm_simulator.http.request_body import Body
from scm_simulator.http.routing import Call
from scm_simulator.refusals import refuse
from scm_simulator.world.domain_names import is_domain_name
from scm_simulator.world.world import KeyTypes, Profile


@dataclass(frozen=True)
class CertificateRequest:
    """The content of a request for a certificate; the names of the fields are those of `Order`."""

    department_id: int
    profile_id: int
    term_days: int
    csr: SigningRequest
    names: tuple[str, ...]
    comments: str = ""
    external_requester: str = ""
    custom_fields: tuple[tuple[str, str], ...] = ()


def names_of(common_name: str, others: Iterable[str]) -> tuple[str, ...]:
    """Return common name and others in lower case, without duplicates; the common name may be empty."""
    names = tuple(dict.fromkeys(name.strip().lower() for name in (common_name, *others) if name.strip()))
    if not names:
        raise refuse(-7, "commonName")
    return names


def custom_fields_in(call: Call, body: Body) -> tuple[tuple[str, str], ...]:
    """Return the custom fields of a request; refuse an unknown one (-135), a missing mandatory one (-62)."""
    custom_fields = call.state.world.custom_fields
    by_dial = {call.state.dials.mandatory_custom_field} - {""}
    mandatory = {field.name for field in custom_fields if field.mandatory} | by_dial
    known = {field.name for field in custom_fields} | by_dial
    given = {
        field.needed_text("name", longest=256): field.text("value", longest=256)
        for field in body.objects("customFields")
    }
    if not known.issuperset(given):
        raise refuse(-135)
    if any(not given.get(name) for name in mandatory):
        raise refuse(-62)
    return tuple(given.items())


def request_in(call: Call, body: Body) -> CertificateRequest:
    """Read an enrollment; refuse ill-formed bodies -1001 and -1002, and CSRs that cannot be parsed."""
    department_id = body.needed_number("orgId")
    comments, requester = body.text("comments", longest=1024), body.text("externalRequester", longest=512)
    others = body.text("subjAltNames").split(",")
    profile_id, term = body.needed_number("certType"), body.needed_number("term")
    csr = read_csr(body.text("csr"))
    if call.state.dials.external_requester_required and not requester:
        raise refuse(-139)
    custom_fields = custom_fields_in(call, body)
    names = names_of(csr.common_name, others)
    return CertificateRequest(department_id, profile_id, term, csr, names, comments, requester, custom_fields)


def check(call: Call, request: CertificateRequest) -> None:
    """Refuse what the department, the profile, the delegations or the validations do not permit."""
    _check_department(call, request.department_id, request.names)
    profile = _profile(call, request)
    if request.term_days not in profile.terms:
        raise refuse(-36)
    _check_key(request.csr, profile.key_types)
    _check_names(call, request.names, request.department_id)
    if profile.validation_type != "DV":
        status = call.state.organisation_validation(request.department_id, request.names)
        if status != "VALIDATED":
            raise refuse(-843, status)


def _check_department(call: Call, department_id: int, names: Iterable[str]) -> None:
    """Refuse a department that is unknown (-1023), foreign (-1023 or -37), or closed to the API (-1021)."""
    state = call.state
    unknown = refuse(-1023, department_id)
    if department_id not in state.world.parents:
        raise unknown
    if not call.manages(department_id):
        raise call.foreign(unknown)
    department = state.world.departments.get(department_id)
    if department is None or not state.web_api(department, names):
        raise refuse(-1021, department.name if department else state.world.parents[department_id].name)


def _profile(call: Call, request: CertificateRequest) -> Profile:
    profile = call.state.world.profiles_by_id.get(request.profile_id)
    if profile is None:
        raise refuse(-111, request.profile_id)
    if profile not in call.state.profiles_of(request.department_id):
        raise refuse(-39)
    return profile


def _check_key(csr: SigningRequest, offered: KeyTypes) -> None:
    """Refuse a key that the profile does not offer: -170 any EC key, -141 too small an RSA key, -194 any other."""
    algorithm, _, parameter = csr.key_type.partition(" - ")
    if parameter in offered.get(algorithm, ()):
        return
    if algorithm == "EC" and not offered.get("EC"):
        raise refuse(-170)
    smallest = min((int(size) for size in offered.get("RSA", ())), default=0)
    if algorithm == "RSA" and int(parameter) < smallest:
        raise refuse(-141, smallest)
    raise refuse(-194)


def _check_names(call: Call, names: Sequence[str], department_id: int) -> None:
    """Refuse names that are malformed (-732), not delegated (-1010), suspended (-715), not validated (-107)."""
    state = call.state
    for name in names:
        if not is_domain_name(name):
            raise refuse(-732)
        domain = state.delegated(name, department_id)
        if domain is None:
            raise refuse(-1010, name)
        if domain.state != "ACTIVE":
            raise refuse(-715, domain.name)
        if state.domain_validation(domain, *names) != "VALIDATED":
            raise refuse(int(state.dials.dcv_refusal), name)


def open_order(call: Call, request: CertificateRequest) -> Order:
    """Store an order for *request*, approved when account and dials allow it."""
    state, admin = call.state, call.admin
    ssl_id, renew_id = state.new_order_id()
    order = Order(ssl_id=ssl_id, renew_id=renew_id, requester=admin.login, requested_at=state.now(), **vars(request))
    approves = "autoApproveCertificates" in admin.spec.privileges or admin.spec.mrao
    automatic = approves and state.dials_for(request.names).auto_approve
    issuance.place(state, order, approved_by=admin.login if automatic else "")
    return order


def request_of(order: Order) -> CertificateRequest:
    """Return the request that *order* was made from, as it was updated since."""
    return CertificateRequest(**{field.name: getattr(order, field.name) for field in fields(CertificateRequest)})


def renewal_of(call: Call, old: Order, body: Body) -> CertificateRequest:
    """Return the request for a renewal of *old*; refuse what cannot be renewed (SCM reference §5.7)."""
    call.require("sslRenew", "renewal")
    profile = call.state.profile(old)
    if not profile.allows_renew:
        raise refuse(-180)
    _check_issued(call, old)
    csr = read_csr(body.text("csr")) if "csr" in body else old.csr
    term = old.term_days if old.term_days in profile.terms else max(profile.terms)
    return replace(request_of(old), csr=csr, term_days=term)


def replacement_of(call: Call, order: Order, body: Body) -> CertificateRequest:
    """Return the request for a replacement of *order*; refuse what cannot be replaced (SCM reference §5.9)."""
    call.require("sslReplace", "replacement")
    body.require("csr")
    body.needed_text("reason")
    _check_issued(call, order)
    others = body.texts("subjectAlternativeNames")
    first = body.text("commonName", longest=64) or order.common_name
    names = names_of(first, order.names if others is None else others)
    return replace(request_of(order), csr=read_csr(body.text("csr")), names=names)


def _check_issued(call: Call, order: Order) -> None:
    """Refuse -130 an order without a current certificate."""
    issuance.advance(call.state, order)
    if order.status != ISSUED or order.replacing:
        raise refuse(-130, order.status.upper())
