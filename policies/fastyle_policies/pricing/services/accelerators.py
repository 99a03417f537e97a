"""GPUs of machines: those attached, by kind and hour, and those that a machine type brings along.

GPUs of N1 machines are discounted with them for sustained use. A2 machines have one price with their GPUs; G2 machines
have theirs priced apart. A block that names the GPU which the machine type brings is not counted again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from fastyle_policies.pricing.lines import amount
from fastyle_policies.pricing.services.base import Bill, NotPricedError, holds_unknown, text
from fastyle_policies.pricing.services.machines import Machine, sustained

# GPUs that can be attached to an N1 machine (cloud.google.com/compute/docs/gpus).
_ATTACHED = ("nvidia-tesla-k80", "nvidia-tesla-p4", "nvidia-tesla-p100", "nvidia-tesla-t4", "nvidia-tesla-v100")


def attach(
    bill: Bill,
    of: Machine,
    blocks: Any,
    count: Decimal,
    hours: Decimal,
    *,
    on_spot: bool = False,
    label: str = "",
    usage: bool = False,
) -> None:
    """Lines of the GPUs of `count` machines that run `hours` each.

    Raises:
        NotPricedError: the blocks name other GPUs than the book has, or say nothing that can be reckoned with.
    """
    suffix, kind_words = ("-spot", ", spot") if on_spot else ("", "")
    for kind, each in _gpus(of, blocks):
        billed = sustained("n1", hours) if kind in _ATTACHED and not on_spot else hours
        words = f"{text(count)} x {text(each)} x {text(hours)} h"
        if billed != hours:
            words += f" at {text(billed / hours * 100)} % (sustained use)"
        name = f"{label}GPU, {kind}{kind_words}"
        bill.add(f"gpu.{kind}{suffix}", count * each * billed, words, name=name, usage=usage)


def _gpus(of: Machine, blocks: Any) -> Iterator[tuple[str, Decimal]]:
    """Kind and number for each machine."""
    if of.family in ("a2", "g2"):
        if of.gpus:
            yield "nvidia-l4", of.gpus
        return
    if not blocks:
        return
    if holds_unknown(blocks):
        raise NotPricedError("its GPUs are secret or known only at update")
    for block in blocks if isinstance(blocks, list | tuple) else [blocks]:
        given = block if isinstance(block, Mapping) else {}
        kind = str(given.get("type") or given.get("acceleratorType") or "of no name").rsplit("/", 1)[-1]
        number = given.get("count", given.get("acceleratorCount", 1))
        try:
            each = amount(number)
        except ArithmeticError:
            each = Decimal(-1)
        if kind not in _ATTACHED or each < 0:
            raise NotPricedError(f"the price book has no rates for GPUs {str(number)[:10]} x {kind[:40]}")
        yield kind, each
