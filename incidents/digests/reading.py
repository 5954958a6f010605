"""The update as the client reads it, and what the wording guard says of it (M4, M5, M9)."""

from collections.abc import Iterable, Mapping
from itertools import groupby

from incidents.correspondence.rendering import FieldFinding
from incidents.digests.gathering import Item
from incidents.enums import DigestPart
from incidents.models import Client, ClientDigest, System
from notifications.models import EmailTemplate
from notifications.templating import RenderedMail
from notifications.wording import check_wording

TEMPLATE = "client-digest"
INTRO = "intro"
INTRO_LABEL = "Introduction"


def texts_of(digest: ClientDigest, items: Iterable[Item]) -> dict[str, str]:
    """Everything in the update that a person may have typed, by the name of its field."""
    return {INTRO: digest.intro} | {item.field: item.text for item in items}


def render_digest(
    digest: ClientDigest, items: list[Item], texts: Mapping[str, str] | None = None
) -> RenderedMail:
    """The mail the client would get; ``texts`` stand in for those of the update.

    Raises TemplateError where the template does not render.
    """
    texts = texts or texts_of(digest, items)
    parts = [texts[INTRO].strip()] if texts[INTRO].strip() else []
    for part, lines in groupby(items, key=lambda item: item.part):
        said = "\n".join(f"- {texts[item.field]}" for item in lines)
        parts.append(f"{DigestPart(part).label}:\n{said}")
    template = EmailTemplate.objects.get(name=TEMPLATE)
    return template.render(
        {
            "recipient_name": digest.client.greeting,
            "items": "\n\n".join(parts),
            "next_update": "",
        }
    )


def check_digest(digest: ClientDigest, items: list[Item]) -> list[FieldFinding]:
    """Every wording finding in the introduction and the lines."""
    vendors = System.objects.vendor_names()
    clients = list(Client.objects.values_list("name", flat=True))
    return [
        FieldFinding(name, finding)
        for name, text in texts_of(digest, items).items()
        if text
        for finding in check_wording(text, kind="digest", vendors=vendors, clients=clients)
    ]


def blocking_of(digest: ClientDigest, findings: Iterable[FieldFinding]) -> list[FieldFinding]:
    """Findings that block and are not covered by an override."""
    covered = set(digest.overridden_findings)
    return [one for one in findings if one.is_blocking and one.fingerprint not in covered]
