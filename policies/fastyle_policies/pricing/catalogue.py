"""Google's own price list: the Cloud Billing Catalog API, as cloud.google.com/billing/v1/how-tos/catalog-api documents it.

`GET /v1/services` and `GET /v1/services/{id}/skus` answer in pages. A SKU has a category, regions and pricing
information in chronological order, of which the last holds now; its expression gives prices by tier of usage, in
units and nanos of a currency, for one `usageUnit`. `displayQuantity` is for display only and changes no price.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import AliasPath, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from fastyle_policies.pricing.book import first_error
from fastyle_policies.pricing.lines import PricingError

API = "https://cloudbilling.googleapis.com/v1"
PAGE_SIZE = 5000
"""The largest that the API gives."""
MOST_PAGES = 200

Get = Callable[[str, Mapping[str, str]], Mapping[str, Any]]
"""Answers `GET url?parameters` with decoded JSON."""
# JSON's floats by their shortest decimal form: a start of 0.1 is 0.1.
Number = Annotated[Decimal, BeforeValidator(lambda value: str(value) if isinstance(value, float) else value)]


class _Message(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", alias_generator=to_camel, populate_by_name=True)


class Money(_Message):
    """An amount: whole `units` (an int64, hence a string in JSON) and billionths; a field of 0 is left out."""

    currency_code: str
    units: int = 0
    nanos: int = 0

    @property
    def amount(self) -> Decimal:
        return Decimal(self.units) + Decimal(self.nanos).scaleb(-9)


class TierRate(_Message):
    start_usage_amount: Number = Decimal(0)
    unit_price: Money


class PricingInfo(_Message):
    """A price by tier of usage; `aggregation_interval` is over what time tiers are counted: DAILY or MONTHLY."""

    usage_unit: str = Field(validation_alias=AliasPath("pricingExpression", "usageUnit"))
    tiered_rates: tuple[TierRate, ...] = Field(
        default=(), validation_alias=AliasPath("pricingExpression", "tieredRates")
    )
    aggregation_interval: str = Field(default="", validation_alias=AliasPath("aggregationInfo", "aggregationInterval"))


class Sku(_Message):
    """A billable item. `global` stands alone in `service_regions` of what is the same everywhere."""

    sku_id: str
    description: str
    resource_group: str = Field(default="", validation_alias=AliasPath("category", "resourceGroup"))
    usage_type: str = Field(default="", validation_alias=AliasPath("category", "usageType"))
    service_regions: tuple[str, ...] = ()
    pricing_info: tuple[PricingInfo, ...] = ()

    @property
    def label(self) -> str:
        return f"{self.sku_id} '{self.description}'"


class Service(_Message):
    name: str  # services/6F81-5844-456A
    display_name: str


class _Page(_Message):
    services: tuple[Service, ...] = ()
    skus: tuple[Sku, ...] = ()
    next_page_token: str = ""


class Catalogue:
    """Services by display name and their SKUs, each service read once.

    Raises (all methods):
        PricingError: an answer is not of the documented shape; what `get` raises.
    """

    def __init__(self, get: Get, currency: Literal["USD"] = "USD") -> None:
        self._get, self._currency = get, currency
        self._services: dict[str, str] | None = None
        self._skus: dict[str, tuple[Sku, ...]] = {}

    def services(self) -> Mapping[str, str]:
        """Display name to resource name."""
        if self._services is None:
            pages = self._pages(f"{API}/services", {})
            self._services = {service.display_name: service.name for page in pages for service in page.services}
        return self._services

    def skus(self, service: str) -> tuple[Sku, ...]:
        """The SKUs of a service by its resource name."""
        if service not in self._skus:
            pages = self._pages(f"{API}/{service}/skus", {"currencyCode": self._currency})
            self._skus[service] = tuple(sku for page in pages for sku in page.skus)
        return self._skus[service]

    def _pages(self, url: str, parameters: Mapping[str, str]) -> Iterator[_Page]:
        token = ""
        for _ in range(MOST_PAGES):
            page_of = {"pageToken": token} if token else {}
            answer = self._get(url, {**parameters, "pageSize": str(PAGE_SIZE), **page_of})
            try:
                page = _Page.model_validate(answer)
            except ValidationError as e:
                raise PricingError(f"{url}: not of the documented shape: {first_error(e, 'the answer')}") from None
            yield page
            token = page.next_page_token
            if not token:
                return
        raise PricingError(f"{url}: does not end after {MOST_PAGES} pages")
