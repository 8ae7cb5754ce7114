"""Start the program: `shellcase …` and `python -m shellcase …` both come here."""

import os
import sys

if __name__ == "__main__" and not sys.flags.safe_path and sys.path[:1] == [os.getcwd()]:  # noqa: PTH109 - not loaded yet
    del sys.path[0]  # the folder of the call may be full of evidence, with modules of the attacker's among it

from shellcase.rooms import ROOMS


def main() -> int:
    """Put the rooms within reach and run the command line."""
    sys.path.insert(0, str(ROOMS))
    from shellcase import cli

    return cli.main()


if __name__ == "__main__":
    sys.exit(main())
