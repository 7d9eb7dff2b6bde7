"""A simulator of Sectigo Certificate Manager: to SCM what Pebble is to Let's Encrypt. For tests, and nothing else."""

from .dials import Dials, Fault
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
