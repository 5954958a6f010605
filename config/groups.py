"""The Django groups of the roles, with their permissions in the admin (rule A1)."""

from pathlib import Path
from typing import Any

from django.contrib.auth.models import Group, Permission
from django.db.models import Q, QuerySet

from incidents.sop_data import Counts, read_data

DATA = Path(__file__).parent / "data"


def load_groups() -> Counts:
    """Create the groups that are missing; a group that is there keeps the permissions it has."""
    data = read_data(DATA / "groups.toml")
    counts = {"created": 0, "kept": 0}
    for row in data["group"]:
        group, is_new = Group.objects.get_or_create(name=row["name"])
        if is_new:
            group.permissions.set(_permissions(row, policies=data["policies"]))
        counts["created" if is_new else "kept"] += 1
    return counts


def _permissions(row: dict[str, Any], *, policies: list[str]) -> QuerySet[Permission]:
    wanted = Q(content_type__app_label__in=row.get("apps", []))
    if row.get("policies"):
        for name in policies:
            app, _, codename = name.partition(".")
            wanted |= Q(content_type__app_label=app, codename=codename)
    return Permission.objects.filter(wanted)
