"""The process: `python main.py` of the archive ends up here."""

from __future__ import annotations

from workloads.inventory_sync.app import create_app
from workloads.inventory_sync.dead_letter import PubSubDeadLetters
from workloads.inventory_sync.settings import Settings
from workloads.runtime import logs
from workloads.runtime.server import serve
from workloads.runtime.settings import load


def main() -> None:
    """Serve until told to stop."""
    settings = load(Settings)
    logs.configure(settings.log_level)
    serve(create_app(settings, PubSubDeadLetters(settings.dead_letter_topics)))


if __name__ == "__main__":
    main()
