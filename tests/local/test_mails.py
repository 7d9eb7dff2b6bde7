"""The mails of the local Amazon SES: kept as files, never sent."""

from __future__ import annotations

from email import message_from_bytes
from email.policy import default
from pathlib import Path

import boto3
from moto import mock_aws

from local.cloudformation.parameters import REGION
from local.mails import SENDER, verify_sender, write_mails
from renewal.adapters.mail import SesMailer
from renewal.mail.mail import Mail


def test_mails_are_written_as_mail_programs_read_them(tmp_path: Path) -> None:
    """N3: whoever tries the system out reads what an RAO would get."""
    with mock_aws():
        client = boto3.client("sesv2", region_name=REGION, aws_access_key_id="x", aws_secret_access_key="x")
        verify_sender(client)
        mail = Mail("rao@univ.example", "Délégation : à faire", "Bonjour,\n\n« Validez »\n")
        SesMailer(client, SENDER, "Hébergeur", "certmandate-rao").send(mail, {"delegation": "univ"})
        write_mails(tmp_path / "mails")

    (file,) = (tmp_path / "mails").iterdir()
    kept = message_from_bytes(file.read_bytes(), policy=default)
    assert file.name == "01-rao@univ.example.eml"
    assert (kept["To"], kept["Subject"]) == (mail.to, mail.subject)
    assert SENDER in kept["From"]
    assert "« Validez »" in kept.get_content()
