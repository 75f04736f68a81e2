"""``python -m pinnacle.lab.enter NAMESPACE COMMAND...``: runs a command in a network namespace."""

import os
import sys

from pinnacle.lab import space

if __name__ == "__main__":
    space.enter(sys.argv[1])
    os.execvp(sys.argv[2], sys.argv[2:])
