"""The state of the estate as a page: what `certmandate status --html` writes."""
