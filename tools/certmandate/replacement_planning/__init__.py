"""What a mass replacement takes, before it is begun: pure, from the order book and the limits."""
