"""Become a program that dies with the daemon: `python -I -S launch.py PARENT SIGNAL PROGRAM ARGUMENTS…`.

The supervisor starts every process through this file. It asks Linux to send SIGNAL when the parent goes, however it
goes, and then replaces itself with the program: no wrapper stays. Elsewhere the records of `processes.py` alone do it.
Only the standard library, and little of it: this runs before each start.
"""

import os
import sys

_PR_SET_PDEATHSIG = 1


def main() -> None:
    parent, number, *argv = sys.argv[1:]
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(number), 0, 0, 0)
        if os.getppid() != int(parent):  # it went before the request: nobody would ever stop us
            sys.exit("the daemon died during the start")
    try:
        os.execvp(argv[0], argv)  # noqa: S606 (no shell is the point)
    except OSError as error:
        sys.exit(f"cannot start {argv[0]}: {error.strerror}")


if __name__ == "__main__":
    main()
