"""The mails that the local Amazon SES has accepted: it keeps them and delivers none."""

from __future__ import annotations

from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path
from typing import Any

from local.cloudformation.parameters import ACCOUNT, REGION

SENDER = "certificates@operator.example"
THIRD_PARTY = "Example Hosting"
PARAMETERS = {"MailSender": SENDER, "ThirdParty": THIRD_PARTY}
FOLDER = "mails"


def verify_sender(sesv2: Any) -> None:
    """Make the sender a verified identity, without which SES refuses every mail."""
    sesv2.create_email_identity(EmailIdentity=SENDER)


def accepted() -> list[EmailMessage]:
    """Return the mails of this process's local AWS, oldest first."""
    from moto.ses.models import ses_backends

    return [_mail(message) for message in ses_backends[ACCOUNT][REGION].sent_messages]


def write_mails(folder: Path) -> None:
    """Write each mail as `<number>-<recipient>.eml` into *folder*. Raises OSError."""
    for number, mail in enumerate(accepted(), 1):
        folder.mkdir(exist_ok=True)
        (folder / f"{number:02}-{mail['To']}.eml").write_bytes(mail.as_bytes(policy=SMTP))


def _mail(message: Any) -> EmailMessage:
    mail = EmailMessage()
    mail["From"], mail["To"] = message.source, ", ".join(message.destinations["ToAddresses"])
    mail["Subject"] = message.subject
    mail.set_content(message.body)
    return mail
