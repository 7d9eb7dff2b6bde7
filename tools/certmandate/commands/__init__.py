"""One module per group of commands: reads the options, calls the rest, prints the result."""
