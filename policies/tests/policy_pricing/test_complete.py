"""Complete by construction: no type is priced without a bill that was computed by hand, none is both priced and free."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path

import fastyle_policies.pricing.services
import pytest
from fastyle_policies.pricing.book import load
from fastyle_policies.pricing.services import PRICERS, base
from fastyle_policies.pricing.services.base import Bill, Pricer, Usage, prices, usage_key
from fastyle_policies.pricing.services.free import FREE, why_free
from pydantic import ValidationError

CASES = sorted(path.stem for path in Path(__file__).parent.glob("test_cases_*.py"))


def cases() -> Iterator[Callable[..., object]]:
    for name in CASES:
        for _, test in inspect.getmembers(importlib.import_module(f"policy_pricing.{name}"), inspect.isfunction):
            if test.__name__.startswith("test_"):
                yield test


@pytest.mark.parametrize("token", sorted(PRICERS))
def test_a_priced_type_has_a_bill_computed_by_hand(token: str) -> None:
    """Its docstring has the arithmetic: figures and what is done with them."""
    told = [inspect.getdoc(test) or "" for test in cases() if token in getattr(test, "prices", ())]
    assert any(" x 0." in words for words in told), f"no case of {token} has its arithmetic in its docstring"


def test_every_case_says_which_types_it_prices() -> None:
    assert [test.__name__ for test in cases() if not set(getattr(test, "prices", ("nothing",))) <= set(PRICERS)] == []


@pytest.mark.parametrize("token", sorted(PRICERS))
def test_no_priced_type_is_called_free(token: str) -> None:
    assert why_free(token) is None


def test_what_is_free_has_a_reason() -> None:
    assert all(len(why) > 15 for why in FREE.values())
    assert why_free("gcp:pubsub/topicIAMMember:TopicIAMMember") == why_free("gcp:projects/iAMMember:IAMMember")
    assert why_free("gcp:container/cluster:Cluster") is None


def test_every_rate_is_used_by_some_pricer() -> None:
    """A rate that nothing names is a rate that nobody checks."""
    services = Path(fastyle_policies.pricing.services.__file__).parent
    source = "\n".join(path.read_text(encoding="utf-8") for path in services.glob("*.py"))
    # Made of a class, a size, a tier, a kind of disk or machine.
    families = (
        *("alloydb.", "bigquery.active", "bigquery.long-term", "bigquery.slots-", "bigtable.", "composer-2."),
        *(
            "compute.",
            "dataflow.",
            "disk.",
            "filestore.",
            "firestore.",
            "gke.pod-",
            "gpu.",
            "kms.",
            "redis.",
            "spark.",
            "sql",
        ),
        "storage.",
    )
    rates = {rate for region in load().regions.values() for rate in region}
    assert sorted(r for r in rates if f'"{r}"' not in source and not r.startswith(families)) == []


def test_a_pricer_is_listed_under_its_types_with_the_keys_of_its_usage(monkeypatch: pytest.MonkeyPatch) -> None:
    class Freight(Usage):
        parcels: Decimal = usage_key("parcels sent")
        a_pallet: Decimal = usage_key("parcels on a pallet", default=40)
        crates: Decimal | None = usage_key("crates; as many as pallets when absent", default=None)

    def price(bill: Bill, usage: Freight) -> None: ...

    price.__annotations__["usage"] = Freight
    monkeypatch.setattr(base, "PRICERS", {})
    assert prices("gcp:a/b:C", "gcp:a/d:E")(price) is price
    assert list(base.PRICERS.values()) == [
        Pricer(token=token, usage=Freight, price=price) for token in ("gcp:a/b:C", "gcp:a/d:E")
    ]
    assert list(base.PRICERS) == ["gcp:a/b:C", "gcp:a/d:E"]
    assert Freight().model_dump() == {"parcels": Decimal(0), "a_pallet": Decimal(40), "crates": None}
    assert [field.description for field in Freight.model_fields.values()] == [
        "parcels sent",
        "parcels on a pallet",
        "crates; as many as pallets when absent",
    ]
    for key in Freight.model_fields:
        assert Freight.model_validate({key: 0}) is not None
        with pytest.raises(ValidationError):
            Freight.model_validate({key: -1})
