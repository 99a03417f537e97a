"""`fastyle meter`: measure, then write the usage file."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from fastyle_policies.pricing import PricingError, read_usage

from ops.cost import USAGE
from ops.endpoints import LOCAL, STATE_DIR, Endpoints
from ops.errors import OperatorError
from ops.metering.measure import Trade, counts, measure
from ops.metering.usage import block, put
from ops.terminal import console

WRITTEN = STATE_DIR / "usage.yaml"


def run(endpoints: Endpoints, trade: Trade, *, keep: bool = False, as_json: bool = False) -> None:
    """Meter stack `local`, write `.localcloud/usage.yaml`, and with `keep` the usage files of every stack.

    Raises:
        OperatorError: anything that its caller can mend, in one line.
    """
    if endpoints.stack != LOCAL:
        raise OperatorError(f"stack {endpoints.stack} meters itself in Cloud Billing; only stack local is metered here")
    say = (lambda words: None) if as_json else (lambda words: console.print(f"    {words}", soft_wrap=True))
    measurement = measure(endpoints, trade, say)
    measured = block(measurement, endpoints)
    written = [_write(USAGE / f"{LOCAL}.yaml", measured, WRITTEN)]
    if keep:
        written += [
            _write(USAGE / f"{stack}.yaml", measured, USAGE / f"{stack}.yaml")
            for stack in sorted(path.stem for path in USAGE.glob("*.yaml"))
        ]
    if as_json:
        print(json.dumps(counts(measurement)))
        return
    console.print(measured, markup=False, soft_wrap=True)
    console.print(
        f"written: {_names(written)}; see `fastyle cost --stack local --usage {_names(written[:1])}`", soft_wrap=True
    )


def _write(template: Path, measured: str, target: Path) -> Path:
    target.write_text(put(template.read_text(encoding="utf-8"), measured, template), encoding="utf-8")
    try:
        read_usage(target)
    except PricingError as e:
        raise OperatorError(str(e)) from None
    return target


def _names(paths: Sequence[Path]) -> str:
    here = Path.cwd()
    return ", ".join(str(p.relative_to(here) if p.is_relative_to(here) else p) for p in paths)
