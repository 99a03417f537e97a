"""The engine's language host for Python, for engines that come without one.

Started by `bin/pulumi-language-python` with the engine's address as its last argument; prints the port it listens
on, serves `LanguageRuntime`, and ends on SIGINT or SIGTERM. The program runs in this process: the engine starts a
host for every preview and every update. Policy packs and component providers are processes of their own.
"""

from __future__ import annotations

import importlib.metadata
import os
import queue
import runpy
import signal
import subprocess
import sys
import threading
import traceback
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO, Any

import grpc
import pulumi
from google.protobuf import empty_pb2
from pulumi.automation._server import LanguageServer
from pulumi.runtime.proto import language_pb2, language_pb2_grpc, plugin_pb2

MAX_MESSAGE = 400 * 1024 * 1024  # bytes; the engine's own limit


class ProgramHost(LanguageServer):
    """Serves one engine: its program, and the plugins written in Python that it asks for."""

    def __init__(self) -> None:
        super().__init__(lambda: None)
        self._plugins: set[subprocess.Popen[bytes]] = set()

    def Handshake(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        return language_pb2.LanguageHandshakeResponse()

    def GetPluginInfo(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        return plugin_pb2.PluginInfo(version=importlib.metadata.version("pulumi"))

    def GetProgramDependencies(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        found = sorted((d.name, d.version) for d in importlib.metadata.distributions() if "pulumi" in d.name.lower())
        dependencies = [language_pb2.DependencyInfo(name=name, version=version) for name, version in found]
        return language_pb2.GetProgramDependenciesResponse(dependencies=dependencies)

    def InstallDependencies(self, request: Any, context: grpc.ServicerContext) -> Iterator[Any]:  # noqa: N802
        """Nothing to install: the environment is locked, and whoever started this host has set it up."""
        yield language_pb2.InstallDependenciesResponse(
            stdout=b"Dependencies are locked in uv.lock: run `make setup`.\n"
        )

    def Run(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        program = Path(request.info.program_directory, request.info.entry_point or ".").resolve()
        os.chdir(request.pwd)
        self.program = lambda: _run_program(program)
        result = super().Run(request, context)  # type: ignore[no-untyped-call]
        # The error has been logged already: `bail` keeps the engine from printing it a second time.
        return language_pb2.RunResponse(bail=True) if result.error else result

    def RunPlugin(self, request: Any, context: grpc.ServicerContext) -> Iterator[Any]:  # noqa: N802
        directory = request.info.program_directory
        if request.kind == "analyzer":
            command = [sys.executable, "-u", "-m", "pulumi.policy", *request.args, directory]
        else:
            command = [sys.executable, "-u", directory, *request.args]
        environment = {**os.environ, **dict(entry.split("=", 1) for entry in request.env)}
        process = subprocess.Popen(
            command, cwd=request.pwd or directory, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        self._plugins.add(process)
        context.add_callback(lambda: _stop(process))
        try:
            yield from _stream(process)
        finally:
            _stop(process)
            self._plugins.discard(process)

    def Cancel(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        self.close()
        return empty_pb2.Empty()

    def close(self) -> None:
        """Stop every plugin that still runs."""
        for process in list(self._plugins):
            _stop(process)


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
    """The traceback without the frames of this host and of runpy."""
    trace = error.__traceback__
    hidden = {__file__, runpy.__file__, "<frozen runpy>"}
    while trace is not None and trace.tb_frame.f_code.co_filename in hidden and trace.tb_next is not None:
        trace = trace.tb_next
    lines = traceback.format_exception(type(error), error, trace)
    return "Program failed with an unhandled exception:\n" + "".join(lines)


def _stream(process: subprocess.Popen[bytes]) -> Iterator[Any]:
    """Yield a plugin's output as it comes, then its exit code."""
    output: queue.SimpleQueue[tuple[str, bytes] | None] = queue.SimpleQueue()

    def pump(name: str, pipe: IO[bytes]) -> None:
        while chunk := os.read(pipe.fileno(), 65536):
            output.put((name, chunk))
        output.put(None)

    assert process.stdout is not None
    assert process.stderr is not None
    for name, pipe in (("stdout", process.stdout), ("stderr", process.stderr)):
        threading.Thread(target=pump, args=(name, pipe), daemon=True).start()
    closed = 0
    while closed < 2:
        item = output.get()
        if item is None:
            closed += 1
        else:
            name, chunk = item
            if name == "stdout":
                yield language_pb2.RunPluginResponse(stdout=chunk)
            else:
                yield language_pb2.RunPluginResponse(stderr=chunk)
    yield language_pb2.RunPluginResponse(exitcode=process.wait())


def _stop(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(timeout=3)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def main() -> int:
    """Serve until the engine says stop."""
    options = [("grpc.max_receive_message_length", MAX_MESSAGE), ("grpc.max_send_message_length", MAX_MESSAGE)]
    server = grpc.server(ThreadPoolExecutor(max_workers=16), options=options)
    host = ProgramHost()
    language_pb2_grpc.add_LanguageRuntimeServicer_to_server(host, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    engine = os.getppid()
    print(port, flush=True)
    while not stopped.wait(1) and os.getppid() == engine:
        pass  # an engine that was killed says nothing: its child is then somebody else's
    host.close()
    server.stop(grace=1).wait()
    # What a program left behind (threads, an unfinished loop) must not keep the engine waiting.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


if __name__ == "__main__":
    sys.exit(main())
