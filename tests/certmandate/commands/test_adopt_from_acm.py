from __future__ import annotations

from typing import Any

from tests.certmandate.conftest import Sit
from tests.certmandate.desk import OPEN_ORDER


def test_nothing_is_adopted_while_an_order_is_open(sit: Sit):
    """The certificate of the order may be issued at any time."""
    result = sit("idp", scm=OPEN_ORDER).run("adopt", "univ/idp", "--yes")

    assert (result.exit_code, "open order" in result.stderr) == (2, True)


def test_an_acm_certificate_is_found_by_its_names(sit: Sit):
    """Operators do not know ARNs; of two matching certificates none is chosen."""
    desk = sit("idp:20")
    served = desk.certificate("idp").served
    assert served
    bucket, s3 = desk.system.aws.outputs["StoreBucket"], desk.system.aws.client("s3")

    def part(name: str) -> bytes:
        content: Any = s3.get_object(Bucket=bucket, Key=f"certificates/univ/idp/{served.serial}/{name}.pem")
        return bytes(content["Body"].read())

    desk.rewrite("names: [idp.univ.example]", 'names: [idp.univ.example], stores: ["acm:eu-west-3"]')
    desk.run("apply", desk.folder, "--yes")
    desk.forget("idp")
    acm = desk.system.aws.client("acm", "eu-west-3")
    files = {"Certificate": part("cert"), "PrivateKey": part("privkey"), "CertificateChain": part("chain")}
    arn = acm.import_certificate(**files)["CertificateArn"]

    found = desk.document("adopt", "univ/idp", "--yes")

    assert found["served"]["arns"] == {"eu-west-3": arn}
    assert found["served"]["stores"] == ["acm:eu-west-3"]
    assert found["state"] == "fine"
    desk.forget("idp")
    acm.import_certificate(**files)
    refused = desk.run("adopt", "univ/idp", "--yes")
    assert (refused.exit_code, "several" in refused.stderr) == (2, True)
