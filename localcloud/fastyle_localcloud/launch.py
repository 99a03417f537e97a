"""Become a program that dies with the daemon: `python -I -S launch.py PARENT SIGNAL USER PROGRAM ARGUMENTS…`.

The supervisor starts every process through this file. It asks Linux to send SIGNAL when the parent goes, however it
goes, and then replaces itself with the program: no wrapper stays. Elsewhere the records of `processes.py` alone do it.

USER is `same`, or `unprivileged` for a program that refuses to be root (PostgreSQL). Root then enters a user
namespace in which it is called `nobody`: same files, same rights to them, no account added and no folder opened up.

Only the standard library, and little of it: this runs before each start.
"""

import os
import sys

_PR_SET_PDEATHSIG = 1
_CLONE_NEWUSER = 0x10000000
_NOBODY = 65534


def launcher(death_signal: int = 9, *, unprivileged: bool = False) -> tuple[str, ...]:
    """What to put before a program's own arguments so that it ends with this process; SIGKILL unless said otherwise."""
    user = "unprivileged" if unprivileged else "same"
    return (sys.executable, "-I", "-S", __file__, str(os.getpid()), str(death_signal), user)


def drop_root() -> None:
    """Stop being root, where we are; exits with a sentence where the system does not allow it."""
    if os.geteuid() != 0:
        return
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    if sys.platform != "linux" or libc.unshare(_CLONE_NEWUSER) != 0:
        sys.exit(
            "PostgreSQL does not run as root, and this system gives root no user namespace "
            f"({os.strerror(ctypes.get_errno())}): run as an ordinary user, or allow user namespaces"
        )
    for name, content in (("setgroups", "deny"), ("uid_map", f"{_NOBODY} 0 1"), ("gid_map", f"{_NOBODY} 0 1")):
        with open(f"/proc/self/{name}", "w") as file:  # noqa: PTH123 (pathlib costs start time)
            file.write(content)


def die_with(parent: int, number: int) -> None:
    """Receive signal `number` when the process `parent` ends."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, number, 0, 0, 0)
        if os.getppid() != parent:  # it went before the request: nobody would ever stop us
            sys.exit("the daemon died during the start")


def main() -> None:
    parent, number, user, *argv = sys.argv[1:]
    if user == "unprivileged":
        drop_root()
    die_with(int(parent), int(number))
    try:
        os.execvp(argv[0], argv)  # noqa: S606 (no shell is the point)
    except OSError as error:
        sys.exit(f"cannot start {argv[0]}: {error.strerror}")


if __name__ == "__main__":
    main()
