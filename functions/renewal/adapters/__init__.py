"""The ports over SCM (httpx) and AWS (botocore). Every client is handed in; `renewal.wiring` makes them."""
