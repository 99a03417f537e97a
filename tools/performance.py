"""docs/performance.md's tables, made of what `make bench` and `make soak` wrote last."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from fastyle_policies.pricing.blocks import pipe_table, put

from ops.endpoints import REPOSITORY
from ops.errors import OperatorError

RESULTS = REPOSITORY / "bench" / "results.json"
SOAK = REPOSITORY / "bench" / "soak.json"
STAGES = {
    "pos_accept": "POS API accepts: checks, encodes, publishes",
    "publish": "Pub/Sub stand-in takes messages",
    "pull": "Pub/Sub stand-in hands messages out",
    "push": "Pub/Sub stand-in delivers to an endpoint that only answers",
    "postgres_upsert": "PostgreSQL: movement and shelf, in shared transactions",
    "bigquery_append": "BigQuery stand-in takes rows",
}


def current(text: str, path: Path = RESULTS) -> str:
    """The page with the tables of the measurement at `path`.

    Raises:
        OperatorError: nothing was measured, or by another version of the bench.
    """
    try:
        results = json.loads(path.read_text(encoding="utf-8"))
        return put(text, "measured", "\n".join(_lines(results)))
    except (OSError, json.JSONDecodeError, KeyError, TypeError, AttributeError) as e:
        raise OperatorError(f"{path.name} is not a whole measurement ({e!r}); run `make bench`") from None


def soaked(text: str, path: Path = SOAK) -> str:
    """The page with what became of each fault of the soak at `path`.

    Raises:
        OperatorError: no soak has run, or one of another version.
    """
    try:
        results = json.loads(path.read_text(encoding="utf-8"))
        return put(text, "soaked", "\n".join(_soak(results)))
    except (OSError, json.JSONDecodeError, KeyError, TypeError, AttributeError) as e:
        raise OperatorError(f"{path.name} is not a whole soak ({e!r}); run `make soak`") from None


def _soak(results: Mapping[str, Any]) -> Iterable[str]:
    flood, queue = results["flood"], results["processor_queue"]
    left_out = f"Left out: {results['left_out']}" if results["left_out"] else "No fault was left out"
    yield (
        f"{_n(results['accepted'])} sales at {_n(results['offered_per_second'])} a second, beside one fault after another, on "
        f"{queue['cpus']} CPUs with {queue['before']:g} to {queue['after']:g} processes waiting for them. Of what was accepted, "
        f"{results['lost_on_the_shelf']} are missing on the shelf, {results['lost_in_the_warehouse']} in the warehouse, and "
        f"{results['doubled']} counted twice. {left_out}."
    )
    yield ""
    yield from pipe_table(
        ("fault", "in `status` after, s", "p99 before, ms", "p99 after, ms", "as fast as before"),
        [
            [
                each["fault"],
                *(_figure(each[k]) for k in ("reported_after_seconds", "p99_before_ms", "p99_after_ms")),
                "yes" if each["recovered"] else "no",
            ]
            for each in results["faults"]
        ],
    )
    answers = ", ".join(f"{count:,} of {status}" for status, count in sorted(flood["answers"].items()))
    sizes = {name: f"{before} to {after} MB" for name, (before, after) in flood["memory_mb"].items()}
    kept = ", ".join(f"`{name}` {times} times ({sizes[name]})" for name, times in flood["memory_kept"].items())
    yield from (
        "",
        f"p99: from the POS API's answer to the shelf, in the seconds before a fault and from 30 s after its end on; as fast "
        f"is up to {results['p99_tolerance']}. A fault without a time must be noticed by nobody.",
        "",
        f"Then {_n(flood['offered_per_second'])} events a second for two minutes, in {flood['requests_per_second']} requests a "
        f"second: answers {answers}, the longest after {flood['longest_answer_seconds']} s; {_n(flood['accepted'])} events "
        f"accepted, {flood['lost_on_the_shelf']} of them lost, the backlog delivered {_n(flood['drained_after_seconds'])} s "
        f"after the end. Memory over {kept or 'half as much again as before it: of no process'}.",
    )


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:,.1f}"


def _lines(results: Mapping[str, Any]) -> Iterable[str]:
    machine, ratios = results["machine"], results["ratios"]
    yield f"Measured {results['date'][:10]} on {machine['cpus']} CPUs, Python {machine['python']}: {results['about']}."
    yield from ("", "### Latency and throughput from till to shelf", "")
    held, steady = results["highest_held"], results["at_100_per_second"]
    yield from pipe_table(
        ("events a second", "visible a second", "p50, ms", "p99, ms", "longest, ms"),
        [
            [_n(run["offered_per_second"]), _n(run["visible_per_second"])]
            + [_n(run["accept_to_visible_ms"][share]) for share in ("p50", "p99", "max")]
            for run in (steady, held)
        ],
    )
    alone, slowest = results["stages_alone_per_second"], ratios["slowest_stage"]
    share = ratios["highest_held_to_slowest_stage"]
    yield from (
        "",
        f"From the POS API's answer until the inventory API shows it. The second row is the highest rate that was held; "
        f"it is {share:.2f} of the slowest stage's own rate (aim: 0.5). The stages alone:",
        "",
    )
    yield from pipe_table(
        ("stage", "events a second"),
        [[f"**{STAGES[k]}**" if k == slowest else STAGES[k], _n(v)] for k, v in alone.items()],
    )
    marts = results["sale_to_marts"]
    yield from (
        "",
        f"A sale is in `gmv_daily_live` after {marts['live_seconds']} s, and in `gmv_daily` after "
        f"{marts['mart_seconds']} s if a run of the pipeline starts at once.",
        "",
        "### Pipeline cost by length of history",
        "",
    )
    yield from _history(results["one_new_day_on_a_history"])
    yield from ("", "### Command line", "")
    yield from pipe_table(
        ("what", "seconds"),
        [
            ["`make up` from a new clone, engine and packages in the cache", str(results["cold_make_up_seconds"])],
            ["`make up` again, nothing to do", str(results["warm_make_up_seconds"])],
            ["`pulumi up` that changes nothing", str(results["no_op_pulumi_up_seconds"])],
            ["… of an empty program", str(results["empty_program_up_seconds"])],
            [f"estimate of {results['estimate']['resources']} resources", str(results["estimate"]["seconds"])],
        ],
    )
    yield from ("", f"The third is {ratios['no_op_up_to_empty_program']} times the fourth (aim: 3).")
    yield from ("", "### API and dashboard", "")
    yield from pipe_table(
        ("endpoint", "p50, ms", "p99, ms", "bare p50, ms", "bare p99, ms", "p50 to bare"),
        [
            [f"`{path}`", *(str(row[k]) for k in ("p50_ms", "p99_ms", "bare_p50_ms", "bare_p99_ms", "p50_to_bare"))]
            for path, row in results["api"].items()
        ],
    )
    yield from ("", "Bare: the same framework and server with the same statements, and nothing else.", "")
    yield _dashboard(results["dashboard"])
    yield from ("", "### Peak memory", "")
    memory = sorted(results["peak_memory_mb"].items(), key=lambda item: -item[1])
    yield from pipe_table(("process", "MB"), [[f"`{name}`", str(mb)] for name, mb in memory])


def _history(results: Mapping[str, Any]) -> Iterable[str]:
    if "not_measured" in results:
        yield f"Not measured: {results['not_measured']}."
        return
    days = list(results["seconds"])
    yield from pipe_table(
        ("days of history", "seconds a run", "rows read"),
        [[d, str(results["seconds"][d]), f"{results['rows_read'][d]:,}"] for d in days],
    )
    told = ", ".join(f"{k.replace('_to_', ' to ').replace('_', ' ')} {v}" for k, v in results["ratios"].items())
    yield from ("", f"{results['about'][:1].upper()}{results['about'][1:]}. Ratios (aim: 1.3): {told}.")


def _dashboard(results: Mapping[str, Any]) -> str:
    if "not_measured" in results:
        return f"Dashboard: not measured, {results['not_measured']}."
    return (
        f"Dashboard: {results['cold_ms']['p50']} ms until everything is drawn and answers, with an empty browser cache; "
        f"{results['warm_ms']['p50']} ms when opened again. The heat map alone is there after "
        f"{results['cold_heat_map_ms']['p50']} and {results['warm_heat_map_ms']['p50']} ms."
    )


def _n(value: float) -> str:
    return f"{value:,.0f}"
