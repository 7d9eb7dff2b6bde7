from __future__ import annotations

from tests.certmandate.conftest import Sit
from tests.certmandate.desk import OPEN_ORDER


def test_nothing_is_adopted_while_an_order_is_open(sit: Sit):
    """The certificate of the order may be issued at any time."""
    assert "open order" in sit("idp", scm=OPEN_ORDER).refused("adopt", "univ/idp", "--yes")


def test_an_acm_certificate_is_found_by_its_names(sit: Sit):
    """Operators have no list of ARNs; of two matching certificates none is chosen."""
    desk = sit("idp:20")
    names = {"Certificate": "cert", "PrivateKey": "privkey", "CertificateChain": "chain"}
    files = {name: desk.stored("idp", file) for name, file in names.items()}
    desk.rewrite("names: [idp.univ.example]", 'names: [idp.univ.example], stores: ["acm:eu-west-3"]')
    desk.run("apply", desk.folder, "--yes")
    desk.forget("idp")
    acm = desk.system.aws.client("acm", "eu-west-3")
    arn = acm.import_certificate(**files)["CertificateArn"]

    found = desk.document("adopt", "univ/idp", "--yes")

    assert found["served"]["arns"] == {"eu-west-3": arn}
    assert found["served"]["stores"] == ["acm:eu-west-3"]
    assert found["state"] == "fine"
    desk.forget("idp")
    acm.import_certificate(**files)
    assert "several" in desk.refused("adopt", "univ/idp", "--yes")
