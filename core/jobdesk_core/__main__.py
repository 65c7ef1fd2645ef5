"""The command `jobdesk-core`, also `python -m jobdesk_core`: the command line of Jobdesk, without the window."""

import sys

from jobdesk_core import cli


def main() -> int:
    """Run what the arguments ask for; return the exit code, one of `jobdesk_core.cli.exit_codes`."""
    return cli.main(sys.argv[1:], "jobdesk-core")


if __name__ == "__main__":
    sys.exit(main())
