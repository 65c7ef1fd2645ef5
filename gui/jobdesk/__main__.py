"""`python -m jobdesk` is the command `jobdesk`."""

import sys

from jobdesk.application import main

sys.exit(main())
