"""The operations below /api/ssl/v1. Importing this package registers them."""

from . import collect, details, enroll, lists, status, update

__all__ = ["collect", "details", "enroll", "lists", "status", "update"]
