"""`certmandate replace`: many certificates because of an incident."""
