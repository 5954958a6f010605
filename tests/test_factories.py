"""Every factory makes a row that its table accepts, in every status."""

import pytest

from incidents.enums import DeadlineKind, Role, Status
from tests import factories

pytestmark = [pytest.mark.fast, pytest.mark.django_db]

MAKERS = sorted(name for name in vars(factories) if name.startswith("make_"))


@pytest.mark.parametrize("name", MAKERS)
def test_factory_works_without_arguments(name):
    getattr(factories, name)()


@pytest.mark.parametrize("status", Status)
@pytest.mark.parametrize("level", [1, 2, 3, 4])
def test_incident_in_every_status(status, level):
    incident = factories.make_incident(
        status=status, level=level, clients=[factories.make_client()], team=factories.make_team()
    )
    assert incident.status == status
    assert incident.ref == "INC-2026-0001"
    assert not incident.deadlines.filter(breached_at__isnull=False).exists()


def test_incident_has_its_clocks():
    incident = factories.make_incident(status=Status.TRIAGED, level=1)
    kinds = set(incident.deadlines.running().values_list("kind", flat=True))
    assert kinds == {DeadlineKind.ACKNOWLEDGE, DeadlineKind.RESOLVE}


def test_team_signs_in_as_its_roles():
    team = factories.make_team()
    assert team.actor(Role.REVENUE).has_role(Role.REVENUE)
    assert factories.make_team() == team
