"""Conditional answers to polls: an unchanged page costs one small query and no rendering."""

from django.http import HttpRequest, HttpResponse
from django.utils.crypto import constant_time_compare, salted_hmac


def etag_of(stamp: str) -> str:
    """The stamp as an ETag nobody can make up.

    Whoever sends it back was given the page in exactly this state, so that “unchanged” may be
    answered before anything else is looked at, and tells nothing new (rule W11).
    """
    return f'"{salted_hmac("incidents.stamps", stamp, algorithm="sha256").hexdigest()[:32]}"'


def is_unchanged(request: HttpRequest, stamp: str) -> bool:
    """Whether the browser holds the page of this stamp; a proxy may have made the ETag weak."""
    held = request.headers.get("If-None-Match", "").removeprefix("W/")
    return bool(held) and constant_time_compare(held, etag_of(stamp))


def stamped(response: HttpResponse, stamp: str) -> HttpResponse:
    """The answer with its ETag (none without a stamp), kept by nobody but this browser."""
    if stamp:
        response["ETag"] = etag_of(stamp)
    response["Cache-Control"] = "private, no-cache"
    return response
