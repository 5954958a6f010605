"""Writing the demonstration (``manage.py seed_demo``)."""

import datetime as dt
from dataclasses import dataclass

from django.contrib.auth.models import User
from django.db import transaction

from incidents.demo.cast import Account, DemonstrationError, make_cast
from incidents.demo.replay import Replay
from incidents.demo.stories import STORIES
from incidents.models import Client, Incident, Severity, System

__all__ = ["Account", "Seeded", "is_empty", "seed_demonstration"]


@dataclass(frozen=True, slots=True)
class Seeded:
    """What was written; the passwords are nowhere else."""

    accounts: list[Account]
    clients: int
    systems: int
    references: list[str]


def is_empty() -> bool:
    """Whether nothing but the SOP's data is in the database yet."""
    managers = (User.objects, Client.objects, System.objects, Incident.objects)
    return not any(manager.exists() for manager in managers)


def seed_demonstration(*, now: dt.datetime) -> Seeded:
    """Write accounts, clients, systems and one incident in each status, all marked demo.

    The incidents lie in the days before ``now`` and were taken through the real workflow. All
    or nothing. Raises DemonstrationError where one exists already or its names are taken.
    """
    with transaction.atomic():
        if Client.objects.filter(is_demo=True).exists():
            raise DemonstrationError("There is a demonstration already. clear_demo removes it.")
        if not Severity.objects.exists():
            raise DemonstrationError("The SOP is not loaded yet. Run manage.py load_sop first.")
        cast, accounts = make_cast(now=now)
        Replay(cast, until=now).play(STORIES)
    refs = Incident.objects.filter(is_demo=True).order_by("id").values_list("ref", flat=True)
    return Seeded(accounts, len(cast.clients), len(cast.systems), list(refs))
