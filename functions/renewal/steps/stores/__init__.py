"""The stores of a certificate: an issued certificate is brought there, and what is served there is compared."""
