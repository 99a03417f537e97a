"""The marts' declarations: `sql/bigquery/marts/<mart>/`, a folder a mart. Nothing here opens a connection."""

from workloads.marts.declaration import MARTS, Column, Mart, Measure, Publication, read_marts, reported

__all__ = ["MARTS", "Column", "Mart", "Measure", "Publication", "read_marts", "reported"]
