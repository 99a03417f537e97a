"""The engine's language host for Python, for engines that come without one.

Started by `bin/pulumi-language-python` with the engine's address as its last argument; prints the port it listens
on, serves `LanguageRuntime`, and ends on SIGINT or SIGTERM. A program of this environment runs in this process: the
engine starts a host for every preview and every update. One of another environment, policy packs and component providers
are processes of their own.

The environment of a program or policy pack is found as Pulumi's own language host finds it: `virtualenv` in the runtime's
options (Pulumi.yaml, PulumiPolicy.yaml), relative to that file; what lies in `LOCALCLOUD_PROGRAM_DIR` runs in this one;
anything else in the active one (`VIRTUAL_ENV`). A program that has none is refused: it would run on the language host's
packages without anybody noticing.
"""

from __future__ import annotations

import importlib.metadata
import os
import selectors
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
from google.protobuf import empty_pb2
from google.protobuf.json_format import MessageToDict
from pulumi.automation._server import LanguageServer
from pulumi.runtime.proto import language_pb2, language_pb2_grpc, plugin_pb2

from fastyle_localcloud.engine import program_runner

MAX_MESSAGE = 400 * 1024 * 1024  # bytes; the engine's own limit


class NoEnvironmentError(Exception):
    """There is no environment to run in; the message says what to write or install."""


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
        packages = sorted((d.name, d.version) for d in importlib.metadata.distributions() if "pulumi" in d.name.lower())
        dependencies = [language_pb2.DependencyInfo(name=name, version=version) for name, version in packages]
        return language_pb2.GetProgramDependenciesResponse(dependencies=dependencies)

    def InstallDependencies(self, request: Any, context: grpc.ServicerContext) -> Iterator[Any]:  # noqa: N802
        """Nothing is installed: a program's environment is its owner's to set up."""
        said = b"The local cloud installs nothing: set the program's environment up yourself.\n"
        yield language_pb2.InstallDependenciesResponse(stdout=said)

    def Run(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        try:
            python = _interpreter(request.info)
        except NoEnvironmentError as error:
            return _refused(str(error))
        return program_runner.run(self, request) if _same_environment(python) else self._run_in(python, request)

    def _run_in(self, python: Path, request: Any) -> Any:
        """Run the program under another environment's Python, as a process of its own."""
        with tempfile.TemporaryDirectory() as folder:
            answer = Path(folder) / "answer"
            command = [str(python), "-P", program_runner.__file__, str(answer)]
            environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
            process = subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, env=environment)
            self._plugins.add(process)
            try:
                _, errors = process.communicate(request.SerializeToString())
            finally:
                self._plugins.discard(process)
            if answer.exists():
                sys.stderr.buffer.write(errors)
                return language_pb2.RunResponse.FromString(answer.read_bytes())
            reason = (errors.decode(errors="replace").strip().splitlines() or ["no reason given"])[-1]
            if "No module named" in reason:
                return _refused(f"{python} cannot run the program ({reason}); install the program's packages there")
            return _refused(f"the program ended without an answer: {reason}")

    def RunPlugin(self, request: Any, context: grpc.ServicerContext) -> Iterator[Any]:  # noqa: N802
        directory = request.info.program_directory
        try:
            python = str(_interpreter(request.info))
        except NoEnvironmentError as error:
            yield language_pb2.RunPluginResponse(stderr=f"{error}\n".encode())
            yield language_pb2.RunPluginResponse(exitcode=1)
            return
        if request.kind == "analyzer":
            command = [python, "-u", "-m", "pulumi.policy", *request.args, directory]
        else:
            command = [python, "-u", directory, *request.args]
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


def _interpreter(info: Any) -> Path:
    """The Python executable for a program or plugin.

    Raises:
        NoEnvironmentError: none is named, or the named one is not there.
    """
    directory = Path(info.program_directory)
    if named := MessageToDict(info.options).get("virtualenv"):
        environment = Path(info.root_directory or directory) / str(named)
        python = _python(environment)
        if python is None:
            raise NoEnvironmentError(
                f"{environment} (runtime option virtualenv) is no Python environment; make it, and install the "
                "program's packages into it"
            )
        return python
    if (programs := os.environ.get("LOCALCLOUD_PROGRAM_DIR")) and directory.resolve().is_relative_to(programs):
        return Path(sys.executable)
    if active := os.environ.get("VIRTUAL_ENV"):
        python = _python(Path(active))
        if python is None:
            raise NoEnvironmentError(f"VIRTUAL_ENV is {active}, which is no Python environment; activate another")
        return python
    raise NoEnvironmentError(
        f"{directory} names no Python environment and none is active; write runtime: {{name: python, options: "
        "{virtualenv: .venv}} into its Pulumi.yaml or PulumiPolicy.yaml, or activate one"
    )


def _same_environment(python: Path) -> bool:
    """Whether that executable belongs to the environment of this process. Links to Python itself are not followed: two
    environments may share one."""
    return python.parent.resolve() == Path(sys.executable).parent.resolve()


def _python(environment: Path) -> Path | None:
    python = environment / "bin" / "python"
    return python if python.exists() else None


def _refused(message: str) -> Any:
    """An answer that the engine prints as the program's error."""
    return language_pb2.RunResponse(error=message)


def _stream(process: subprocess.Popen[bytes]) -> Iterator[Any]:
    """Yield a plugin's output as it comes, then its exit code."""
    assert process.stdout is not None
    assert process.stderr is not None
    with selectors.DefaultSelector() as pipes:
        pipes.register(process.stdout, selectors.EVENT_READ, lambda chunk: language_pb2.RunPluginResponse(stdout=chunk))
        pipes.register(process.stderr, selectors.EVENT_READ, lambda chunk: language_pb2.RunPluginResponse(stderr=chunk))
        while pipes.get_map():
            for pipe, _ in pipes.select():
                if chunk := os.read(pipe.fd, 65536):
                    yield pipe.data(chunk)
                else:
                    pipes.unregister(pipe.fileobj)
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
