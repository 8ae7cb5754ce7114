"""Start the program: `shellcase …` and `python -m shellcase …` both come here."""

import sys

from shellcase.rooms import ROOMS


def main() -> int:
    """Put the rooms within reach and run the command line."""
    sys.path.insert(0, str(ROOMS))
    from shellcase import cli

    return cli.main()


if __name__ == "__main__":
    sys.exit(main())
