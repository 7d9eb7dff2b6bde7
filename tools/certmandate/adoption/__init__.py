"""What `certmandate adopt` takes over."""
