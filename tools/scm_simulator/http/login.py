"""Login: header credentials and OAuth2 bearer tokens (SCM reference §2)."""

from __future__ import annotations

import ipaddress
import secrets
from base64 import b64decode
from datetime import timedelta
from http import HTTPStatus
from urllib.parse import parse_qsl, unquote_plus

from scm_simulator.backend.state import Admin, State, Token
from scm_simulator.http.messages import Request, Response, json_response
from scm_simulator.refusals import Refusal, refuse

TOKEN_PATH = "/auth/realms/apiclients/protocol/openid-connect/token"  # noqa: S105  # a path


def authenticate(state: State, request: Request) -> Admin:
    """Return the account that sent *request*; refuse -16 (401) for every cause."""
    bearer = request.headers.get("authorization", "")
    admin = _by_token(state, bearer) if bearer[:7].lower() == "bearer " else _by_headers(state, request)
    if admin.locked or (admin.temporary and admin.spec.type == "STANDARD"):
        raise refuse(-16)
    if not _address_allowed(state, admin, request):
        raise refuse(-16, status=int(state.dials.blocked_address_answer))
    if state.password_expired(admin):
        raise refuse(-16)
    return admin


def login_of(state: State, request: Request) -> str:
    """Return the login in *request*, for the record of calls; empty when there is none."""
    token = state.tokens.get(request.headers.get("authorization", "")[7:])
    return token.login if token else request.headers.get("login", "")


def _by_headers(state: State, request: Request) -> Admin:
    admin = state.admins.get(request.headers.get("login", ""))
    if admin is None or admin.spec.customer_uri != request.headers.get("customeruri", ""):
        raise refuse(-16)
    if not secrets.compare_digest(admin.password.encode(), request.headers.get("password", "").encode()):
        _count_failure(state, admin)
        raise refuse(-16)
    if not admin.locked:
        admin.failed_attempts = 0
    return admin


def _count_failure(state: State, admin: Admin) -> None:
    admin.failed_attempts += 1
    admin.failed_at = state.now()
    limit = state.dials.lock_after
    admin.locked = admin.locked or (0 < limit <= admin.failed_attempts)


def _by_token(state: State, header: str) -> Admin:
    token = state.tokens.get(header[7:])
    if token is None or token.expires_at <= state.now():
        raise refuse(-16)
    return state.admins[token.login]


def _address_allowed(state: State, admin: Admin, request: Request) -> bool:
    allowed = admin.spec.allowed_addresses
    header = state.dials.peer_address_header.lower()
    address = request.headers.get(header, request.peer) if header else request.peer
    return not allowed or any(_is_in(address, network) for network in allowed)


def _is_in(address: str, network: str) -> bool:
    try:
        return ipaddress.ip_address(address) in ipaddress.ip_network(network)
    except ValueError:
        return False


def issue_token(state: State, request: Request) -> Response:
    """Answer an OAuth2 client credentials request (RFC 6749 §4.4)."""
    form = dict(parse_qsl(request.body.decode(errors="replace"), keep_blank_values=True))
    if form.get("grant_type") != "client_credentials":
        return _oauth_error(400, "unsupported_grant_type")
    client_id, secret = _client_credentials(request, form)
    for client in state.world.oauth_clients:
        if client.client_id == client_id and secrets.compare_digest(client.client_secret.encode(), secret.encode()):
            return _token_response(state, client.login)
    return _oauth_error(401, "invalid_client")


def _client_credentials(request: Request, form: dict[str, str]) -> tuple[str, str]:
    """Return client id and secret from the form, or from HTTP Basic (RFC 6749 §2.3.1)."""
    header = request.headers.get("authorization", "")
    if not header.startswith("Basic "):
        return form.get("client_id", ""), form.get("client_secret", "")
    try:
        pair = b64decode(header[6:]).decode()
    except ValueError:
        return "", ""
    name, _, secret = pair.partition(":")
    return unquote_plus(name), unquote_plus(secret)


def _token_response(state: State, login: str) -> Response:
    seconds = state.dials.oauth_token_seconds
    text = secrets.token_urlsafe(32)
    state.tokens[text] = Token(login, state.now() + timedelta(seconds=seconds))
    body = {
        "access_token": text,
        "expires_in": int(seconds),
        "token_type": "Bearer",
        "scope": "email profile",
    }
    return json_response(body, headers=[("Cache-Control", "no-store")])


def _oauth_error(status: int, error: str) -> Response:
    return json_response({"error": error}, status=status)


def challenge(request: Request, refusal: Refusal) -> tuple[tuple[str, str], ...]:
    """Return the header of the answer to a refused bearer token: the address of the token endpoint."""
    if refusal.status == HTTPStatus.UNAUTHORIZED and "authorization" in request.headers:
        return (("WWW-Authenticate", f"{request.base_url}{TOKEN_PATH}"),)
    return ()
