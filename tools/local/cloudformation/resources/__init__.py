"""How each type of resource is made through its service's API."""
