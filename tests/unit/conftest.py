"""A copy of this checkout with a third stream and one more mart, by `fastyle new` alone."""

from __future__ import annotations

import subprocess
import sys
from typing import Any, NamedTuple

import pytest

from tests.support.checkout import Checkout, contents

TOPIC, STREAM, MART = "price-changes", "price_changes", "sales_by_location"


class Extended(NamedTuple):
    """What the copy makes of each, with the files that the command wrote."""

    stream: dict[str, Any]
    mart: dict[str, Any]


@pytest.fixture(scope="session")
def extended(tmp_path_factory: pytest.TempPathFactory) -> Extended:
    copy = Checkout.copy_to(tmp_path_factory.mktemp("extended"))
    written = {}
    for kind, name in (("stream", TOPIC), ("mart", MART)):
        before = contents(copy.root)
        command = [sys.executable, "-c", "from ops.cli import main; main()", "new", kind, name]
        subprocess.run(command, cwd=copy.root, check=True, capture_output=True)
        after = contents(copy.root)
        written[kind] = sorted(name for name in after if after[name] != before.get(name))
    told = copy.tells("tests.support.extended", STREAM, MART, str(tmp_path_factory.mktemp("archives")))
    page = (copy.root / "docs" / "marts.md").read_text(encoding="utf-8")
    return Extended(
        told["stream"] | {"written": written["stream"]}, told["mart"] | {"written": written["mart"], "page": page}
    )
