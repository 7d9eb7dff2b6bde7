"""certmandate: the operator's command.

One module per group of commands; `cli.py` puts them together. Exit codes: 0 all went well, 1 something needs
a person, 2 wrong usage or bad input.
"""
