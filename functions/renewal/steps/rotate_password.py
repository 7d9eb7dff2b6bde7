"""Replacing an account's password before it expires, in Secrets Manager's four steps.

    createSecret   a new password is stored as the pending one, before anything is changed
    setSecret      the current one logs in and is changed into the pending one
    testSecret     the pending one logs in
    finishSecret   the pending one becomes the current one

Until the new password is proved both are stored, so a crash at any point locks nobody out: the next attempt finds that
the current one is refused, tries the pending one once, and goes on from there. (AWS: Rotation by Lambda function,
secretsmanager/latest/userguide/rotate-secrets_lambda-functions.html)

*Which version.* Every step works with whatever version is pending, whether or not it has the token of this attempt.
For when SCM's policy refuses a password, another one must take its place, and Secrets Manager lets nobody write
another value under the same token: it is stored under an id of its own, changed, proved and promoted within setSecret.
The steps that follow find nothing pending and have nothing to do. So the pending label is never left on a version that
is not current, which is what would block every later rotation (AWS: API_RotateSecret).

*Failed logins.* SCM counts them and locks accounts (SCM reference §2.4). One attempt shows each of the two passwords
at most once to SCM in vain. When both are refused, that is remembered, and no attempt is made again on that day.

*When.* Secrets Manager starts it in the interval that `certmandate credential --rotate-days` set, and on demand by
`certmandate credential --rotate`. The RAO is told in the week before (finding `PasswordRotation`,
`renewal.domain.forecast`), because SCM sends a notice of the change.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from random import Random

from renewal.domain.credential import Credential
from renewal.domain.errors import CredentialRefused, InvalidRequest, PasswordPolicyRefused
from renewal.domain.password import PasswordForm, form_for, forms
from renewal.domain.setup.inspection import Refusal
from renewal.ports import Clock, CredentialVault, ExactAccounts, OrderReader, OrderTransitions

KEEP_AWAKE = "keepAwake"
"""The step of no rotation: the weekly call that keeps the function's network interface. It touches nothing."""
NOTHING_TO_DO = "no password: an OAuth2 client needs no rotation"
REFUSED = (
    "SCM refuses both the current and the pending password of {delegation}: store the right one with `certmandate "
    "credential`. "
    "Nothing is tried again today, because SCM locks accounts after failed attempts"
)


@dataclass(frozen=True, slots=True)
class RotatePassword:
    """Replaces the password of one delegation's account; every step may be repeated."""

    vault: CredentialVault
    accounts: ExactAccounts
    book: OrderReader
    transitions: OrderTransitions
    clock: Clock
    chance: Random
    """A cryptographic source: `random.SystemRandom`."""
    new_id: Callable[[], str]
    """Makes ids of versions, 32 to 64 characters."""

    def __call__(self, secret: str, token: str, step: str) -> str:
        """Do one of the four steps for the attempt *token*, or none; return what was done, in words fit for a log.

        Raises InvalidRequest, CredentialMissing, CredentialRefused, PasswordPolicyRefused, ScmUnavailable, …
        """
        if step == KEEP_AWAKE:
            return "nothing: Lambda takes an idle function's network interface away"
        current = self.vault.current(secret)
        if not self.accounts.has_password(current):
            return NOTHING_TO_DO
        if step == "createSecret":
            return self._create(secret, token, current)
        pending = self.vault.pending(secret)
        if pending is None:
            return "nothing is pending: the new password is in use already"
        if step == "setSecret":
            return self._set(secret, current, pending)
        if step == "testSecret":
            return self._test(secret, pending)
        if step == "finishSecret":
            self.vault.promote(secret, pending, current)
            return "the new password is the current one"
        msg = f"'{step}' is no step of a rotation"
        raise InvalidRequest(msg)

    def _create(self, secret: str, token: str, current: Credential) -> str:
        if self.vault.pending(secret) is not None:
            return "a new password is stored already"  # it may be the one in force: never replace it here
        if current.version == token or not self.vault.stage(secret, self._another(current, token, PasswordForm())):
            return "this attempt has ended already"
        return "a new password is stored as pending"

    def _set(self, secret: str, current: Credential, pending: Credential) -> str:
        delegation = self.vault.delegation(secret)
        self._require_untried(delegation, current)
        if self._opens(current):
            return self._change(secret, current, pending)
        if self._opens(pending):
            return "the new password is in force already: an earlier attempt had changed it"
        self.transitions.record_refusal(delegation, current.version, self._today())
        raise CredentialRefused(REFUSED.format(delegation=delegation))

    def _change(self, secret: str, current: Credential, pending: Credential) -> str:
        authority = self.accounts.authority(current)
        try:
            authority.change_password(pending.members["password"])
        except PasswordPolicyRefused as refusal:
            return self._change_otherwise(secret, current, refusal)
        return "the password is changed"

    def _change_otherwise(self, secret: str, current: Credential, refusal: PasswordPolicyRefused) -> str:
        """Try other forms, each stored before it is tried; prove and promote the first that is taken."""
        authority = self.accounts.authority(current)
        for form in _fitting(str(refusal)):
            other = self._another(current, self.new_id(), form)
            self.vault.stage(secret, other)
            try:
                authority.change_password(other.members["password"])
            except PasswordPolicyRefused as again:
                refusal = again
                continue
            self._test(secret, other)
            self.vault.promote(secret, other, current)
            return f"SCM's policy wanted another password: one of {form.length} characters is changed and in use"
        raise refusal

    def _test(self, secret: str, pending: Credential) -> str:
        if not self._opens(pending):
            msg = f"SCM refuses the new password of {self.vault.delegation(secret)}"
            raise CredentialRefused(msg)
        return "the new password logs in"

    def _opens(self, credential: Credential) -> bool:
        try:
            self.accounts.authority(credential).password_state()
        except CredentialRefused:
            return False
        return True

    def _another(self, current: Credential, version: str, form: PasswordForm) -> Credential:
        password = form.make(current.members.get("login", ""), self.chance)
        return replace(current, version=version, members={**current.members, "password": password})

    def _require_untried(self, delegation: str, current: Credential) -> None:
        record = self.book.delegation(delegation)
        if record.refusal == Refusal(current.version, self._today()):
            raise CredentialRefused(REFUSED.format(delegation=delegation))

    def _today(self) -> str:
        """What stands for a run where refusals are remembered: a rotation has none."""
        return f"rotation-{self.clock():%Y-%m-%d}"


def _fitting(policy: str) -> Iterator[PasswordForm]:
    """The form that the refusal asks for, then those that suit most policies."""
    asked = form_for(policy)
    yield from ([asked] if asked else [])
    yield from (form for form in forms() if form not in {asked, PasswordForm()})
