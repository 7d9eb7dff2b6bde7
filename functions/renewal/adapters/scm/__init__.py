"""Sectigo Certificate Manager over its REST API (what we rely on: docs/scm.md)."""
