"""What certmandate decides, without AWS, HTTP or a clock of its own: every function here can be tried in a prompt."""
