"""A Pulumi program's run, under the Python of the environment that the program names.

Needs the standard library and that environment's own `pulumi`, nothing of this package: the language host imports it for
a program of its own environment and starts it as a file (`python -P program_runner.py ANSWER`) for another's. The
request comes on standard input, the answer goes to the file ANSWER, both as Pulumi's own messages.
"""

from __future__ import annotations

import asyncio
import gc
import os
import runpy
import sys
import traceback
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pulumi
import pulumi.runtime.stack
from pulumi.automation._server import LanguageServer
from pulumi.runtime.proto import language_pb2


def run(server: LanguageServer, request: Any) -> Any:
    """Run the program of a `RunRequest` in this process; returns the `RunResponse`."""
    gc.disable()  # a program ends within seconds, and its process with it; a third of them would go into collecting
    _wait_for_all()
    program = Path(request.info.program_directory, request.info.entry_point or ".").resolve()
    os.chdir(request.pwd)
    server.program = lambda: _run_program(program)
    result = LanguageServer.Run(server, request, None)  # type: ignore[no-untyped-call]
    # The error has been logged already: `bail` keeps the engine from printing it a second time.
    return language_pb2.RunResponse(bail=True) if result.error else result


def _wait_for_all() -> None:
    """Have the SDK wait for all outputs at once. It waits for the first of them again and again, with a callback on each
    of the others every time: with some hundred resources that takes a fifth of the program's processor time."""
    patient = {"wait": lambda tasks, **_: asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)}
    pulumi.runtime.stack.asyncio = SimpleNamespace(**vars(asyncio) | patient)  # type: ignore[assignment,attr-defined]


def _run_program(program: Path) -> None:
    """Run a Pulumi program; whatever it raises becomes one readable error."""
    try:
        runpy.run_path(str(program), run_name="__main__")
    except pulumi.RunError:
        raise
    except SystemExit as stop:
        if stop.code not in (None, 0):
            raise pulumi.RunError(str(stop.code) if isinstance(stop.code, str) else f"exit code {stop.code}") from stop
    except Exception as error:
        raise pulumi.RunError(_report(error)) from error


def _report(error: Exception) -> str:
    """The traceback without the frames of this file and of runpy."""
    trace = error.__traceback__
    hidden = {__file__, runpy.__file__, "<frozen runpy>"}
    while trace is not None and trace.tb_frame.f_code.co_filename in hidden and trace.tb_next is not None:
        trace = trace.tb_next
    lines = traceback.format_exception(type(error), error, trace)
    return "Program failed with an unhandled exception:\n" + "".join(lines)


def main() -> None:
    """Run one request and end, whatever threads the program left behind."""
    request = language_pb2.RunRequest.FromString(sys.stdin.buffer.read())
    response = run(LanguageServer(lambda: None), request)
    Path(sys.argv[1]).write_bytes(response.SerializeToString())
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
