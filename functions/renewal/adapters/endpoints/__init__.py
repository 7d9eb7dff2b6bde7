"""Connections to declared endpoints, as a client makes them."""
