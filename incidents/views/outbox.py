"""The outbox: what left, what waits, what failed; a person settles what is uncertain."""

import re
from http import HTTPStatus

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from incidents.actors import actor_for
from incidents.forms.outbox import OutboxFilter, SettleForm
from incidents.models import Incident
from incidents.records import Kind, check_editor, editors_of, may_edit, settle_message
from incidents.views.posting import post
from notifications.enums import SETTLED, UNSETTLED, Channel, MessageState
from notifications.models import Message, OutboxQuerySet

PER_PAGE = 50
NEEDS_A_PERSON = (MessageState.UNCERTAIN, MessageState.DEAD)
#: The tabs: the address's word, its label, its states.
VIEWS: dict[str, tuple[str, tuple[MessageState, ...]]] = {
    "": ("All", tuple(MessageState)),
    "waiting": ("Waiting", UNSETTLED),
    "uncertain": ("Uncertain", (MessageState.UNCERTAIN,)),
    "failed": ("Failed", (MessageState.DEAD,)),
    "sent": ("Delivered", (MessageState.SENT,)),
    "cancelled": ("Cancelled", (MessageState.CANCELLED,)),
}
#: A link that says “seen” in its owner's name is for its owner only (rule N3).
_SEEN_LINK = re.compile(r"(/escalations/)[\w:.\-]+")


@require_safe
def outbox(request: HttpRequest, **kwargs: object) -> HttpResponse:
    """Fifty messages from the newest down; every filter is in the address."""
    asked = OutboxFilter(request.GET)
    asked.is_valid()
    view = request.GET.get("state", "")
    view = view if view in VIEWS else ""
    shown = _visible(request)
    summary = shown.summary(at=timezone.now())
    if view:
        shown = shown.filter(state__in=VIEWS[view][1])
    if channel := asked.cleaned_data.get("channel"):
        shown = shown.filter(channel=channel)
    if text := asked.cleaned_data.get("q"):
        shown = shown.filter(recipient__icontains=text)
    before = asked.cleaned_data.get("before")
    if before:
        shown = shown.filter(pk__lt=before)
    rows = list(shown.order_by("-pk").defer("text", "html")[: PER_PAGE + 1])
    counts = {"waiting": "waiting", "uncertain": "uncertain", "failed": "failed"}
    context = {
        "rows": rows[:PER_PAGE],
        "older": rows[PER_PAGE - 1].pk if len(rows) > PER_PAGE else None,
        "before": before,
        "view": view,
        "views": [
            (word, label, summary.get(counts.get(word, ""))) for word, (label, _) in VIEWS.items()
        ],
        "stalled": summary["stalled"],
        "query": text or "",
        "channel": channel or "",
        "channels": Channel.choices,
        "is_filtered": bool(text or channel),
        "now": timezone.now(),
    }
    return render(request, "incidents/outbox.html", context)


@require_safe
def message_detail(request: HttpRequest, pk: int, **kwargs: object) -> HttpResponse:
    """One message whole: its headers, what it says, every attempt."""
    message = get_object_or_404(_visible(request), pk=pk)
    form = SettleForm(message=message) if message.state in NEEDS_A_PERSON else None
    return _show(request, message, form, HTTPStatus.OK)


@require_POST
def message_settle(request: HttpRequest, pk: int, **kwargs: object) -> HttpResponse:
    """A person's word on an uncertain or failed message."""
    message = get_object_or_404(_visible(request), pk=pk)
    now, actor = timezone.now(), actor_for(request.user)
    check_editor(Kind.MESSAGE, by=actor)
    form = SettleForm(request.POST, message=message)

    def act() -> str:
        settle_message(message, arrived=form.has_arrived, by=actor, now=now)
        return reverse("incidents:message", args=[message.pk])

    outcome = post(request, form, act, done="Settled, with your name beside it.", now=now)
    if isinstance(outcome, HttpResponse):
        return outcome
    message.refresh_from_db()
    return _show(request, message, form, outcome)


def _show(
    request: HttpRequest, message: Message, form: SettleForm | None, status: int
) -> HttpResponse:
    may = may_edit(Kind.MESSAGE, by=actor_for(request.user))
    incident = Incident.objects.visible_to(request.user).filter(ref=message.reference).first()
    is_hidden = _speaks_of_hidden(request, message)
    context = {
        "message": message,
        "incident": incident,
        "is_hidden": is_hidden,
        "text": "" if is_hidden else _without_seen_links(message.text),
        "html": "" if is_hidden else _without_seen_links(message.html),
        "attempts": message.delivery_attempts.all(),
        "form": form,
        "needs_a_person": message.state in NEEDS_A_PERSON,
        "is_settled": message.state in SETTLED,
        "may_settle": may,
        "editors": editors_of(Kind.MESSAGE),
        "now": timezone.now(),
    }
    return render(request, "incidents/outbox_message.html", context, status=status)


def _visible(request: HttpRequest) -> OutboxQuerySet:
    """Without the messages of private incidents that the reader is not on (rule W11)."""
    return Message.objects.exclude(reference__in=_hidden(request))


def _hidden(request: HttpRequest) -> QuerySet[Incident, str]:
    visible = Incident.objects.visible_to(request.user).order_by().values("pk")
    private = Incident.objects.filter(is_private=True).order_by()
    return private.exclude(pk__in=visible).values_list("ref", flat=True)


def _speaks_of_hidden(request: HttpRequest, message: Message) -> bool:
    """A digest belongs to no incident and may still name one that the reader must not see."""
    if message.reference:
        return False
    return any(ref in message.text for ref in _hidden(request))


def _without_seen_links(text: str) -> str:
    return _SEEN_LINK.sub(r"\1…", text)
