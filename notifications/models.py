"""The outbox table, its log of attempts, and the e-mail templates."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Self

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Count, F, Q
from simple_history.models import HistoricalRecords

from notifications.enums import (
    FOR_A_PERSON,
    HELD_BY_A_SENDER,
    SETTLED,
    UNSETTLED,
    AttemptOutcome,
    Channel,
    MessageState,
    Urgency,
)
from notifications.template_fields import TEMPLATE_FIELDS, TemplateField
from notifications.templating import (
    MAX_TEMPLATE_BYTES,
    RenderedMail,
    TemplateError,
    check_template,
    render_mail,
)

STALLED_AFTER = timedelta(minutes=2)


class OutboxQuerySet(models.QuerySet["Message"]):
    """Questions about the outbox; instants are passed in."""

    def waiting(self) -> Self:
        """Neither delivered nor given up yet."""
        return self.filter(state__in=UNSETTLED)

    def stalled(self, *, at: datetime) -> Self:
        """Still unsent more than two minutes after they should have left, retries included."""
        return self.waiting().filter(due_at__lt=at - STALLED_AFTER)

    def failed(self) -> Self:
        """Given up; only a person brings them back."""
        return self.filter(state=MessageState.DEAD)

    def uncertain(self) -> Self:
        """Handed over without an answer; a person settles them."""
        return self.filter(state=MessageState.UNCERTAIN)

    def held(self) -> Self:
        """Waiting for a person since the database was restored."""
        return self.filter(state=MessageState.HELD)

    def for_reference(self, reference: str) -> Self:
        """Everything sent on behalf of one incident, oldest first."""
        return self.filter(reference=reference).order_by("id")

    def summary(self, *, at: datetime) -> dict[str, int]:
        """Counts of waiting, stalled, held, failed and uncertain messages, in one query."""
        unsettled = Q(state__in=UNSETTLED)
        return self.filter(state__in=(*UNSETTLED, *FOR_A_PERSON)).aggregate(
            waiting=Count("id", filter=unsettled),
            stalled=Count("id", filter=unsettled & Q(due_at__lt=at - STALLED_AFTER)),
            held=Count("id", filter=Q(state=MessageState.HELD)),
            failed=Count("id", filter=Q(state=MessageState.DEAD)),
            uncertain=Count("id", filter=Q(state=MessageState.UNCERTAIN)),
        )


class Message(models.Model):
    """One rendered message to one recipient: the row is the truth about its delivery.

    Rows are written by `outbox.queue_message` and moved only by `outbox` and `delivery`.
    `due_at` is when the message should leave and stays; `next_attempt_at` moves with each
    retry. Lease times are the wall clock of the sending machine, so that a replayed day
    never looks like a dead sender; all other instants are the caller's `now`.

    `receipt` is the provider's own id of what it took. `replaces` is the message that did not
    get through and that this one carries over another channel. `repeats` counts how often it
    was sent again after an unknown answer: above 0, an earlier try may have arrived.
    `is_delay_told`: the floors above know that it is late.
    """

    key = models.CharField(max_length=300)
    channel = models.CharField(max_length=20, choices=Channel)
    recipient = models.CharField(max_length=254)
    subject = models.CharField(max_length=500, blank=True)
    text = models.TextField()
    html = models.TextField(blank=True)
    reply_to = models.CharField(max_length=320, blank=True)
    lane = models.CharField(max_length=400)
    reference = models.CharField(max_length=40, blank=True)
    thread = models.CharField(max_length=200, blank=True)
    message_id = models.CharField(max_length=200)
    references = models.CharField(max_length=200, blank=True)
    urgency = models.PositiveSmallIntegerField(choices=Urgency, default=Urgency.NORMAL)
    state = models.CharField(max_length=20, choices=MessageState, default=MessageState.PENDING)
    attempts = models.PositiveIntegerField(default=0)
    due_at = models.DateTimeField()
    next_attempt_at = models.DateTimeField()
    lease_token = models.CharField(max_length=32, null=True, blank=True)
    lease_expires_at = models.DateTimeField(null=True, blank=True)
    sending_since = models.DateTimeField(null=True, blank=True)
    sent_at = models.DateTimeField(null=True, blank=True)
    last_error = models.TextField(blank=True)
    receipt = models.CharField(max_length=200, blank=True)
    replaces = models.ForeignKey(
        "self",
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="replacements",
        db_index=False,
    )
    repeats = models.PositiveSmallIntegerField(default=0)
    is_delay_told = models.BooleanField(default=False)
    handlers_pending = models.BooleanField(default=False)
    created_at = models.DateTimeField()
    is_demo = models.BooleanField(default=False)

    objects = OutboxQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        # Every index is written three times for each message that is sent: no more than are read,
        # and none of those for LIKE that `unique=True` and `db_index=True` bring on PostgreSQL.
        constraints = [
            models.UniqueConstraint(name="message_key", fields=["key"]),
            models.UniqueConstraint(name="message_message_id", fields=["message_id"]),
            models.CheckConstraint(
                name="message_state_known", condition=Q(state__in=MessageState.values)
            ),
            models.CheckConstraint(
                name="message_channel_known", condition=Q(channel__in=Channel.values)
            ),
            models.CheckConstraint(
                name="message_lease_exactly_when_held",
                condition=Q(
                    state__in=HELD_BY_A_SENDER,
                    lease_token__isnull=False,
                    lease_expires_at__isnull=False,
                )
                | (
                    ~Q(state__in=HELD_BY_A_SENDER)
                    & Q(lease_token__isnull=True, lease_expires_at__isnull=True)
                ),
            ),
            models.CheckConstraint(
                name="message_sending_since_exactly_when_sending",
                condition=Q(state=MessageState.SENDING, sending_since__isnull=False)
                | (~Q(state=MessageState.SENDING) & Q(sending_since__isnull=True)),
            ),
            models.CheckConstraint(
                name="message_sent_at_exactly_when_sent",
                condition=Q(state=MessageState.SENT, sent_at__isnull=False)
                | (~Q(state=MessageState.SENT) & Q(sent_at__isnull=True)),
            ),
            models.UniqueConstraint(
                name="message_one_sender_per_lane",
                fields=["lane"],
                condition=Q(state__in=HELD_BY_A_SENDER),
            ),
        ]
        indexes = [
            models.Index(
                F("channel"),
                F("urgency").desc(),
                F("next_attempt_at"),
                F("id"),
                name="message_claim",
                condition=Q(state=MessageState.PENDING),
            ),
            models.Index(
                fields=["lane", "id"],
                name="message_lane_order",
                condition=Q(state__in=UNSETTLED),
            ),
            models.Index(
                fields=["state", "due_at"],
                name="message_unsettled",
                condition=Q(state__in=(*UNSETTLED, *FOR_A_PERSON)),
            ),
            models.Index(
                fields=["next_attempt_at"],
                name="message_handlers_pending",
                condition=Q(handlers_pending=True),
            ),
            models.Index(fields=["reference"], name="message_reference"),
            models.Index(fields=["thread"], name="message_thread", condition=~Q(thread="")),
            models.Index(
                fields=["replaces"],
                name="message_replaces",
                condition=Q(replaces__isnull=False),
            ),
            # How much somebody got within ten minutes, however long the outbox is (N1).
            models.Index(fields=["recipient", "created_at"], name="message_recent"),
        ]

    def __str__(self) -> str:
        return f"{self.channel} to {self.recipient} ({self.state})"

    @property
    def is_settled(self) -> bool:
        return self.state in SETTLED

    @property
    def thread_headers(self) -> dict[str, str]:
        """Headers that make a mail reader show one thread; empty without a thread."""
        if not self.references:
            return {}
        return {"References": self.references, "In-Reply-To": self.references}


class DeliveryAttempt(models.Model):
    """One try to deliver a message, or one decision of a person about it."""

    message = models.ForeignKey(Message, on_delete=models.CASCADE, related_name="delivery_attempts")
    number = models.PositiveIntegerField()
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    outcome = models.CharField(max_length=20, choices=AttemptOutcome)
    answer = models.TextField(blank=True)
    by = models.CharField(max_length=150, blank=True)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(
                name="attempt_outcome_known", condition=Q(outcome__in=AttemptOutcome.values)
            ),
        ]

    def __str__(self) -> str:
        return f"attempt {self.number}: {self.get_outcome_display()}"


class ChannelPauseQuerySet(models.QuerySet["ChannelPause"]):
    """Questions about paused channels."""

    def in_force(self, *, at: datetime) -> Self:
        """Channels that nobody tries at that instant."""
        return self.filter(until__gt=at)

    def alarming(self, *, at: datetime) -> Self:
        """Paused until somebody does something, or for more than two minutes already."""
        return self.filter(Q(needs_a_person=True) | Q(since__lt=at - STALLED_AFTER))


class ChannelPause(models.Model):
    """A channel that is at fault itself: its messages wait and burn no attempts.

    `until` is when the next message tries it again; a delivered one ends the pause. All
    engines see it, and it outlives them. `needs_a_person`: a login or token was refused, and
    waiting will not mend that. `tries` counts the refusals in a row.
    """

    channel = models.CharField(max_length=20, choices=Channel, primary_key=True)
    reason = models.TextField()
    since = models.DateTimeField()
    until = models.DateTimeField()
    needs_a_person = models.BooleanField(default=False)
    tries = models.PositiveIntegerField(default=1)
    is_told = models.BooleanField(default=False)

    objects = ChannelPauseQuerySet.as_manager()

    class Meta:
        ordering = ["channel"]
        constraints = [
            models.CheckConstraint(
                name="pause_channel_known", condition=Q(channel__in=Channel.values)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_channel_display()} paused until {self.until:%Y-%m-%d %H:%M:%S %Z}"


class EmailTemplate(models.Model):
    """The wording of one kind of client mail (M1), editable by staff, sandboxed (A4).

    The body is one text written like the SOP: paragraphs, `**bold**`, `{{ field }}` and
    `{% if field %}…{% else %}…{% endif %}`; the text and HTML parts are made from it.
    Saving refuses what does not render.
    """

    name = models.SlugField(unique=True)
    title = models.CharField(max_length=100)
    subject = models.CharField(max_length=300)
    body = models.TextField(max_length=MAX_TEMPLATE_BYTES)
    history = HistoricalRecords()

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.title

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save after full validation, whichever way the change came (A4)."""
        self.full_clean()
        super().save(*args, **kwargs)

    @property
    def fields(self) -> tuple[TemplateField, ...]:
        """The fields this template may use; none when the name is unknown."""
        return TEMPLATE_FIELDS.get(self.name, ())

    def clean(self) -> None:
        """Refuse unknown or missing fields, foreign tags, and what does not render."""
        super().clean()
        if not self.fields:
            known = ", ".join(TEMPLATE_FIELDS)
            raise ValidationError({"name": f"There is no mail called so. Known: {known}."})
        problems = check_template(subject=self.subject, body=self.body, fields=self.fields)
        if problems:
            raise ValidationError(problems)
        try:
            self.preview()
        except TemplateError as problem:
            raise ValidationError({"body": f"It does not render: {problem}"}) from problem

    def render(self, fields: dict[str, str]) -> RenderedMail:
        """Render with plain strings; raises TemplateError when a value is missing."""
        return render_mail(subject=self.subject, body=self.body, fields=self.fields, values=fields)

    def preview(self) -> RenderedMail:
        """Render with the sample value of every field."""
        return self.render({field.name: field.sample for field in self.fields})
