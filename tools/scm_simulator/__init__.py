"""A simulator of Sectigo Certificate Manager, for tests: to SCM what Pebble is to Let's Encrypt."""

from scm_simulator.backend.order import Order
from scm_simulator.http.messages import ConnectionLost
from scm_simulator.simulator import RecordedCall, Simulator
from scm_simulator.world.dials import Dials
from scm_simulator.world.fault import Fault
from scm_simulator.world.world import (
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
