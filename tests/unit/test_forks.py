"""What a forked process of the tests leaves alone."""

from __future__ import annotations

import gc
import os

from tests.support.processes import fork


class Waiting:
    """As a channel of gRPC: it ends by waiting for a thread of the process that made it."""

    def __init__(self) -> None:
        self.maker, self.itself = os.getpid(), self

    def __del__(self) -> None:
        if os.getpid() != self.maker:
            os._exit(1)


def test_a_child_finalizes_nothing_of_its_parent() -> None:
    gc.disable()
    try:
        Waiting()  # garbage, as it names itself
        if (child := fork()) == 0:
            gc.collect()
            os._exit(0)
    finally:
        gc.enable()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
