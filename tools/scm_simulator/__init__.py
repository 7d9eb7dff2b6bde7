"""A simulator of Sectigo Certificate Manager, for tests: to SCM what Pebble is to Let's Encrypt."""

from .dials import Dials
from .fault import Fault
from .order import Order
from .simulator import RecordedCall, Simulator
from .wire import ConnectionLost
from .world import (
    Account,
    Behaviour,
    CustomField,
    Department,
    Domain,
    OAuthClient,
    Organisation,
    PastCertificate,
    Profile,
    World,
    WorldError,
)

__all__ = [
    "Account",
    "Behaviour",
    "ConnectionLost",
    "CustomField",
    "Department",
    "Dials",
    "Domain",
    "Fault",
    "OAuthClient",
    "Order",
    "Organisation",
    "PastCertificate",
    "Profile",
    "RecordedCall",
    "Simulator",
    "World",
    "WorldError",
]
