"""The stores of a certificate: an issued certificate is brought there, and what is stored there is compared."""
