"""`python -m certmandate`."""

from __future__ import annotations

import sys

from certmandate.cli import main

if __name__ == "__main__":
    sys.exit(main())
