"""The outbox: what left, what waits, what failed, and what a person decides about it."""

import datetime as dt
import re
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from django.contrib.auth.models import User
from django.db.models import Max, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from incidents.actors import actor_for
from incidents.forms.outbox import HeldForm, OutboxFilter, PickForm, SettleForm
from incidents.forms.records import TokenForm
from incidents.models import Incident
from incidents.outbox_board import (
    PER_PAGE,
    VIEW_OF,
    audience_of,
    board_stamp,
    clients_of,
    diagnosis_of,
    hidden_references,
    read_counts,
    read_pauses,
    rows_of,
    tabs_of,
    visible_messages,
)
from incidents.outgoing import (
    DECISIONS,
    MOST_AT_ONCE,
    Decision,
    name_of,
    settle_held,
    settle_message,
    try_channel_again,
)
from incidents.records import Kind, check_editor, editors_of, may_edit
from incidents.stamps import is_unchanged, stamped
from incidents.views.posting import post
from notifications.enums import SETTLED, Channel, MessageState
from notifications.models import Message, OutboxQuerySet

#: A link that says “seen” in its owner's name is for its owner only (rule N3).
_SEEN_LINK = re.compile(r"(/escalations/)[\w:.\-]+")


@dataclass(frozen=True, slots=True)
class Asked:
    """What the address asks for."""

    view: str
    query: str
    channel: str
    before: int | None

    @property
    def kept(self) -> dict[str, str]:
        """Everything but the page, as it stands in the address."""
        words = {"state": self.view, "channel": self.channel, "q": self.query}
        return {name: value for name, value in words.items() if value}

    def narrow(self, messages: OutboxQuerySet) -> OutboxQuerySet:
        """The messages that were asked for."""
        if self.view:
            messages = messages.filter(state__in=VIEW_OF[self.view].states)
        if self.channel:
            messages = messages.filter(channel=self.channel)
        if self.query:
            about = Q(reference__iexact=self.query)
            messages = messages.filter(Q(recipient__icontains=self.query) | about)
        return messages.filter(pk__lt=self.before) if self.before else messages


@require_safe
def outbox(request: HttpRequest, **kwargs: object) -> HttpResponse:
    """Fifty messages from the newest down; every filter is in the address."""
    now, user = timezone.now(), _user(request)
    is_poll = "HX-Polling" in request.headers
    stamp = _stamp(request, user, now=now) if is_poll else ""
    if is_poll and is_unchanged(request, stamp):
        return stamped(HttpResponse(status=HTTPStatus.NOT_MODIFIED), stamp)
    template = "incidents/_outbox_live.html" if is_poll else "incidents/outbox.html"
    return stamped(render(request, template, _board(request, user, now=now)), stamp)


@require_safe
def message_detail(request: HttpRequest, pk: int, **kwargs: object) -> HttpResponse:
    """One message whole: its headers, what it says, every attempt."""
    message = get_object_or_404(visible_messages(request.user), pk=pk)
    form = SettleForm(message=message) if message.state in DECISIONS else None
    return _show(request, message, form, HTTPStatus.OK)


@require_POST
def message_settle(request: HttpRequest, pk: int, **kwargs: object) -> HttpResponse:
    """A person's word on an uncertain, failed or held message."""
    message = get_object_or_404(visible_messages(request.user), pk=pk)
    now, actor = timezone.now(), actor_for(request.user)
    check_editor(Kind.MESSAGE, by=actor)
    form = SettleForm(request.POST, message=message)

    def act() -> str:
        said = form.cleaned_data
        reason = said.get("reason", "")
        settle_message(message, said["outcome"], reason=reason, by=actor, now=now)
        return reverse("incidents:message", args=[message.pk])

    outcome = post(request, form, act, done="Settled, with your name beside it.", now=now)
    if isinstance(outcome, HttpResponse):
        return outcome
    message.refresh_from_db()
    return _show(request, message, form, outcome)


@require_http_methods(["GET", "HEAD", "POST"])
def outbox_held(request: HttpRequest, **kwargs: object) -> HttpResponse:
    """Release or cancel held messages; asked before it is done, with whom it concerns."""
    now, actor = timezone.now(), actor_for(request.user)
    check_editor(Kind.MESSAGE, by=actor)
    picked = PickForm(request.POST if request.method == "POST" else request.GET)
    if not picked.is_valid():
        return redirect(f"{reverse('incidents:outbox')}?state=held")
    messages = _picked(request, picked.cleaned_data)
    decision = Decision(picked.cleaned_data["do"])
    form = HeldForm(request.POST if request.method == "POST" else None)
    status = int(HTTPStatus.OK)
    if request.method == "POST":

        def act() -> str:
            settle_held(messages, decision, by=actor, now=now)
            return f"{reverse('incidents:outbox')}?state=held"

        word = "released" if decision == Decision.RELEASE else "cancelled"
        outcome = post(request, form, act, done=f"{_counted(messages)} {word}.", now=now)
        if isinstance(outcome, HttpResponse):
            return outcome
        status = outcome
    context = {
        "form": form,
        "messages_held": rows_of(messages),
        "audience": audience_of(messages),
        "count": _counted(messages),
        "is_release": decision == Decision.RELEASE,
        "do": decision.value,
        "until": max((message.pk for message in messages), default=""),
        "is_all": picked.cleaned_data["all"],
        "now": now,
    }
    return render(request, "incidents/outbox_held.html", context, status=status)


@require_POST
def channel_resume(request: HttpRequest, channel: str, **kwargs: object) -> HttpResponse:
    """Try a paused channel again, once its reason was mended."""
    now, actor = timezone.now(), actor_for(request.user)
    check_editor(Kind.MESSAGE, by=actor)
    form = TokenForm(request.POST)

    def act() -> str:
        try_channel_again(channel, by=actor, now=now)
        return reverse("incidents:outbox")

    done = f"{name_of(channel)} is tried again with the next message."
    outcome = post(request, form, act, done=done, now=now)
    if isinstance(outcome, HttpResponse):
        return outcome
    context = _board(request, _user(request), now=now) | {"form": form}
    return render(request, "incidents/outbox.html", context, status=outcome)


def _board(request: HttpRequest, user: User, *, now: dt.datetime) -> dict[str, Any]:
    asked = _asked(request)
    shown = visible_messages(user)
    found = asked.narrow(shown).order_by("-pk").defer("text", "html")
    rows = rows_of(found[: PER_PAGE + 1])
    counts = read_counts(user, now=now)
    older = ""
    if len(rows) > PER_PAGE:
        older = urlencode(asked.kept | {"before": str(rows[PER_PAGE - 1].message.pk)})
    may = may_edit(Kind.MESSAGE, by=actor_for(user))
    return {
        "now": now,
        "asked": asked,
        "rows": rows[:PER_PAGE],
        "older": older,
        "newest": urlencode(asked.kept),
        "tabs": tabs_of(counts, asked.view),
        "held": counts["held"],
        "newest_held": shown.held().aggregate(last=Max("pk"))["last"] if counts["held"] else None,
        "stalled": counts["stalled"],
        "pauses": read_pauses(),
        "resume_form": TokenForm(auto_id=False),
        "may_settle": may,
        "is_picking": may and asked.view == "held",
        "editors": editors_of(Kind.MESSAGE),
        "channels": Channel.choices,
        "beside_view": urlencode(
            {name: value for name, value in asked.kept.items() if name != "state"}
        ),
        "is_filtered": bool(asked.query or asked.channel),
        "poll_url": request.get_full_path() if request.method != "POST" else "",
    }


def _asked(request: HttpRequest) -> Asked:
    """What the address asks for; a word that means nothing is left out."""
    form = OutboxFilter(request.GET)
    form.is_valid()
    view = request.GET.get("state", "")
    return Asked(
        view=view if view in VIEW_OF else "",
        query=form.cleaned_data.get("q") or "",
        channel=form.cleaned_data.get("channel") or "",
        before=form.cleaned_data.get("before"),
    )


def _picked(request: HttpRequest, said: dict[str, Any]) -> list[Message]:
    """The held messages that are meant, oldest first; what the reader may not see is not among
    them, nor what was held after the list was shown."""
    held = visible_messages(request.user).held().order_by("pk").defer("text", "html")
    held = held.filter(pk__lte=said["until"]) if said["until"] else held
    held = held if said["all"] else held.filter(pk__in=said["pick"])
    return list(held[:MOST_AT_ONCE])


def _counted(messages: list[Message]) -> str:
    return f"{len(messages)} message{'s' if len(messages) != 1 else ''}"


def _show(
    request: HttpRequest, message: Message, form: SettleForm | None, status: int
) -> HttpResponse:
    may = may_edit(Kind.MESSAGE, by=actor_for(request.user))
    incident = Incident.objects.visible_to(request.user).filter(ref=message.reference).first()
    is_hidden = _speaks_of_hidden(request, message)
    shown = visible_messages(request.user)
    context = {
        "message": message,
        "diagnosis": diagnosis_of(message),
        "client": clients_of([message]).get(message.pk, ""),
        "incident": incident,
        "is_hidden": is_hidden,
        "text": "" if is_hidden else _without_seen_links(message.text),
        "html": "" if is_hidden else _without_seen_links(message.html),
        "attempts": message.delivery_attempts.all(),
        "replaced": shown.filter(replacements=message).first(),
        "replacements": shown.filter(replaces=message),
        "form": form,
        "needs_a_person": message.state in DECISIONS,
        "is_settled": message.state in SETTLED,
        "is_held": message.state == MessageState.HELD,
        "may_settle": may,
        "editors": editors_of(Kind.MESSAGE),
        "now": timezone.now(),
    }
    return render(request, "incidents/outbox_message.html", context, status=status)


def _speaks_of_hidden(request: HttpRequest, message: Message) -> bool:
    """A digest belongs to no incident and may still name one that the reader must not see."""
    if message.reference:
        return False
    return any(ref in message.text for ref in hidden_references(request.user))


def _without_seen_links(text: str) -> str:
    return _SEEN_LINK.sub(r"\1…", text)


def _stamp(request: HttpRequest, user: User, *, now: dt.datetime) -> str:
    """What the list depends on; times are written relative to the reader's day."""
    day = timezone.localtime(now).date()
    return f"outbox:{user.pk}:{request.get_full_path()}:{day}:{board_stamp(user, now=now)}"


def _user(request: HttpRequest) -> User:
    """The signed-in account; the middleware lets nobody else in (rule A1)."""
    user = request.user
    assert isinstance(user, User)
    return user
