"""Mails by Amazon SES."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import formataddr
from typing import Any

from renewal.adapters.aws import translated
from renewal.domain.errors import MailRefused
from renewal.mail.mail import Mail

_CHARSET = "UTF-8"
_REFUSALS = dict.fromkeys(
    (
        "AccountSuspendedException", "BadRequestException", "MailFromDomainNotVerifiedException", "MessageRejected",
        "NotFoundException", "SendingPausedException",
    ),
    MailRefused,
)  # fmt: skip
"""SES's refusals (AWS: ses/latest/APIReference-V2/API_SendEmail.html): nothing was sent."""


@dataclass(frozen=True, slots=True)
class SesMailer:
    """Sends from one address, under a configuration set whose events have the bounces.

    client: of `sesv2`; signature: the name beside the address; configuration_set: its name.
    """

    client: Any
    sender: str
    signature: str
    configuration_set: str

    @translated("ses:SendEmail", _REFUSALS)
    def send(self, mail: Mail, tags: Mapping[str, str]) -> str:
        answer: Any = self.client.send_email(
            FromEmailAddress=formataddr((self.signature, self.sender)),
            Destination={"ToAddresses": [mail.to]},
            Content={
                "Simple": {
                    "Subject": {"Data": mail.subject, "Charset": _CHARSET},
                    "Body": {"Text": {"Data": mail.body, "Charset": _CHARSET}},
                    # RFC 3834: automatic replies, such as absence notices, are not sent to such a mail.
                    "Headers": [{"Name": "Auto-Submitted", "Value": "auto-generated"}],
                }
            },
            ConfigurationSetName=self.configuration_set,
            EmailTags=[{"Name": name, "Value": value} for name, value in tags.items()],
        )
        return str(answer["MessageId"])
