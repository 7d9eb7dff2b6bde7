"""Enrolment: what a request for a certificate must satisfy (SCM reference §5.4, §6.3, §7)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from . import issuance
from .body import Body
from .csr import SigningRequest, check_key, read_csr
from .names import is_domain_name
from .order import Order
from .refusals import must_be_there, refuse
from .routing import Call
from .world import Profile


@dataclass(frozen=True)
class Wanted:
    """What is asked for, before any check."""

    department_id: int
    profile_id: int
    term_days: int
    csr: SigningRequest
    names: tuple[str, ...]
    comments: str = ""
    external_requester: str = ""
    custom_fields: tuple[tuple[str, str], ...] = ()


def names_of(csr: SigningRequest, others: Iterable[str]) -> tuple[str, ...]:
    """Return common name and others in lower case, none twice; without a common name the others alone."""
    wanted = [csr.common_name, *others]
    names = tuple(dict.fromkeys(name.strip().lower() for name in wanted if name.strip()))
    if not names:
        raise refuse(-7, "commonName")
    return names


def custom_fields_of(call: Call, body: Body) -> tuple[tuple[str, str], ...]:
    """Return the custom fields of a request; refuse an unknown one (-135), a mandatory one missing (-62)."""
    world = call.state.world
    extra = call.state.dials.mandatory_custom_field
    mandatory = {field.name for field in world.custom_fields if field.mandatory} | ({extra} - {""})
    known = {field.name for field in world.custom_fields} | mandatory
    given = {
        one.needed_text("name", longest=256): one.text("value", longest=256) for one in body.objects("customFields")
    }
    if not known.issuperset(given):
        raise refuse(-135)
    if any(not given.get(name) for name in mandatory):
        raise refuse(-62)
    return tuple(given.items())


def wanted_by(call: Call, body: Body) -> Wanted:
    """Read an enrolment; refuse ill-formed bodies -1001 and -1002, and CSRs that make no sense."""
    department_id = body.needed_number("orgId")
    comments, requester = body.text("comments", longest=1024), body.text("externalRequester", longest=512)
    others = body.text("subjAltNames").split(",")
    profile_id, term = body.needed_number("certType"), body.needed_number("term")
    csr = read_csr(body.text("csr"))
    if call.state.dials.external_requester_required and not requester:
        raise refuse(-139)
    fields = custom_fields_of(call, body)
    return Wanted(department_id, profile_id, term, csr, names_of(csr, others), comments, requester, fields)


def check(call: Call, wanted: Wanted) -> None:
    """Refuse what the department, the profile, the delegations or the validations do not permit."""
    check_place(call, wanted.department_id, wanted.names)
    profile = _profile(call, wanted)
    if wanted.term_days not in profile.terms:
        raise refuse(-36)
    check_key(wanted.csr, profile.key_types)
    check_names(call, wanted.names, wanted.department_id)
    if profile.validation_type != "DV":
        status = call.state.organisation_validation(wanted.department_id, wanted.names)
        if status != "VALIDATED":
            raise refuse(-843, status)


def check_place(call: Call, department_id: int, names: Iterable[str]) -> None:
    """Refuse a department that is unknown (-1023), of others (-1023 or -37), or closed to the API (-1021)."""
    state = call.state
    unknown = refuse(-1023, department_id)
    if department_id not in state.world.parents:
        raise unknown
    if not call.sees(department_id):
        raise call.hidden(unknown)
    department = state.world.departments.get(department_id)
    if department is None or not state.web_api(department, names):
        raise refuse(-1021, department.name if department else state.world.parents[department_id].name)


def _profile(call: Call, wanted: Wanted) -> Profile:
    profile = call.state.world.profiles_by_id.get(wanted.profile_id)
    if profile is None:
        raise refuse(-111, wanted.profile_id)
    if profile not in call.state.profiles_of(wanted.department_id):
        raise refuse(-39)
    return profile


def check_names(call: Call, names: Sequence[str], department_id: int) -> None:
    """Refuse names that are none (-732), not delegated (-1010), suspended (-715), not validated (-107)."""
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


def open_order(call: Call, wanted: Wanted) -> Order:
    """Put an order for what is *wanted* in the book, approved when account and dials say so."""
    state, admin = call.state, call.admin
    ssl_id, renew_id = state.new_order_id()
    order = Order(
        ssl_id=ssl_id,
        renew_id=renew_id,
        names=wanted.names,
        department_id=wanted.department_id,
        profile_id=wanted.profile_id,
        term_days=wanted.term_days,
        csr=wanted.csr,
        requester=admin.login,
        requested_at=state.now(),
        comments=wanted.comments,
        external_requester=wanted.external_requester,
        custom_fields=wanted.custom_fields,
    )
    approves = "autoApproveCertificates" in admin.spec.privileges or admin.spec.mrao
    automatic = approves and state.dials_for(wanted.names).auto_approve
    issuance.place(state, order, approved_by=admin.login if automatic else "")
    return order


def renewal_of(call: Call, old: Order, body: Body) -> Wanted:
    """Return what a renewal of *old* asks for; refuse what cannot be renewed (SCM reference §5.7)."""
    call.require("sslRenew", "renewal")
    profile = call.state.profile(old)
    if not profile.allows_renew:
        raise refuse(-180)
    issuance.advance(call.state, old)
    if old.status != "Issued" or old.replacing:
        raise refuse(-130, old.status.upper())
    csr = read_csr(body.text("csr")) if "csr" in body else old.csr
    term = old.term_days if old.term_days in profile.terms else max(profile.terms)
    return Wanted(
        old.department_id,
        old.profile_id,
        term,
        csr,
        old.names,
        old.comments,
        old.external_requester,
        old.custom_fields,
    )


def mark_renewed(call: Call, old: Order, new_id: int | None) -> None:
    """Mark *old* as renewed, by the order *new_id* when it is known."""
    old.renewed, old.renewed_at, old.renewed_by = True, call.state.now(), new_id


def replacement_of(call: Call, order: Order, body: Body) -> Wanted:
    """Return what a replacement of *order* asks for; refuse what cannot be replaced (SCM reference §5.9)."""
    call.require("sslReplace", "replacement")
    if "csr" not in body:
        msg = "csr"
        raise must_be_there(msg)
    body.needed_text("reason")
    issuance.advance(call.state, order)
    if order.status != "Issued" or order.replacing:
        raise refuse(-130, order.status.upper())
    csr = read_csr(body.text("csr"))
    others = body.texts("subjectAlternativeNames")
    first = body.text("commonName", longest=64) or order.common_name
    names = tuple(dict.fromkeys(name.strip().lower() for name in [first, *(order.names if others is None else others)]))
    return Wanted(order.department_id, order.profile_id, order.term_days, csr, names)
