from __future__ import annotations

from tests.certmandate.conftest import Sit
from tests.certmandate.desk import OPEN_ORDER

PARTS = {"Certificate": "cert", "PrivateKey": "privkey", "CertificateChain": "chain"}


def test_nothing_is_adopted_while_an_order_is_open(sit: Sit):
    """The certificate of the order may be issued at any time."""
    assert "open order" in sit("idp", scm=OPEN_ORDER).refused("adopt", "univ/idp", "--yes")


def test_an_acm_certificate_is_found_by_its_names(sit: Sit):
    """Operators have no list of ARNs; of two matching certificates none is chosen."""
    desk = sit("idp:20")
    files = {name: desk.pem("idp", file) for name, file in PARTS.items()}
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


def test_what_is_adopted_in_place_of_an_arn_leaves_that_arn_on_record(sit: Sit):
    """A load balancer may use it until it expires (`ArnReplaced`)."""
    desk = sit("idp:20")
    acm, expiries, arns = desk.system.aws.client("acm", "eu-west-3"), [], []
    for _ in range(2):
        files = {name: desk.pem("idp", file) for name, file in PARTS.items()}
        arns.append(acm.import_certificate(**files)["CertificateArn"])
        expiries.append(desk.stored("idp").not_after)
        desk.system.ask("univ", "idp")
        desk.system.run()
    desk.forget("idp")
    former, new = arns
    for arn in (former, new):
        text = 'names: [idp.univ.example], stores: ["acm:eu-west-3"], arns: {eu-west-3: "' + arn + '"}'
        old = "names: [idp.univ.example]" if arn == former else text.replace(new, former)
        desk.rewrite(old, text)
        desk.run("apply", desk.folder, "--yes")
        desk.document("adopt", "univ/idp", "--yes")

    stored = desk.stored("idp")
    assert (stored.arns, stored.former_arns) == ({"eu-west-3": new}, {former: expiries[0]})


def test_what_belongs_to_another_certificate_is_neither_adopted_nor_applied(sit: Sit):
    """S1: an SSL ID and an ARN were believed as they were given; the renewal would overwrite the other one's store."""
    desk = sit("idp:20", "www:20")
    files = {name: desk.pem("idp", file) for name, file in PARTS.items()}
    taken = desk.stored("www").ssl_id
    arn = desk.system.aws.client("acm", "eu-west-3").import_certificate(**files)["CertificateArn"]
    in_acm = 'stores: ["acm:eu-west-3"]'
    desk.rewrite("names: [idp.univ.example]", f"names: [idp.univ.example], {in_acm}")
    desk.run("apply", desk.folder, "--yes")
    desk.forget("idp")

    assert "is the certificate of univ/www" in desk.refused("adopt", "univ/idp", "--ssl-id", taken, "--yes")

    desk.document("adopt", "univ/idp", "--yes")
    theirs = f'names: [www.univ.example, idp.univ.example], {in_acm}, arns: {{eu-west-3: "{arn}"}}'
    desk.rewrite("names: [www.univ.example]", theirs)

    assert "univ/idp has its certificate under this ARN" in desk.refused("apply", desk.folder, "--yes")
    assert desk.certificate("www").spec.arns == {}
