"""`python -m fastyle_policies`, the same as the command `fastyle-policies`."""

import sys

from fastyle_policies.command import main

sys.exit(main())
