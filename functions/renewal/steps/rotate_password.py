"""Replacing an account's password before it expires, in Secrets Manager's four steps.

    createSecret   a new password is stored as the pending one, before anything is changed
    setSecret      the current one logs in and is changed into the pending one
    testSecret     the pending one logs in
    finishSecret   the pending one becomes the current one

Until the new password is proved both are stored, so a crash at any point locks no account out: the next attempt finds
that the current one is refused, tries the pending one once, and continues from there. (AWS: Rotation by Lambda
function, secretsmanager/latest/userguide/rotate-secrets_lambda-functions.html)

*Which version.* Every step works with the version that is pending, whether or not it has the token of this attempt.
When SCM's policy refuses a password, another one must take its place, and Secrets Manager permits no other value under
the same token: it is stored under an id of its own, changed, proved and promoted within setSecret. The steps that
follow find nothing pending and have nothing to do. So the pending label is never left on a version that is not current,
which would block every later rotation (AWS: API_RotateSecret).

*Which account.* The operator may store another account's credential while a password is pending. The pending version is
then for another account: createSecret stores a new one, and any other step removes the pending label. No account ever
gets a password that was made for another one.

*Failed logins.* SCM counts them and locks accounts (SCM reference §2.4). Each refused version is recorded: the current
one is not tried again on that day, the pending one is tried in its place, and when both are refused no attempt is made
on that day.

*When.* Secrets Manager starts it in the interval that `certmandate credential --rotate-days` set, and on demand by
`certmandate credential --rotate`. The RAO is notified in the week before (finding `PasswordRotation`,
`renewal.domain.forecast`), because SCM sends a notice of the change.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from random import Random

from renewal.domain.credential import Credential, PasswordForm, form_for, forms
from renewal.domain.errors import CredentialRefused, InvalidRequest, PasswordPolicyRefused
from renewal.domain.setup.inspection import CredentialRefusal
from renewal.ports.environment import Clock
from renewal.ports.order_book import DelegationTransitions, OrderReader
from renewal.ports.rotation import CredentialVault, PinnedAccounts

KEEP_AWAKE = "keepAwake"
"""Not a step of a rotation: the daily call that keeps the function's network interface. It changes nothing."""
NOTHING_TO_DO = "no password: an OAuth2 client needs no rotation"
REFUSED = (
    "SCM refuses both the current and the pending password of {delegation}, and no login is tried again today, because "
    "SCM locks accounts after failed attempts: store the right password with `certmandate credential`"
)


@dataclass(frozen=True, slots=True)
class RotatePassword:
    """Replaces the password of one delegation's account; every step may be repeated."""

    vault: CredentialVault
    accounts: PinnedAccounts
    book: OrderReader
    transitions: DelegationTransitions
    clock: Clock
    chance: Random
    """A cryptographic source: `random.SystemRandom`."""
    new_id: Callable[[], str]
    """Makes ids of versions, 32 to 64 characters."""

    def __call__(self, secret: str, token: str, step: str) -> str:
        """Do one of the four steps for the attempt *token*, or none; return a sentence for the log.

        Raises InvalidRequest, CredentialMissing, CredentialRefused, PasswordPolicyRefused, ScmUnavailable, …
        """
        if step == KEEP_AWAKE:
            return "nothing: Lambda removes an idle function's network interface"
        current = self.vault.current(secret)
        if not self.accounts.has_password(current):
            return NOTHING_TO_DO
        if step == "createSecret":
            return self._create(secret, token, current)
        pending = self._usable(secret, current)
        if pending is None:
            return "nothing is pending: the new password is in use already, or another account was stored meanwhile"
        if step == "setSecret":
            return self._set(secret, current, pending)
        if step == "testSecret":
            return self._test(secret, pending)
        if step == "finishSecret":
            self.vault.promote(secret, pending, current)
            return "the new password is the current one"
        msg = f"'{step}' is no step of a rotation (createSecret, setSecret, testSecret, finishSecret)"
        raise InvalidRequest(msg)

    def _usable(self, secret: str, current: Credential) -> Credential | None:
        """The pending version; None when there is none, or when it was for another account and is pending no more."""
        pending = self.vault.pending(secret)
        if pending is None or pending.account == current.account:
            return pending
        self.vault.withdraw(secret, pending)
        return None

    def _create(self, secret: str, token: str, current: Credential) -> str:
        pending = self.vault.pending(secret)
        if pending is not None and pending.account == current.account:
            return "a new password is stored already"  # it may be the one in force: never replace it here
        # The value under this attempt's token may be the one for another account, and a version is written once.
        version = token if pending is None else self.new_id()
        if current.version == token or not self.vault.stage(secret, self._another(current, version, PasswordForm())):
            return "this attempt has ended already"
        return "a new password is stored as pending"

    def _set(self, secret: str, current: Credential, pending: Credential) -> str:
        """Change the current password; try the pending one first where the current one was refused today."""
        delegation = self.vault.delegation(secret)
        noted, today = self.book.delegation(delegation).refusal, self._today()
        if noted == CredentialRefusal(current.version, today, pending.version):
            raise CredentialRefused(REFUSED.format(delegation=delegation))
        if noted != CredentialRefusal(current.version, today):
            if self.accounts.accepts(current):
                return self._change(secret, current, pending)
            self.transitions.record_refusal(delegation, current.version, today)
        if self.accounts.accepts(pending):
            return "the new password is in force already: an earlier attempt had changed it"
        self.transitions.record_refusal(delegation, current.version, today, pending.version)
        raise CredentialRefused(REFUSED.format(delegation=delegation))

    def _change(self, secret: str, current: Credential, pending: Credential) -> str:
        """Set the pending password; where SCM's policy refuses it, other forms, each stored before it is tried.

        The first form that SCM accepts is proved and promoted.
        """
        try:
            self.accounts.change_password(current, pending.members["password"])
        except PasswordPolicyRefused as error:
            refusal = error
        else:
            return "the password is changed"
        for form in _suitable(str(refusal)):
            other = self._another(current, self.new_id(), form)
            self.vault.stage(secret, other)
            try:
                self.accounts.change_password(current, other.members["password"])
            except PasswordPolicyRefused as error:
                refusal = error
                continue
            if not self.accounts.accepts(other):
                raise self._unproved(secret)
            self.vault.promote(secret, other, current)
            return f"SCM's policy required another password: one of {form.length} characters is set and in use"
        raise refusal

    def _test(self, secret: str, pending: Credential) -> str:
        if not self.accounts.accepts(pending):
            raise self._unproved(secret)
        return "the new password logs in"

    def _unproved(self, secret: str) -> CredentialRefused:
        return CredentialRefused(
            f"SCM refuses the new password of {self.vault.delegation(secret)}; both passwords stay stored, and "
            "Secrets Manager repeats the rotation"
        )

    def _another(self, current: Credential, version: str, form: PasswordForm) -> Credential:
        password = form.make(current.members.get("login", ""), self.chance)
        return replace(current, version=version, members={**current.members, "password": password})

    def _today(self) -> str:
        """The run id under which a refusal is recorded: a rotation has no run."""
        return f"rotation-{self.clock():%Y-%m-%d}"


def _suitable(policy: str) -> Iterator[PasswordForm]:
    """The form that the text of the refusal requires, then those that suit most policies."""
    required = form_for(policy)
    yield from ([required] if required else [])
    yield from (form for form in forms() if form not in {required, PasswordForm()})
