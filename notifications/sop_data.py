"""Loads the mail templates that the procedure names, without touching what staff edited."""

import tomllib
from pathlib import Path

from django.db import transaction

from notifications.models import EmailTemplate

TEMPLATES_FILE = Path(__file__).parent / "data" / "templates.toml"


def read_templates() -> list[dict[str, str]]:
    """The templates as shipped: name, title, subject, body."""
    rows = tomllib.loads(TEMPLATES_FILE.read_text(encoding="utf-8"))["template"]
    return [{**row, "body": row["body"].strip() + "\n"} for row in rows]


@transaction.atomic
def load_templates() -> dict[str, int]:
    """Create the templates that are missing; existing ones stay as they are (M1).

    Returns how many were created and how many were kept.
    """
    existing = set(EmailTemplate.objects.values_list("name", flat=True))
    missing = [row for row in read_templates() if row["name"] not in existing]
    for row in missing:
        EmailTemplate.objects.create(**row)
    return {"created": len(missing), "kept": len(existing)}
