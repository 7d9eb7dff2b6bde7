"""The ports over SCM (httpx) and AWS (boto3). Every client is handed in; `renewal.wiring` makes them."""
