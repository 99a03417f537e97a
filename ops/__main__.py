"""`python -m ops up|down`: what the Makefile calls.

Importing the rest takes a second, in which an interruption must not end in a traceback either.
"""

import signal
import sys

try:
    from ops.local import main

    sys.exit(main(sys.argv[1:]))
except KeyboardInterrupt:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    print("stopped; run the same command again to go on", file=sys.stderr)
    sys.exit(130)
