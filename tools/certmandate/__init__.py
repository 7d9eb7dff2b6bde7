"""certmandate: the operator's command.

Exit codes: 0 success, 1 something needs attention, 2 wrong usage or bad input, 130 Ctrl-C.
"""
