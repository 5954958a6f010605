"""Removing the demonstration, exactly and without a trace (``manage.py clear_demo``)."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from django.contrib.auth.models import User
from django.db import models, transaction
from django.db.models import ProtectedError, Q

from incidents.demo.cast import demo_email, read_cast
from incidents.models import (
    Client,
    ClientDigest,
    Dependency,
    Escalation,
    FixRecord,
    Hold,
    Incident,
    PreventionMeasure,
    ReferenceCounter,
    Responder,
    Review,
    SendingDomain,
    System,
    TimelineEntry,
)
from notifications.models import Message

#: Apps whose rows belong to an account and go with it.
OWN_APPS = ("account", "auth", "mfa", "sessions")


@dataclass(slots=True)
class Cleared:
    """What was removed, by noun, and what was kept because real work leans on it."""

    removed: Counter[str] = field(default_factory=Counter)
    kept: list[str] = field(default_factory=list)


def clear_demonstration() -> Cleared:
    """Remove every row of the demonstration and nothing else; harmless when there is none.

    Order: incidents with all that hangs on them, messages, systems, clients, stand-ins, accounts.
    What a real record leans on is kept and named: a client or system of a real incident, an
    incident that a real one follows, an account that did something of its own.
    """
    cleared = Cleared()
    with transaction.atomic():
        ClientDigest.objects.filter(client__is_demo=True).delete()
        _remove_incidents(cleared)
        _remove_messages(cleared)
        _remove_all(System.objects.filter(is_demo=True), "systems", cleared, use_of=_system_use)
        _remove_all(Client.objects.filter(is_demo=True), "clients", cleared)
        _remove_all(Responder.objects.filter(is_demo=True), "stand-ins", cleared)
        _remove_accounts(cleared)
    return cleared


def _remove_incidents(cleared: Cleared) -> None:
    demo = Incident.objects.filter(is_demo=True)
    referred = Q(followed_by__is_demo=False) | Q(merged__is_demo=False)
    needed = list(demo.filter(referred).distinct())
    cleared.kept += [f"{incident.ref} (a real incident refers to it)" for incident in needed]
    going = list(demo.exclude(pk__in=[row.pk for row in needed]).values_list("pk", flat=True))
    reviews = list(Review.objects.filter(incident__in=going).values_list("pk", flat=True))
    demo.filter(pk__in=going).update(follows=None, merged_into=None)
    # A fix protects its waiver, an entry and a hold their incident, so these go first.
    Hold.objects.filter(incident__in=going).delete()
    FixRecord.objects.filter(incident__in=going).delete()
    TimelineEntry.objects.filter(incident__in=going).delete()
    demo.filter(pk__in=going).delete()
    Escalation.objects.filter(is_demo=True, incident=None).delete()
    Incident.history.filter(id__in=going).delete()
    Review.history.filter(id__in=reviews).delete()
    PreventionMeasure.history.filter(review_id__in=reviews).delete()
    if not demo.exists():
        ReferenceCounter.objects.filter(series="DEMO").delete()
    _count(cleared, "incidents", len(going))


def _remove_messages(cleared: Cleared) -> None:
    """Messages that no incident of the demonstration needs any more."""
    kept = Incident.objects.filter(is_demo=True).values("ref")
    going = Message.objects.filter(is_demo=True).exclude(reference__in=kept)
    _count(cleared, "messages", going.count())
    going.delete()


def _forget_scope(row: Client | System | Responder, pk: int | None) -> None:
    """What a client depended on went with it; so does the history of that."""
    if isinstance(row, Client):
        Dependency.history.filter(client_id=pk).delete()
        SendingDomain.history.filter(client_id=pk).delete()
    elif isinstance(row, System):
        Dependency.history.filter(system_id=pk).delete()


def _system_use(system: System) -> str:
    """Who of the real world leans on a system; the database protects only some of it."""
    if system.incidents.exists():
        return "an incident"
    if Dependency.objects.filter(system=system, client__is_demo=False).exists():
        return "a client"
    if system.monitors.filter(is_demo=False).exists():
        return "a monitor"
    return "a system" if system.backs_up.filter(is_demo=False).exists() else ""


def _remove_all(
    rows: Iterable[Client | System | Responder],
    noun: str,
    cleared: Cleared,
    *,
    use_of: Callable[[Any], str] | None = None,
) -> None:
    for row in rows:
        use = use_of(row) if use_of else ""
        pk = row.pk
        if not use and _try_delete(row):
            type(row).history.filter(id=pk).delete()
            _forget_scope(row, pk)
            _count(cleared, noun, 1)
        else:
            cleared.kept.append(f"{row} ({use or 'a real record'} leans on it)")


def _remove_accounts(cleared: Cleared) -> None:
    for row in read_cast()["account"]:
        username = row["username"]
        user = User.objects.filter(username=username, email=demo_email(username)).first()
        if user is None:
            continue
        if _has_traces(user):
            cleared.kept.append(f"account {username} (it did something of its own)")
            continue
        joined = Responder.objects.filter(user=user)
        joined.filter(email=user.email).update(email="")
        joined.update(user=None)
        user.delete()
        _count(cleared, "accounts", 1)


def _has_traces(user: User) -> bool:
    """Whether any record names the account as the one who did something.

    The accounts' own belongings, such as sessions and second factors, are no traces; neither is
    being somebody's account, which ``_remove_accounts`` takes back.
    """
    for relation in User._meta.get_fields(include_hidden=True):
        if not isinstance(relation, models.ManyToOneRel) or relation.related_model is Responder:
            continue
        app = relation.related_model._meta.app_label
        # A row of the history repeats the fields of its record; only its author counts.
        is_copy = relation.on_delete is models.DO_NOTHING
        if app in OWN_APPS or is_copy:
            continue
        rows: models.QuerySet[models.Model] = models.QuerySet(relation.related_model)
        if rows.filter(**{relation.field.name: user}).exists():
            return True
    return False


def _try_delete(row: models.Model) -> bool:
    try:
        with transaction.atomic():
            row.delete()
    except ProtectedError:
        return False
    return True


def _count(cleared: Cleared, noun: str, number: int) -> None:
    if number:
        cleared.removed[noun] += number
