"""The operations, one module for each area of SCM's API. Importing this package registers them all."""

from . import (
    admins,
    dcv,
    domains,
    organizations,
    reports,
    ssl_collect,
    ssl_details,
    ssl_enroll,
    ssl_list,
    ssl_locations,
    ssl_status,
    ssl_update,
)

__all__ = [
    "admins",
    "dcv",
    "domains",
    "organizations",
    "reports",
    "ssl_collect",
    "ssl_details",
    "ssl_enroll",
    "ssl_list",
    "ssl_locations",
    "ssl_status",
    "ssl_update",
]
