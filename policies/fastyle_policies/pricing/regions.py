"""Google Cloud's locations: regions, zones within them, dual- and multi-regions; and the nearest name to a wrong one.

Regions are those of cloud.google.com/about/locations with those that Google's BigQuery pricing page names beside them.
"""

from __future__ import annotations

import re

from fastyle_policies.pricing import lines
from fastyle_policies.pricing.book import FOLDER

REGIONS = frozenset(path.stem for path in FOLDER.glob("*-*.csv"))
"""Each has a file of its own in the price book."""
_ALIASES = {"europe": "eu", "us-central": "us-central1", "europe-west": "europe-west1"}
_MULTI = re.compile(r"us|eu|asia|global|(nam|eur|asia)\d{1,2}|nam-eur-asia\d")
_ZONE = re.compile(r"(.+\d)-[a-z]")


def normal(name: str) -> str | None:
    """A location as the book names it: lower case, the region of a zone; None where there is no such place.

    A resource may give its place as the URL that ends with it.
    """
    region = name.strip().lower().rstrip("/").rpartition("/")[2]
    region = _ALIASES.get(region, region)
    if region in REGIONS or _MULTI.fullmatch(region):
        return region
    zone = _ZONE.fullmatch(region)
    return zone[1] if zone and zone[1] in REGIONS else None


def nearest(name: str) -> str:
    """The known location whose name is most like a wrong one, for a message; empty where none is."""
    return lines.nearest(name.lower(), sorted(REGIONS | {"us", "eu", "asia"}))
