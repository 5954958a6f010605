"""A form is done once, however often its button was clicked (reliability: double posts)."""

import datetime as dt
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import IntegrityError, transaction

from incidents.models import FormToken

#: Long after the last double click or "back, and send again" of a day.
KEPT_FOR = dt.timedelta(days=7)


class RepeatedFormError(Exception):
    """This form was done before; ``location`` is where the first one led, if that is known."""

    def __init__(self, location: str) -> None:
        super().__init__("This form was done already.")
        self.location = location


@contextmanager
def once(token: uuid.UUID | None, *, now: dt.datetime) -> Iterator[FormToken]:
    """Do what is inside in one transaction, and only the first time for this token.

    Set ``location`` on what it yields to say where a repeated form is to be led. A refusal inside
    gives the token back. Without a token there is no protection. Raises RepeatedFormError.
    """
    with transaction.atomic():
        if token is None:
            yield FormToken(used_at=now)
            return
        mark = _claim(token, now=now)
        yield mark
        mark.save(update_fields=["location"])


def forget_old_tokens(*, now: dt.datetime) -> int:
    """Delete the tokens that nobody will send again; returns how many."""
    count, _ = FormToken.objects.filter(used_at__lt=now - KEPT_FOR).delete()
    return count


def _claim(token: uuid.UUID, *, now: dt.datetime) -> FormToken:
    try:
        with transaction.atomic():
            return FormToken.objects.create(token=token, used_at=now)
    except IntegrityError as error:
        first = FormToken.objects.filter(token=token).first()
        raise RepeatedFormError(first.location if first else "") from error
