"""boto3 clients of one caller."""

from __future__ import annotations

import threading
from typing import Any

import boto3.session
import botocore.session
from botocore.config import Config
from botocore.loaders import Loader

from local.isolation import credentials

STATES = "states"  # the caller's name when Step Functions calls
OPERATOR = "operator"  # the caller's name when neither a function nor Step Functions calls
DESCRIPTIONS = Loader()
"""botocore's descriptions of the services, read once for all clients of this process."""


class Clients:
    """Makes a client of each service and region once, for a caller whose credentials name it.

    endpoint: the local AWS's address; None for moto inside this process.
    retries: attempts of a call in all (boto3's standard mode).
    """

    def __init__(self, who: str, endpoint: str | None, *, retries: int = 3) -> None:
        self._who = who
        self._endpoint = endpoint
        self._retries = retries
        self._lock = threading.Lock()
        session = botocore.session.get_session()
        session.register_component("data_loader", DESCRIPTIONS)
        self._session: Any = boto3.session.Session(botocore_session=session)
        self._made: dict[tuple[str, str], Any] = {}

    def client(self, service: str, region: str) -> Any:
        """Return the client of a service in a region."""
        with self._lock:  # a session makes only one client at a time
            if (service, region) not in self._made:
                self._made[service, region] = self._new(service, region)
            return self._made[service, region]

    def _new(self, service: str, region: str) -> Any:
        keys = credentials(self._who)
        config = Config(
            s3={"addressing_style": "path"},
            retries={"mode": "standard", "total_max_attempts": self._retries},
            max_pool_connections=50,
            read_timeout=1000,  # a function may take fifteen minutes
            inject_host_prefix=False,
        )
        return self._session.client(
            service,
            region_name=region,
            endpoint_url=self._endpoint,
            config=config,
            aws_access_key_id=keys["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=keys["AWS_SECRET_ACCESS_KEY"],
        )
