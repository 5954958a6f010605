"""What the page of a scheduled update shows for what stands in its form."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, replace

from django.conf import settings
from django.urls import reverse

from incidents.actors import Actor
from incidents.correspondence.rendering import FieldFinding
from incidents.correspondence.rewriting import rewritten
from incidents.digests import Item, check_digest, current_digest, gather_items, render_digest
from incidents.digests.reading import INTRO, INTRO_LABEL, texts_of
from incidents.digests.sending import missing_of
from incidents.enums import DigestState
from incidents.forms.digest import DigestForm
from incidents.letters import Letter, letter_of, letter_of_texts
from incidents.models import Client, ClientDigest
from incidents.obligations import Term
from incidents.permissions import may
from incidents.transitions import Step
from incidents.views.letter_panel import LetterPanel, Note, wanted_findings
from incidents.views.refusals import Mend
from notifications.enums import MessageState
from notifications.templating import RenderedMail

SHOWN_HISTORY = 12


@dataclass(slots=True, kw_only=True)
class Panel(LetterPanel):
    """Everything the fragments need; see the templates ``incidents/_update_*.html``."""

    term: Term | None = None
    is_open: bool = True
    is_empty: bool = False


def shown_digest(client: Client, *, now: dt.datetime) -> tuple[ClientDigest, list[Item]]:
    """The update that waits, else one that is still on its way, else the next one."""
    prepared = current_digest(client, now=now)
    if prepared.pk is None:
        away = client.digests.filter(state=DigestState.SENT, delivered_at=None)
        if under_way := away.select_related("client", "message", "overridden_by").first():
            return under_way, []
    return prepared, gather_items(prepared)


def lay_out(
    digest: ClientDigest, items: list[Item], form: DigestForm, *, by: Actor, now: dt.datetime
) -> Panel:
    """The panel for a form that has been cleaned."""
    panel = Panel(
        reply_to=settings.REPLY_TO_EMAIL,
        is_open=digest.message_id is None,
        is_empty=not items,
        may_send=may(Step.SEND, by=by, now=now),
    )
    if digest.message is not None:
        panel.letter = letter_of(digest.message)
        panel.undo_seconds = _undo_seconds(digest, now=now)
        return panel
    panel.may_write = bool(items) and may(Step.DRAFT, by=by, now=now)
    panel.term = Term(digest.prepared_at if digest.pk else now, digest.due_at)
    written, lines = _written(digest, form), written_items(items, form)
    findings = check_digest(written, lines)
    panel.notes = _notes(digest, lines, findings)
    panel.letter = _letter(written, lines, findings)
    panel.blockers = [
        Mend(item.text, _mend_url(item.client)) for item in missing_of(written, lines)
    ]
    panel.blockers += panel.finding_blockers()
    return panel


def written_items(items: list[Item], form: DigestForm) -> list[Item]:
    """The lines as they would read with what stands in the form."""
    texts = form.texts() if form.is_bound else {}
    return [
        replace(item, edited=" ".join(texts[item.field].split())) if item.field in texts else item
        for item in items
    ]


def suggested(
    digest: ClientDigest, items: list[Item], form: DigestForm, wanted: str
) -> dict[str, str]:
    """The texts with the guard's rewrite put in: of one finding by its fingerprint, or of ``all``
    that block."""
    written = _written(digest, form)
    findings = wanted_findings(check_digest(written, items), wanted)
    return rewritten(texts_of(written, items), findings)


def history_of(client: Client) -> list[ClientDigest]:
    """The updates that are over, the newest first."""
    rows = client.digests.exclude(state=DigestState.PREPARED).select_related("message")
    return list(rows.select_related("overridden_by").prefetch_related("items")[:SHOWN_HISTORY])


def _written(digest: ClientDigest, form: DigestForm) -> ClientDigest:
    """The update as it would read with what stands in the form; not saved."""
    texts = form.texts() if form.is_bound else {}
    return ClientDigest(
        client=digest.client,
        intro=texts.get(INTRO, digest.intro),
        overridden_findings=digest.overridden_findings,
    )


def _letter(digest: ClientDigest, items: list[Item], findings: list[FieldFinding]) -> Letter:
    if not items:
        return Letter(problem="No smaller item is open or newly resolved, so nothing is sent.")

    def render(texts: Mapping[str, str]) -> RenderedMail:
        return render_digest(digest, items, texts)

    return letter_of_texts(texts_of(digest, items), findings, render)


def _notes(digest: ClientDigest, items: list[Item], findings: list[FieldFinding]) -> list[Note]:
    labels = {INTRO: INTRO_LABEL} | {item.field: item.incident.ref for item in items}
    overridden = set(digest.overridden_findings)
    return [
        Note(
            number=number,
            one=one,
            label=labels[one.field],
            explanation=one.finding.explanation,
            is_overridden=one.fingerprint in overridden,
            can_use=True,
        )
        for number, one in enumerate(findings, start=1)
    ]


def _mend_url(client: str) -> str:
    return reverse("incidents:client-edit", args=[client]) if client else ""


def _undo_seconds(digest: ClientDigest, *, now: dt.datetime) -> int:
    message = digest.message
    if message is None or message.state != MessageState.PENDING or message.attempts:
        return 0
    return max(0, round((message.due_at - now).total_seconds()))
