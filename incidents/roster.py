"""Who acts for whom, read once for a whole batch."""

import datetime as dt

from incidents.enums import Owner, Rank, Role
from incidents.models import Incident, Responder
from incidents.models.responder import first_present


class Roster:
    """The people of the agency at an instant, read in one query."""

    def __init__(self, *, at: dt.datetime) -> None:
        self.at = at
        rows = Responder.objects.select_related("user").order_by("role", "pk")
        self._everybody = {person.pk: person for person in rows}
        self._active = [person for person in rows if person.is_active]

    def on_duty(self, role: str) -> Responder | None:
        """As ``Responder.objects.on_duty``: the primary, the backup while the primary is away."""
        return first_present(self._ranked(role), at=self.at)

    def stand_in(self, person: Responder) -> Responder | None:
        """Who else holds a person's role, somebody who is not away first (rule E9)."""
        others = [one for one in self._ranked(person.role) if one.pk != person.pk]
        return first_present(others, at=self.at)

    def backup_of(self, role: str) -> Responder | None:
        """The backup of a role, away or not."""
        return next((one for one in self._ranked(role) if one.rank == Rank.BACKUP), None)

    def acting_owner(self, incident: Incident, owner: str) -> Responder | None:
        """The owner of an incident, or who stands in while they are away."""
        person = self._owner(incident, owner)
        if person and person.is_away(at=self.at):
            return self.on_duty(person.role)
        return person

    def coordinator(self, incident: Incident) -> Responder | None:
        """The coordinator; the orchestrator on duty where that one is away or not set."""
        person = self._owner(incident, Owner.COORDINATOR)
        if person and not person.is_away(at=self.at):
            return person
        return self.on_duty(Role.ORCHESTRATOR) or person

    def _owner(self, incident: Incident, owner: str) -> Responder | None:
        pk = {
            Owner.COORDINATOR: incident.coordinator_id,
            Owner.TECHNICAL: incident.technical_owner_id,
            Owner.COMMUNICATIONS: incident.communications_owner_id,
        }[Owner(owner)]
        return self._everybody.get(pk) if pk else None

    def _ranked(self, role: str) -> list[Responder]:
        people = [person for person in self._active if person.role == role]
        return sorted(people, key=lambda one: one.rank != Rank.PRIMARY)
