"""`python -m jobdesk_core` is the command line of `jobdesk`, without the window."""

import sys

from jobdesk_core.cli import main

sys.exit(main(sys.argv[1:]))
