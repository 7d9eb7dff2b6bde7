"""Every call of a function to the world: numbered, recorded, and open to fault injection."""
