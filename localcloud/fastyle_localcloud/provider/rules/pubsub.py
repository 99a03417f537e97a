"""Pub/Sub: limits of Google's documentation that no preview of the real provider checks."""

_DAY = 86400


def never_or_a_day(ttl: str) -> bool:
    seconds = ttl.removesuffix("s")
    return ttl == "" or (ttl != seconds and seconds.replace(".", "", 1).isdigit() and float(seconds) >= _DAY)
