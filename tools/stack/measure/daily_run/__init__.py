"""What the daily run's first and last step take, by the number of certificates, delegations and renewals."""
