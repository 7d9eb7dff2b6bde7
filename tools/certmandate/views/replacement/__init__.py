"""What `certmandate replace` prints."""
