"""What the RAO gets: findings, reports, and the audit trail."""
