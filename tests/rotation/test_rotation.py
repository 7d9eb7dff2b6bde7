"""What a rotation does when something is not as usual."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Literal

import pytest

from renewal.adapters.http import new_http_client
from renewal.domain import errors
from renewal.domain.credential import LONGEST
from renewal.steps.rotate_password import KEEP_AWAKE
from renewal.steps.scm.login import ScmLogin
from scm_simulator.world.fault import Fault
from tests.adapters.aws.wire import refused
from tests.call_depth import DepthMeter, handled

from .conftest import LOGIN, SECRET, STEPS, Boundaries, Rotation

TOKEN = "11111111-2222-3333-4444-555555555555"  # of Secrets Manager, no secret
OTHER = "66666666-7777-8888-9999-000000000000"


def test_only_the_password_is_replaced(rotation: Rotation) -> None:
    """The other members of the secret must not be lost."""
    rotation.attempt(TOKEN)

    stored = rotation.stored()
    assert {**stored, "password": LOGIN["password"]} == LOGIN
    assert stored["password"] == rotation.passwords()
    assert rotation.stored("AWSPREVIOUS") == LOGIN


def test_the_new_password_is_stored_before_anything_is_changed(rotation: Rotation) -> None:
    """The order of things is what makes a crash harmless."""
    rotation.step()(SECRET, TOKEN, "createSecret")

    assert rotation.stored("AWSPENDING")["password"] not in {LOGIN["password"], rotation.passwords()}
    assert not rotation.simulator.calls


def test_a_step_that_is_repeated_does_nothing_new(rotation: Rotation) -> None:
    """Secrets Manager invokes at least once."""
    step = rotation.step()
    for name in (
        "createSecret",
        "createSecret",
        "setSecret",
        "setSecret",
        "testSecret",
        "finishSecret",
        "finishSecret",
    ):
        step(SECRET, TOKEN, name)

    assert rotation.stored()["password"] == rotation.passwords()
    assert sum(rotation.failed_logins().values()) == 1  # the second setSecret asks which of the two is in force


@pytest.mark.parametrize(
    ("code", "description", "takes"),
    [
        (-7306, "Password policy violated: Password must contain at most 12 characters.", 12),
        (-976, "The password must be between 8 and 20 characters.", 20),
        (-977, "The new password must be 24 characters long", 24),
        (-7306, "Password policy violated.", 16),
        (-220, "Password can't be the same.", 20),
        (-982, "The new password must not contain the login.", 20),
    ],
)
def test_a_password_that_the_policy_refuses_is_followed_by_one_that_fits(
    rotation: Rotation, code: int, description: str, takes: int
) -> None:
    """Under an id of its own, because a version is written once; promoted at once, so that nothing is left pending."""
    rotation.policy(code, description, takes=takes)

    rotation.attempt(TOKEN)

    assert rotation.stored()["password"] == rotation.passwords() == rotation.stored("AWSPENDING")["password"]
    assert len(rotation.passwords()) == takes
    assert not rotation.failed_logins()
    assert rotation.ends(OTHER) == ""  # and the next one is not blocked


@pytest.mark.parametrize("takes", [LONGEST, 16], ids=["testSecret", "setSecret"])
def test_a_password_that_does_not_log_in_is_not_promoted(rotation: Rotation, takes: int) -> None:
    """SCM may confirm a change that it does not make: then every login would use a password that it refuses."""
    rotation.policy(-7306, "Password policy violated.", takes=takes, is_made=False)

    with pytest.raises(errors.CredentialRefused, match="SCM refuses the new password of univ; both passwords stay"):
        rotation.attempt(TOKEN)

    assert rotation.stored() == LOGIN
    assert rotation.functions().authority("univ").profiles(2001)


def test_a_policy_that_refuses_every_password_is_quoted(rotation: Rotation) -> None:
    """The old password stays valid, and renewals continue with it."""
    rotation.policy(-7306, "Password policy violated: Password must contain a poem.", takes=0)

    with pytest.raises(errors.PasswordPolicyRefused, match="a poem"):
        rotation.attempt(TOKEN)

    assert rotation.stored() == LOGIN
    assert rotation.functions().authority("univ").profiles(2001)


def test_a_policy_that_took_nothing_does_not_block_a_later_attempt(rotation: Rotation) -> None:
    """The pending one that was refused is tried again, and followed by another."""
    rotation.policy(-7306, "Password policy violated.", takes=0)
    assert rotation.ends(TOKEN) == "PasswordPolicyRefused"
    rotation.policy(-7306, "Password policy violated.", takes=20)

    assert rotation.ends(TOKEN) == ""

    assert rotation.stored()["password"] == rotation.passwords()


def test_a_wrong_password_is_shown_to_scm_once_a_day(rotation: Rotation) -> None:
    """And the pending one once; Secrets Manager comes back several times, and SCM locks after five."""
    rotation.simulator.set_password(LOGIN["login"], "Somebody-else-set-1")

    assert rotation.ends(TOKEN) == "CredentialRefused"
    assert sum(rotation.failed_logins().values()) == 2
    assert not rotation.is_locked()

    rotation.simulator.unlock(LOGIN["login"])
    rotation.clock.advance(days=1)
    assert rotation.ends(TOKEN) == "CredentialRefused"
    assert sum(rotation.failed_logins().values()) == 4


def test_the_right_password_repairs_the_rotation_immediately(rotation: Rotation) -> None:
    """A version that the operator stores has not been refused."""
    rotation.simulator.set_password(LOGIN["login"], "Somebody-else-set-1")
    rotation.ends(TOKEN)
    right = {**LOGIN, "password": "Somebody-else-set-1"}
    rotation.secretsmanager.put_secret_value(SecretId=SECRET, SecretString=json.dumps(right))

    assert rotation.ends(TOKEN) == ""

    assert rotation.stored()["password"] == rotation.passwords()


def stored_by_the_operator(rotation: Rotation) -> dict[str, str]:
    """Store the credential of another account in the AWS console, which keeps the pending label."""
    other = {**LOGIN, "login": "drao-other", "password": "Password-of-the-other-1"}
    first = rotation.simulator._state.admins[LOGIN["login"]]
    rotation.simulator._state.admins["drao-other"] = replace(
        first, id=first.id + 1000, spec=replace(first.spec, login="drao-other"), password=other["password"]
    )
    rotation.secretsmanager.put_secret_value(SecretId=SECRET, SecretString=json.dumps(other))
    return other


def password_of(rotation: Rotation, login: str) -> str:
    """What SCM takes for an account."""
    return rotation.simulator._state.admins[login].password


def test_a_password_pending_for_one_account_is_never_set_on_another(rotation: Rotation) -> None:
    """SCM was down; the operator has stored another account since. Nothing stored would log in as it."""
    rotation.step()(SECRET, TOKEN, "createSecret")
    meant_for_the_first = rotation.stored("AWSPENDING")["password"]
    other = stored_by_the_operator(rotation)

    assert rotation.ends(TOKEN) == ""

    assert password_of(rotation, "drao-other") == rotation.stored()["password"]
    assert password_of(rotation, "drao-other") not in {meant_for_the_first, other["password"]}
    assert rotation.stored()["login"] == "drao-other"
    assert rotation.passwords() == LOGIN["password"]
    assert not rotation.failed_logins()


@pytest.mark.parametrize("step", ["setSecret", "testSecret", "finishSecret"])
def test_another_account_stored_during_a_rotation_stays_current(rotation: Rotation, step: str) -> None:
    """What was made for the first account is neither set, tried nor promoted; nor does it block the next rotation."""
    for name in STEPS[: STEPS.index(step)]:
        rotation.step()(SECRET, TOKEN, name)
    other = stored_by_the_operator(rotation)

    for name in STEPS[STEPS.index(step) :]:
        rotation.step()(SECRET, TOKEN, name)

    assert rotation.stored() == other
    assert password_of(rotation, "drao-other") == other["password"]
    assert rotation.ends(OTHER) == ""
    assert rotation.stored()["password"] == password_of(rotation, "drao-other") != other["password"]
    assert not rotation.failed_logins()


def test_an_interrupted_rotation_costs_one_refused_login(rotation: Rotation) -> None:
    """However often Secrets Manager repeats it: what SCM has refused is recorded, and the pending one goes first."""
    for name in STEPS[:2]:
        rotation.step()(SECRET, TOKEN, name)

    for _ in range(4):
        rotation.step()(SECRET, TOKEN, "setSecret")

    assert sum(rotation.failed_logins().values()) == 1


def test_an_interrupted_rotation_costs_a_run_one_refused_login(rotation: Rotation) -> None:
    """Inspection, order and collection are three cold environments; the order book is all that they share."""
    for name in STEPS[:2]:
        rotation.step()(SECRET, TOKEN, name)

    for _ in range(3):
        login = ScmLogin(rotation.book, rotation.functions())
        with login.authority(rotation.book.delegation("univ"), "run") as scm:
            assert scm.profiles(2001)

    assert sum(rotation.failed_logins().values()) == 1


def test_a_run_shows_each_of_two_wrong_passwords_once(rotation: Rotation) -> None:
    """The pending version is recorded, too, when SCM refuses it."""
    rotation.step()(SECRET, TOKEN, "createSecret")
    rotation.simulator.set_password(LOGIN["login"], "Somebody-else-set-1")

    for _ in range(3):
        login = ScmLogin(rotation.book, rotation.functions())
        with pytest.raises(errors.CredentialRefused), login.authority(rotation.book.delegation("univ"), "run") as scm:
            scm.profiles(2001)

    assert sum(rotation.failed_logins().values()) == 2


@pytest.mark.parametrize("kind", ["reset_before", "reset_after"])
def test_a_change_whose_answer_is_lost_is_found_out(
    rotation: Rotation, kind: Literal["reset_before", "reset_after"]
) -> None:
    """Whether SCM changed it or not, one login shows it."""
    rotation.simulator.dials.faults.append(Fault(kind, operation="POST /api/admin/v1/changepassword"))
    with pytest.raises(errors.ScmUnavailable):
        rotation.attempt(TOKEN)

    assert rotation.ends(TOKEN) == ""

    assert rotation.stored()["password"] == rotation.passwords()
    assert sum(rotation.failed_logins().values()) <= 1


def test_an_account_that_may_not_read_its_password_state_is_rotated(rotation: Rotation) -> None:
    """SCM checks the login before what the account may read: a missing privilege is no wrong password."""
    rotation.simulator.dials.faults.append(Fault("refused", operation="GET /api/admin/v1/password", times=0))

    rotation.attempt(TOKEN)

    assert rotation.stored()["password"] == rotation.passwords() != LOGIN["password"]


def test_an_oauth2_client_needs_no_rotation_and_returns_why(rotation: Rotation) -> None:
    """Its secret is not a password that SCM lets it change."""
    client = {"client_id": "example-client", "client_secret": "example-client-secret"}
    rotation.secretsmanager.put_secret_value(SecretId=SECRET, SecretString=json.dumps(client))

    results = rotation.attempt(TOKEN)

    assert set(results) == {"no password: an OAuth2 client needs no rotation"}
    assert rotation.stored() == client
    assert not rotation.simulator.calls


def test_an_unknown_step_changes_nothing(rotation: Rotation) -> None:
    """The function may be invoked manually with a mistyped step."""
    rotation.step()(SECRET, TOKEN, "createSecret")

    with pytest.raises(errors.InvalidRequest, match="deleteSecret"):
        rotation.step()(SECRET, TOKEN, "deleteSecret")


def test_the_call_that_keeps_it_awake_touches_nothing(rotation: Rotation) -> None:
    """It comes every week and names no secret."""
    watch = Boundaries()
    rotation.step(watch)("", "", KEEP_AWAKE)

    assert not watch.names


def test_a_secret_of_something_else_is_left_alone(rotation: Rotation) -> None:
    """The function may read the secrets under its prefix only; its name for the delegation comes from there."""
    rotation.secretsmanager.create_secret(Name="elsewhere/univ", SecretString=json.dumps(LOGIN))
    rotation.step()("elsewhere/univ", TOKEN, "createSecret")

    with pytest.raises(errors.CredentialMissing, match="elsewhere/univ"):
        rotation.step()("elsewhere/univ", TOKEN, "setSecret")

    assert not rotation.simulator.calls


def test_an_attempt_that_has_ended_is_not_begun_again(rotation: Rotation) -> None:
    """Its token names a version that has a value, which Secrets Manager does not let be replaced."""
    rotation.attempt(TOKEN)
    with refused(rotation.secretsmanager, "PutSecretValue", "ResourceExistsException"):
        results = [*rotation.attempt(TOKEN), *rotation.attempt(OTHER)]

    assert results.count("this attempt has ended already") == 2
    assert rotation.stored()["password"] == rotation.passwords()


def test_the_secrets_arn_does_as_well_as_its_name(rotation: Rotation) -> None:
    """Secrets Manager sends the ARN."""
    arn = rotation.secretsmanager.describe_secret(SecretId=SECRET)["ARN"]
    step = rotation.step()

    for name in STEPS:
        step(arn, TOKEN, name)

    assert rotation.stored()["password"] == rotation.passwords()


def test_no_password_is_in_results_and_errors(rotation: Rotation) -> None:
    """It goes into a log; and SCM may quote the new password in its refusal."""
    results = " ".join(rotation.attempt(TOKEN))
    assert rotation.passwords() not in results
    quoting = f"Password '{rotation.passwords()}' is bad"
    rotation.policy(-7306, quoting, takes=0)

    with pytest.raises(errors.PasswordPolicyRefused) as refusal:
        rotation.attempt(OTHER)

    assert rotation.passwords() not in str(refusal.value)


def test_six_functions_at_most_lead_from_a_rotation_to_http(rotation: Rotation) -> None:
    """Also where SCM's policy refuses the first password and another form is changed and proved."""
    rotation.policy(-7306, "Password policy violated.", takes=20)
    meter = DepthMeter(rotation.http._transport)
    rotation.http = new_http_client(transport=meter)
    step = rotation.step()

    for name in (*STEPS, *STEPS):
        handled("rotate_password", step, {"SecretId": SECRET, "ClientRequestToken": f"{name:-<32}", "Step": name})

    assert {request for request, _ in meter.stacks} == {
        "GET /api/admin/v1/password",
        "POST /api/admin/v1/changepassword",
    }
    assert meter.too_deep() == []
