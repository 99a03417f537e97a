"""`make mutants [ROOM=…] [SAMPLE=n]`: how many changed programs the tests notice, and which they do not.

A run goes on where the last one stopped (`.mutants/`); `--fresh` forgets what it found. A survivor counts against the
score unless `survivors.yaml` gives a reason, and a reason whose mutant is noticed after all is asked to go.
"""

from __future__ import annotations

import random
import sys
import time
from pathlib import Path
from typing import TypeVar

import click
import yaml

from tools.mutants import classical, structural
from tools.mutants.rooms import ROOMS, Classical, Structural

T = TypeVar("T")
REASONS = Path(__file__).parent / "survivors.yaml"


@click.command(help=__doc__)
@click.argument("rooms", nargs=-1, type=click.Choice(list(ROOMS)))
@click.option("--sample", type=int, help="only so many, chosen by chance but always the same for a seed")
@click.option("--seed", default=0, show_default=True, help="another number, another sample")
@click.option("--children", default=2, show_default=True, help="how many at a time")
@click.option("--fresh", is_flag=True, help="forget earlier verdicts")
def main(rooms: tuple[str, ...], sample: int | None, seed: int, children: int, fresh: bool) -> None:
    reasons: dict[str, dict[str, str]] = yaml.safe_load(REASONS.read_text(encoding="utf-8")) or {}
    unexplained = 0
    for name in rooms or ROOMS:
        if fresh:
            (classical.WORK / f"{name}.json").unlink(missing_ok=True)
        started = time.monotonic()
        verdicts = _run(name, sample, seed, children)
        unexplained += report(name, verdicts, reasons.get(name) or {}, time.monotonic() - started)
    sys.exit(unexplained > 0)


def _run(name: str, sample: int | None, seed: int, children: int) -> dict[str, str]:
    room = ROOMS[name]
    if isinstance(room, Classical):
        return classical.run(name, room, children, sample, seed)
    return structural.run(name, room, children, _sampled(list(_mutants(room)), sample, seed))


def _mutants(room: Structural) -> list[structural.Mutant]:
    sources = sorted(
        path.relative_to(structural.REPOSITORY).as_posix()
        for pattern in room.sources
        for path in structural.REPOSITORY.glob(pattern)
    )
    return [mutant for source in sources for mutant in structural.mutants(source)]


def _sampled(everything: list[T], sample: int | None, seed: int) -> list[T]:
    if sample is None or sample >= len(everything):
        return everything
    return random.Random(seed).sample(everything, sample)  # noqa: S311  # a sample, always the same


def report(name: str, verdicts: dict[str, str], reasons: dict[str, str], seconds: float) -> int:
    """Print the score and the survivors; how many of these nobody has given a reason for."""
    survivors = [mutant for mutant, verdict in sorted(verdicts.items()) if verdict == "survived"]
    noticed = len(verdicts) - len(survivors)
    share = 100 * noticed / len(verdicts) if verdicts else 0.0
    print(f"{name}: {noticed} of {len(verdicts)} mutants noticed, {share:.1f} %, in {seconds:.0f} s")
    unexplained = [mutant for mutant in survivors if mutant not in reasons]
    for mutant in survivors:
        print(f"  survives: {mutant}" + (f" ({reasons[mutant]})" if mutant in reasons else ""))
    for mutant in sorted(set(reasons) & {m for m, verdict in verdicts.items() if verdict == "killed"}):
        print(f"  noticed after all, take it out of survivors.yaml: {mutant}")
    return len(unexplained)


if __name__ == "__main__":
    main()
