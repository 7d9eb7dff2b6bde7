"""Where a certificate is declared to be served, and what is presented there."""
