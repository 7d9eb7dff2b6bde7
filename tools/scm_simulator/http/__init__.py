"""HTTP: requests, responses, login, routing and injected faults."""
