"""Another user of the machine, whom root can be for a moment."""

from __future__ import annotations

import os
import socket

NOBODY = 65534


def another_users_socket() -> socket.socket:
    """A socket of nobody's, not connected yet; the caller's own where it is not root.

    Whose a socket is, is settled when it is made.
    """
    if os.geteuid() == 0:
        os.seteuid(NOBODY)
    try:
        return socket.socket()
    finally:
        os.seteuid(os.getuid())
