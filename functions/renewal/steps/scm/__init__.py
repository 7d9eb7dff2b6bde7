"""What the steps share of their requests to SCM: the login, and the snapshot of an inspection."""
