"""The POS API's description (OpenAPI 3.1), for whoever programs a till; the events' part is written from the schemas."""

from __future__ import annotations

from typing import Any

from workloads.events import STREAMS, Stream
from workloads.pos_api.webhooks import FOLDER, WEBHOOKS

Json = dict[str, Any]

EVENT_PATHS = {stream.path: key for key, stream in STREAMS.items()}
_DESCRIPTION = (
    "Takes events from tills and shop systems. What is answered as accepted is never lost; an event sent again under "
    "its `event_id` counts once, so that whatever got no answer is sent again as it is."
)
_FORMATS: dict[str, Json] = {
    "uuid": {"type": "string", "pattern": "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"},
    "id": {"type": "string", "minLength": 1, "maxLength": 128},
    "time": {
        "type": "string",
        "pattern": r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?Z$",
        "examples": ["2026-03-01T12:30:00.25Z"],
    },
    "amount": {"type": "string", "pattern": r"^[0-9]{1,12}(\.[0-9]{1,4})?$", "examples": ["19.99"]},
}


def document(*, brand: str, currency: str, most_bytes: int, most_events: int, simulates: bool) -> Json:
    """Return the description of one stack's POS API."""
    paths: Json = {stream.path: {"post": _events(stream, most_bytes, most_events)} for stream in STREAMS.values()}
    paths |= {f"{FOLDER}{name}": {"post": _webhook(name)} for name in WEBHOOKS}
    if simulates:
        paths["/v1/simulate"] = {"post": _simulate()}
    paths["/health"] = {
        "get": {
            "summary": "The process runs",
            "security": [],
            "responses": {"200": _answers("It does", {"type": "object", "required": ["status"]})},
        }
    }
    paths["/openapi.json"] = {
        "get": {
            "summary": "This description",
            "security": [],
            "responses": {"200": _answers("OpenAPI 3.1", {"type": "object", "required": ["openapi", "paths"]})},
        }
    }
    records = {stream.record: _record(stream.avro, currency) for stream in STREAMS.values()}
    return {
        "openapi": "3.1.0",
        "info": {"title": f"{brand} POS API", "version": "1", "description": _DESCRIPTION},
        "security": [{"bearer": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer", "description": "The location's credential"}
            },
            "schemas": {**records, **_ANSWERS},
        },
    }


def _events(stream: Stream, most_bytes: int, most_events: int) -> Json:
    event = {"$ref": f"#/components/schemas/{stream.record}"}
    many = {"type": "array", "items": event, "minItems": 1, "maxItems": most_events}
    description = f"{stream.description} One event, or an array of up to {most_events:,}; {most_bytes:,} bytes."
    return _taken(stream.summary, description, {"anyOf": [event, many]})


def _webhook(name: str) -> Json:
    return _taken(f"The webhook of {name}", f"Takes what {name} sends of its own accord, in its own form.", {})


def _taken(summary: str, description: str, schema: Json) -> Json:
    return {
        "summary": summary,
        "description": description,
        "requestBody": {"required": True, "content": {"application/json": {"schema": schema}}},
        "responses": {
            "202": _answers("Those not in `rejected` are accepted", _ref("Outcome")),
            "400": _answers("None is accepted: mend what `rejected` names", _ref("Outcome")),
            "401": _answers("No good credential", _ref("Error")),
            "403": _answers("Every event is of a location that the credential is not for", _ref("Outcome")),
            "408": _answers("The body arrived too slowly: send it again", _ref("Outcome")),
            "413": _answers("Too many events or bytes: send several requests", _ref("Outcome")),
            "503": _answers("The events could not be stored: send the same again", _ref("Unavailable"), retried=True),
        },
    }


def _simulate() -> Json:
    moment = _FORMATS["time"]
    body = {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "from": moment,
            "to": moment,
            "opening": moment,
            "seed": {"type": "integer"},
            "scale": {"type": "number", "exclusiveMinimum": 0, "maximum": 10},
        },
    }
    counts = {name: {"type": "integer", "minimum": 0} for name in STREAMS}
    return {
        "summary": "Trade an interval with the seeded simulator",
        "description": "Without a body the last whole five minutes. Needs a credential for every location.",
        "requestBody": {"required": False, "content": {"application/json": {"schema": body}}},
        "responses": {
            "202": _answers("Traded", {"allOf": [_ref("Outcome"), {"type": "object", "properties": counts}]}),
            "400": _answers("No interval that can be traded", _ref("Outcome")),
            "401": _answers("No good credential", _ref("Error")),
            "403": _answers("The credential is limited to some locations", _ref("Error")),
            "408": _answers("The body arrived too slowly", _ref("Outcome")),
            "409": _answers("The budget guard has stopped the simulator", _ref("Error")),
            "413": _answers("Too many bytes", _ref("Outcome")),
            "503": _answers("Try again", {"anyOf": [_ref("Unavailable"), _ref("Error")]}, retried=True),
        },
    }


def _record(avro: Json, currency: str) -> Json:
    return {
        "type": "object",
        "description": avro["doc"],
        "additionalProperties": False,
        "required": [field["name"] for field in avro["fields"] if "default" not in field],
        "properties": {field["name"]: _field(field, currency) for field in avro["fields"]},
    }


def _field(field: Json, currency: str) -> Json:
    contract = field.get("contract", {})
    if "max_items" in contract:
        described: Json = {
            "type": "array",
            "minItems": contract["min_items"],
            "maxItems": contract["max_items"],
            "items": _record(field["type"]["items"], currency),
        }
    elif contract["format"] == "integer":
        described = {"type": "integer", "minimum": contract["minimum"], "maximum": contract["maximum"]}
    elif contract["format"] == "symbol":
        described = {"type": "string", "enum": contract["symbols"]}
    elif contract["format"] == "currency":
        described = {"type": "string", "const": currency}
    else:
        described = _FORMATS[contract["format"]]
    if isinstance(field["type"], list):
        described = {"anyOf": [described, {"type": "null"}]}
    return {**described, "description": field["doc"]}


def _ref(name: str) -> Json:
    return {"$ref": f"#/components/schemas/{name}"}


def _answers(description: str, schema: Json, *, retried: bool = False) -> Json:
    answer: Json = {"description": description, "content": {"application/json": {"schema": schema}}}
    if retried:
        answer["headers"] = {"Retry-After": {"schema": {"type": "integer"}, "description": "Seconds to wait"}}
    return answer


_REJECTION = {
    "type": "object",
    "required": ["index", "field", "error"],
    "properties": {
        "index": {"type": ["integer", "null"], "description": "Of the event in the array; null: the whole body"},
        "field": {"type": "string", "description": "Such as `lines[3].discount`; empty: the event itself"},
        "error": {"type": "string"},
    },
}
_OUTCOME: Json = {
    "type": "object",
    "required": ["accepted", "rejected"],
    "properties": {
        "accepted": {"type": "integer", "minimum": 0},
        "rejected": {"type": "array", "items": _REJECTION},
    },
}
_ANSWERS: Json = {
    "Outcome": _OUTCOME,
    "Unavailable": {
        **_OUTCOME,
        "required": ["accepted", "rejected", "error"],
        "properties": {**_OUTCOME["properties"], "error": {"type": "string"}},
    },
    "Error": {
        "type": "object",
        "additionalProperties": False,
        "required": ["error"],
        "properties": {"error": {"type": "string"}},
    },
}
