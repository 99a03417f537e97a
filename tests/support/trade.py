"""What the simulator sells in tests that fill a whole stack."""

from __future__ import annotations

from dataclasses import replace

from workloads.pos_api.catalogue import Catalogue


def dense_catalogue() -> Catalogue:
    """A quarter of the sample catalogue's SKUs, of every category: more happens to each shelf for the same trade."""
    whole = Catalogue.read()
    few = replace(whole, products=whole.products[::4])
    assert {product.category for product in few.products} == {product.category for product in whole.products}
    return few
