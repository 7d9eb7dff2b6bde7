"""The auditor: what must hold, judged by the world alone.

It reads what SCM, ACM and S3 hold, the ledger of calls, and what runs publish: report, metrics, events, alerts. It
imports nothing of the product (import-linter), so that an error of the product's own code cannot hide a violation.
"""
