"""The operations, one module or package for each area of SCM's API. Importing this package registers them."""

from . import admins, dcv, domains, organizations, reports, ssl

__all__ = ["admins", "dcv", "domains", "organizations", "reports", "ssl"]
