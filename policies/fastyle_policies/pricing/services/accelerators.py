"""GPUs of machines: those attached, by kind and hour, and those that a machine type brings along.

GPUs of N1 machines are discounted with them for sustained use. A2 machines have one price with their GPUs; G2 machines
have theirs priced apart. A block that names the GPU which the machine type brings is not counted again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from fastyle_policies.links import short_name
from fastyle_policies.pricing.services.base import Bill, NotPricedError, holds_unknown, known_size, text
from fastyle_policies.pricing.services.machines import Fleet, Machine

# GPUs that can be attached to an N1 machine (cloud.google.com/compute/docs/gpus).
_ATTACHED = ("nvidia-tesla-k80", "nvidia-tesla-p4", "nvidia-tesla-p100", "nvidia-tesla-t4", "nvidia-tesla-v100")


def attach(bill: Bill, fleet: Fleet, blocks: Any) -> None:
    """Lines of the GPUs of machines, by the blocks that describe them.

    Raises:
        NotPricedError: the blocks name other GPUs than the book has, or say nothing that can be reckoned with.
    """
    suffix, kind_words = ("-spot", ", spot") if fleet.on_spot else ("", "")
    for kind, each in _gpus(fleet.of, blocks):
        billed, discount = fleet.billed("n1" if kind in _ATTACHED else "")
        words = f"{text(fleet.count)} x {text(each)} x {text(fleet.hours)} h{discount}"
        name = f"{fleet.label}GPU, {kind}{kind_words}"
        bill.add(f"gpu.{kind}{suffix}", fleet.count * each * billed, words, name=name, usage=fleet.usage)


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
        kind = short_name(str(given.get("type") or given.get("acceleratorType") or "of no name"))
        number = given.get("count", given.get("acceleratorCount", 1))
        each = known_size(number)
        if kind not in _ATTACHED or each is None:
            raise NotPricedError(f"the price book has no rates for GPUs {str(number)[:10]} x {kind[:40]}")
        yield kind, each
