WITH priced AS (
  SELECT
    l.business_date,
    COALESCE(p.category, 'unknown') AS category,
    ${net_sales:l} AS net_sales,
    ${discounts:l} AS discounts,
    l.quantity * c.unit_cost AS cogs
  FROM ${source:sales_lines} AS l
  LEFT JOIN ${staging}.products AS p ON p.is_current AND p.sku = l.sku
  -- a cost counts for products only: what the catalogue dropped is unknown in every column
  LEFT JOIN ${staging}.product_costs AS c
    ON c.is_current
    AND c.sku = p.sku
    AND l.event_time >= c.applies_from
    AND (c.applies_to IS NULL OR l.event_time < c.applies_to)
  WHERE ${dates:l}
),
summed AS (
  SELECT
    business_date,
    category,
    SUM(net_sales) AS net_sales,
    SUM(discounts) AS discounts,
    IF(COUNTIF(cogs IS NULL) > 0, NULL, SUM(cogs)) AS cogs
  FROM priced
  GROUP BY business_date, category
)
SELECT
  business_date,
  category,
  net_sales,
  discounts,
  cogs,
  net_sales - cogs AS gross_profit,
  ${ratio:net_sales - cogs, net_sales} AS gross_margin
FROM summed
