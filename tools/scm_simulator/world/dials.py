"""The dials: one field per peculiarity of SCM, each with the mistake of a client that it exposes.

The defaults are what the SCM reference attests. The text beside each field is its documentation: `--help` and
docs/simulator.md show it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator

from scm_simulator.world.fault import Fault

Outcome = Literal["issued", "requested", "declined", "rejected", "invalid", "revoked"]
_TEXT = BeforeValidator(str)  # YAML reads a code without quotes as a number
PendingAnswer = Annotated[Literal["0", "-183", "-1400", "-109", "-103", "empty"], _TEXT]
Direction = Literal["root-first", "leaf-first", "shuffled"]
DateFormat = Literal["US", "US_HMS", "ISO", "ISO_HMS", "EU", "EU_HMS", "UK", "UK_HMS", "JP", "JP_HMS"]
DomainValidation = Literal["", "VALIDATED", "NOT_VALIDATED", "EXPIRED"]
OrganisationValidation = Literal["", "VALIDATED", "NOT_VALIDATED", "PENDING", "EXPIRED", "FAILED"]


def documented_order() -> dict[str, Direction]:
    """Return the order of certificates by collect format (SCM reference §5.10, uncertain about pem)."""
    return {
        "x509": "root-first",
        "x509IO": "root-first",
        "x509IOR": "leaf-first",
        "x509R": "leaf-first",
        "pem": "root-first",
        "pemia": "leaf-first",
    }


def _dial(default: Any, text: str) -> Any:
    if callable(default):
        return field(default_factory=default, metadata={"help": text})
    return field(default=default, metadata={"help": text})


@dataclass
class Dials:
    """How SCM behaves; every field may be changed while the simulator runs, with immediate effect."""

    # Issuance
    issuance_polls: int = _dial(
        1,
        "queries (collect, or details) that find the order pending before it is issued; 0: issued at once. "
        "Exposes the client that takes enroll's 200 for an issued certificate.",
    )
    issuance_seconds: float = _dial(
        0.0,
        "seconds of the clock between approval and issuance. "
        "Exposes the client that gives up, or orders again, while the CA takes its time.",
    )
    auto_approve: bool = _dial(
        True,
        "orders of an account with autoApproveCertificates need no approval; off, they wait as Requested. "
        "Exposes the client that takes an order awaiting approval for one that will soon be issued.",
    )
    outcome: Outcome = _dial(
        "issued",
        "status of an order after its wait; requested: it awaits approval for ever. "
        "Exposes the client that polls a declined order for ever.",
    )
    pending_answer: PendingAnswer = _dial(
        "0",
        "what collect returns before issuance: a code in a 400, or an empty 200. "
        "Exposes the client that handles one code only, or takes code 0 for success.",
    )
    dead_order_answer: Annotated[Literal["pending", "-169", "-130", "-1112", "-1113"], _TEXT] = _dial(
        "pending",
        "what collect returns for a declined, rejected or invalid order: as if pending, or a code in a 400. "
        "Exposes the client that never asks the details for the status.",
    )
    collect_lag_polls: int = _dial(
        0,
        "collects still refused after the status in the details is Issued. "
        "Exposes the client that collects once and takes a refusal after Issued for an error.",
    )
    collect_during_replacement: Literal["old", "pending"] = _dial(
        "pending",
        "what collect returns between a replace and its issuance. "
        "Exposes the client that stores the old certificate beside the new key.",
    )
    # The certificate
    chain_order: dict[str, Direction] = _dial(
        documented_order,
        "order of certificates per collect format, e.g. x509=leaf-first. "
        "Exposes the client that takes the first certificate (or the last) for its own.",
    )
    crlf: bool = _dial(False, "CRLF line ends in PEM. Exposes the client that splits PEM text at \\n.")
    final_newline: bool = _dial(
        True,
        "the PEM body ends in a newline. "
        "Exposes the client that joins two PEM texts into one broken line when it is off.",
    )
    chain: Literal["own", "other", "cross-signed", "leaf-only"] = _dial(
        "own",
        "the issuers sent with the certificate: its own, another CA's, its own with a root cross-signed by a "
        "legacy root, or none. Exposes the client that stores a chain it has not built and checked itself.",
    )
    wrong_key: bool = _dial(
        False,
        "the certificate contains another public key. Exposes the client that does not compare it with its own key.",
    )
    missing_name: bool = _dial(
        False,
        "the last requested name is not in the certificate. "
        "Exposes the client that does not compare the issued names with the requested ones.",
    )
    validity_days: int = _dial(
        0,
        "days of validity, whatever the term; 0: the requested term. "
        "Exposes the client that takes expiry from the term and not from the certificate.",
    )
    starts_in_days: int = _dial(
        0, "days until the certificate becomes valid. Exposes the client that serves it before that time."
    )
    server_auth: bool = _dial(
        True,
        "serverAuth in the extended key usages. Exposes the client that stores what no browser accepts.",
    )
    client_auth: bool = _dial(
        False,
        "clientAuth in the extended key usages, as Sectigo had it by default until October 2025 and removes it on "
        "10 February 2027. Exposes the client that does not report what the next renewal will lose.",
    )
    # Dialect
    date_format: DateFormat = _dial(
        "US",
        "how certificate details write dates; `?dateFormat=` overrides it. "
        "Exposes the client that reads MM/dd/yyyy as dd/MM/yyyy, or one form only.",
    )
    missing_values: Literal["absent", "null", "empty"] = _dial(
        "absent",
        "how a value that does not exist before issuance is written: member left out, null, or an empty string. "
        "Exposes the client that handles only one of the three.",
    )
    enum_dialect: Literal["constants", "labels"] = _dial(
        "constants",
        "VALIDATED or Validated, NOT_VALIDATED or Not validated; validation method EMAIL or CNAME_CSR_HASH. "
        "Exposes the client that compares enums as text.",
    )
    status_text: str = _dial(
        "",
        "status shown instead of the order's own, when set. "
        "Exposes the client that treats an unknown status as success or as final.",
    )
    extra_members: bool = _dial(
        False,
        "unknown members in every JSON object. Exposes the client that refuses what a new release adds.",
    )
    cn_in_names: bool = _dial(
        False,
        "the common name repeated among subjectAlternativeNames. "
        "Exposes the client that compares names without adding the common name to them.",
    )
    serial_format: Literal["colons", "plain", "stripped"] = _dial(
        "colons",
        "AB:CD:…, ABCD…, or with leading zeros stripped. Exposes the client that compares serial numbers as text.",
    )
    page_limit: int = _dial(200, "largest page. Exposes the client that asks for everything at once.")
    default_size: int = _dial(
        200, "page length when none is requested. Exposes the client that does not send the size it needs."
    )
    list_order: Literal["ascending", "descending"] = _dial(
        "ascending",
        "order of lists by id. Exposes the client that takes the first (or last) certificate for the newest.",
    )
    name_filter: Literal["substring", "exact", "none"] = _dial(
        "substring",
        "what a name filter matches: a part of the name, all of it, or no order at all. Exposes the client that adopts "
        "www.example.org after a query for example.org, or orders again because a filter matched nothing.",
    )
    department_filter: Literal["department", "organisation"] = _dial(
        "department",
        "what orgId filters by: any place, or organisations only, so that a department's id matches nothing. "
        "Exposes the client that orders again because a filter matched nothing.",
    )
    common_name_form: Literal["a-label", "u-label", "upper-case"] = _dial(
        "a-label",
        "how the common name is shown and filtered: as ordered (xn--…), in Unicode, or in capitals. "
        "Exposes the client that compares names as text.",
    )
    hidden_comments: bool = _dial(
        False,
        "comments are left out of details and reports. "
        "Exposes the client that takes an order whose comment it cannot read for another client's.",
    )
    listing_delay_seconds: float = _dial(
        0.0,
        "seconds of the clock until an order is in lists and reports. "
        "Exposes the client that orders again because an order was not listed at once.",
    )
    report_names: Literal["plain", "dnsname"] = _dial(
        "plain", "names in reports: `a; b` or `dNSName=a, dNSName=b`. Exposes the client that splits only one of them."
    )
    report_status_code: int = _dial(
        0,
        "statusCode of reports; not 0: failed within a 200. Exposes the client that checks HTTP 200 only.",
    )
    foreign_id: Literal["not-found", "denied"] = _dial(
        "not-found",
        "a request for another department's object: as if unknown, or -37. "
        "Exposes the client that takes one of them for a fault of the network.",
    )
    # Refusals
    external_requester_required: bool = _dial(
        False, "enroll without externalRequester gives -139. Exposes the client that cannot send one."
    )
    mandatory_custom_field: str = _dial(
        "", "name of a custom field that enroll must carry (-62). Exposes the client that cannot send one."
    )
    web_api: bool = _dial(
        True,
        "the department's Web/REST API is on; off: enroll gives -1021. "
        "Exposes the client that retries what only the registration authority can change.",
    )
    organisation_validation: OrganisationValidation = _dial(
        "",
        "the organisation's validation, for all, when set; enroll gives -843 unless VALIDATED. "
        "Exposes the client that retries what only the registration authority can change.",
    )
    dcv: DomainValidation = _dial(
        "",
        "the domain control validation, for all, when set; enroll is refused unless VALIDATED. "
        "Exposes the client that retries, or that warns only after the refusal.",
    )
    dcv_refusal: Annotated[Literal["-107", "-737", "-1137"], _TEXT] = _dial(
        "-107", "code of the refusal without a validation. Exposes the client that handles only one of the three."
    )
    # Login
    lock_after: int = _dial(
        5,
        "failed logins that lock an account; 0: never. Exposes the client that tries a refused password again.",
    )
    blocked_address_answer: Annotated[Literal["401", "403"], _TEXT] = _dial(
        "401",
        "the answer to an address outside the account's list. "
        "Exposes the client that blames the password and counts it as failed.",
    )
    peer_address_header: str = _dial(
        "",
        "for tests: name of a header to take the caller's address from; empty: the connection's. "
        "Exposes the client whose requests leave from another address than the one allowed.",
    )
    oauth_token_seconds: float = _dial(
        300.0, "lifetime of an OAuth2 token in seconds. Exposes the client that fetches a token only once."
    )
    keep_alive_seconds: float = _dial(
        15.0,
        "idle seconds after which the server closes a kept-alive connection. "
        "Exposes the client that reuses a stale connection and reports an outage.",
    )
    faults: list[Fault] = _dial(
        list,
        "failures between client and SCM, e.g. kind=reset_after,operation=POST /api/ssl/v1/enroll. "
        "Exposes the client that orders twice, retries for ever, or trusts any 200.",
    )

    def overlaid(self, changes: Mapping[str, Any]) -> Dials:
        """Return these dials with *changes*; a mapping among them is laid over the one here."""
        if not changes:
            return self
        merged: dict[str, Any] = {
            name: {**getattr(self, name), **value} if isinstance(value, dict) else value
            for name, value in changes.items()
        }
        return replace(self, **merged)
