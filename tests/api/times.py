"""Instants of the API and what tests reckon with them."""
from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo


def parse(text):
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def iso(instant):
    utc = instant.astimezone(timezone.utc)
    return utc.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def later(text, **delta):
    return iso(parse(text) + timedelta(**delta))


def next_clock(text, clock, zone):
    """The first instant from `text` on at which clocks in the zone show HH:MM."""
    begin = parse(text)
    hour, minute = map(int, clock.split(":"))
    day = begin.astimezone(ZoneInfo(zone)).date()
    for ahead in range(3):
        shown = datetime(*(day + timedelta(days=ahead)).timetuple()[:3], hour, minute,
                         tzinfo=ZoneInfo(zone))
        if shown >= begin:
            return iso(shown)
    raise AssertionError("no such time within three days")


def milliseconds(begin, end):
    return int((parse(end) - parse(begin)).total_seconds() * 1000)
