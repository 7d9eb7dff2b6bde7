"""A new delegation whose profile is unknown, from `onboard` to the order book, by the commands' output only."""

from __future__ import annotations

from tests.certmandate.conftest import Sit
from tests.certmandate.rao_samples import FACTS


def test_check_lists_the_profiles_before_the_file_names_one(sit: Sit):
    """`apply` needs the profile, and `check`, which lists the profiles, needs the file applied."""
    desk = sit("idp:20")
    onboarded = desk.run("onboard", "univ", *FACTS, "--department-id=7", "--force", "--folder", desk.folder)
    assert "`check` lists the profiles: add profile_id" in onboarded.stdout

    assert desk.run("apply", desk.folder, "--prune", "--yes").exit_code == 0
    profiles = desk.document("check", "univ")["profiles"]
    desk.rewrite("certificates: [] #", f"profile_id: {profiles[0]['profile_id']} #")
    head, _, certificates = desk.file.read_text(encoding="utf-8").rpartition("uncomment the following:\n")
    desk.file.write_text(head + "\n" + certificates.replace("# ", ""), encoding="utf-8")

    assert desk.run("apply", desk.folder, "--yes").exit_code == 0
    assert desk.certificate("idp").spec.profile_id == profiles[0]["profile_id"]
