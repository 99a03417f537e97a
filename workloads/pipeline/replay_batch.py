"""One batch of messages on their way from the lake to the stores."""

from __future__ import annotations

from dataclasses import dataclass, field

from workloads.events import Stream
from workloads.pipeline.lake import Message


@dataclass
class Batch:
    """Messages of one stream in the order of the lake, and the place behind the last of them."""

    stream: Stream
    messages: list[tuple[str, Message]] = field(default_factory=list)  # with their file
    outside: int = 0  # messages that are not of the range asked for
    size: int = 0  # bytes
    files: int = 0  # read to their end
    file: str = ""  # the last one
    done: int = 0  # messages of the last one
