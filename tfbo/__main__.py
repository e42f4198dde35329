"""`python -m tfbo`: the command `tfbo`."""

from __future__ import annotations

import sys

from tfbo.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
