"""What the functions that a daily run invokes once take, by the number of certificates, delegations and renewals."""
