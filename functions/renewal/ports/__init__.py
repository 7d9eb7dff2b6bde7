"""What the steps need from the world, by subject. The adapters are the world; tests bring their own."""
