"""The demonstration, and clear_demo beside real records.

It is seeded once for all tests here: each works in a savepoint that is rolled back.
"""

import datetime as dt
from io import StringIO

import pytest
from django.apps import apps
from django.contrib.auth.models import Group, User
from django.core.management import CommandError, call_command
from django.db import transaction

from incidents.demo import clear_demonstration, seed_demonstration
from incidents.enums import Level, MailKind, Role, Source, Status, ToldVia
from incidents.models import (
    AffectedClient,
    Client,
    ClientMail,
    Deadline,
    Escalation,
    Incident,
    Responder,
    System,
    TimelineEntry,
)
from incidents.sweeping import sweep
from notifications.enums import MessageState
from notifications.models import DeliveryAttempt, Message
from tests.factories import (
    NOW,
    make_affected,
    make_client,
    make_dependency,
    make_entry,
    make_incident,
)

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def seeded(django_db_setup, django_db_blocker):
    with django_db_blocker.unblock(), transaction.atomic():
        call_command("load_sop", stdout=StringIO())
        yield seed_demonstration(now=NOW)
        transaction.set_rollback(True)


@pytest.fixture
def demo(seeded, db):
    return seeded


def run(command: str, *arguments: str) -> str:
    out = StringIO()
    call_command(command, *arguments, stdout=out)
    return out.getvalue()


def count_rows() -> dict[str, int]:
    return {model._meta.label: model._base_manager.count() for model in apps.get_models()}


# What is written -------------------------------------------------------------------------


def test_one_incident_in_each_status(demo):
    statuses = list(Incident.objects.values_list("status", flat=True))
    assert sorted(statuses) == sorted(Status.values)
    levels = set(Incident.objects.values_list("severity", flat=True))
    assert levels == {*Level.values, None}


def test_references_are_the_demonstrations_own(demo):
    assert demo.references == [f"DEMO-{number:04d}" for number in range(1, 8)]
    assert make_incident().ref == "INC-2026-0001"


def test_everything_is_marked(demo):
    marked = (Client, System, Incident, TimelineEntry, Message, Escalation)
    for model in marked:
        assert model.objects.exists()
        assert not model.objects.filter(is_demo=False).exists()


def test_clients_are_of_both_tiers_and_several_zones(demo):
    tiers = set(Client.objects.values_list("tier", flat=True))
    zones = set(Client.objects.values_list("time_zone", flat=True))
    assert tiers == {"standard", "premium"}
    assert zones >= {"Europe/London", "America/New_York"}


def test_third_parties_have_vendors_backups_and_only_channels(demo):
    assert {"HubSpot", "Instantly", "Instantly.ai", "OpenRouter"} <= set(
        System.objects.vendor_names()
    )
    assert System.objects.get(slug="outreach-sending").backup == System.objects.get(
        vendor="Smartlead"
    )
    assert System.objects.filter(dependencies__is_only_channel=True).exists()


def test_accounts_have_their_roles_and_work(demo):
    assert [account.username for account in demo.accounts] == [
        "alfred",
        "devin",
        "rick",
        "clayton",
        "laura",
        "admin",
    ]
    for account in demo.accounts:
        user = User.objects.get(username=account.username)
        assert user.check_password(account.password)
        assert len(account.password) >= 12
        assert [group.name for group in user.groups.all()] == account.groups
    groups = {name for account in demo.accounts for name in account.groups}
    assert groups == set(Group.objects.values_list("name", flat=True))


def test_responders_are_joined_to_the_accounts(demo):
    rick = Responder.objects.get(role=Role.REVENUE)
    assert (str(rick.user), rick.email) == ("rick", "rick@leadspanther.example")
    assert not rick.is_demo


def test_every_address_is_an_example(demo):
    addresses = [
        *User.objects.values_list("email", flat=True),
        *Client.objects.values_list("contact_email", flat=True),
        *Responder.objects.values_list("email", flat=True),
        *Message.objects.values_list("recipient", flat=True),
    ]
    assert addresses
    assert [address for address in addresses if not address.endswith(".example")] == []


def test_nothing_waits_to_be_sent(demo):
    assert set(Message.objects.values_list("state", flat=True)) == {MessageState.SENT}
    attempts = DeliveryAttempt.objects.values_list("by", flat=True)
    assert set(attempts) == {"demonstration"}
    assert attempts.count() == Message.objects.count()


def test_clients_of_severe_incidents_were_told_by_mail(demo):
    rows = AffectedClient.objects.filter(incident__severity__lte=Level.SEV2)
    assert rows.count() == 5
    for row in rows:
        assert row.told_via == ToldVia.MAIL
    kinds = set(ClientMail.objects.values_list("draft__kind", flat=True))
    assert kinds >= {
        MailKind.NOTIFICATION,
        MailKind.UPDATE,
        MailKind.WORKAROUND,
        MailKind.RESOLVED,
        MailKind.POSTMORTEM,
    }


def test_timeline_is_in_the_order_of_time(demo):
    for incident in Incident.objects.all():
        entries = incident.timeline.order_by("id")
        recorded = [entry.recorded_at for entry in entries]
        assert recorded == sorted(recorded)
        assert recorded[-1] <= NOW
        assert len(recorded) == incident.entry_count


def test_clocks_are_kept_but_for_none(demo):
    late = Deadline.objects.counted().filter(breached_at__isnull=False)
    assert [str(deadline) for deadline in late] == []
    overdue = Deadline.objects.running().filter(next_event_at__lte=NOW)
    assert not overdue.exists()


def test_warnings_were_written_on_the_way(demo):
    assert TimelineEntry.objects.filter(kind="warning").exists()


def test_founder_saw_each_sev1(demo):
    severe = Incident.objects.filter(severity=Level.SEV1)

    seen = Escalation.objects.filter(rule="E1", acknowledged_at__isnull=False)
    assert {escalation.incident for escalation in seen} == set(severe)
    outage = Escalation.objects.filter(rule="E5", incident__status=Status.CLOSED)
    assert outage.exists()
    assert not outage.filter(acknowledged_at=None).exists()


# seed_demo and clear_demo beside it -----------------------------------------------------


def test_seed_demo_again_is_refused_and_changes_nothing(demo):
    before = count_rows()
    with pytest.raises(CommandError, match="There is a demonstration already"):
        run("seed_demo")
    assert count_rows() == before


def test_seed_again_after_clear_starts_at_one(demo):
    clear_demonstration()
    assert seed_demonstration(now=NOW).references[0] == "DEMO-0001"


def test_real_incident_beside_it_survives(demo):
    incident = make_incident(status=Status.TRIAGED, clients=[make_client()])
    make_entry(incident)
    report = clear_demonstration()
    incident.refresh_from_db()
    assert incident.timeline.count() == 1
    assert incident.affected.count() == 1
    assert list(Incident.objects.all()) == [incident]
    assert report.kept == []


def test_demo_client_of_a_real_incident_is_kept_and_named(demo):
    client = Client.objects.get(slug="halden-solar")
    make_affected(make_incident(), client)
    out = run("clear_demo")
    assert "Kept: Halden Solar (a real record leans on it)" in out
    assert list(Client.objects.all()) == [client]
    assert client.sending_domains.count() == 2


def test_demo_system_of_a_real_incident_is_kept_and_named(demo):
    system = System.objects.get(slug="weekly-dashboard")
    make_incident(systems=[system])
    assert clear_demonstration().kept == ["Weekly dashboard (an incident leans on it)"]
    assert list(System.objects.all()) == [system]


def test_demo_system_of_a_real_client_is_kept(demo):
    dependency = make_dependency(system=System.objects.get(slug="enrichment"))
    assert clear_demonstration().kept == ["Lead enrichment (a client leans on it)"]
    dependency.refresh_from_db()


def test_demo_incident_that_a_real_one_follows_is_kept_whole(demo):
    closed = Incident.objects.get(status=Status.CLOSED)
    entries = closed.timeline.count()
    make_incident(follows=closed)
    kept = clear_demonstration().kept
    assert f"{closed.ref} (a real incident refers to it)" in kept
    closed.refresh_from_db()
    assert closed.timeline.count() == entries
    assert Message.objects.filter(reference=closed.ref).exists()
    assert Client.objects.filter(slug="kestrel-homes").exists()


def test_account_that_did_something_is_kept_with_its_responder(demo):
    rick = User.objects.get(username="rick")
    make_entry(make_incident(), actor=rick)
    assert clear_demonstration().kept == ["account rick (it did something of its own)"]
    assert list(User.objects.all()) == [rick]
    assert Responder.objects.get(role=Role.REVENUE).user == rick


def test_account_whose_address_was_changed_is_somebody_elses(demo):
    User.objects.filter(username="admin").update(email="admin@agency.test")
    clear_demonstration()
    assert [user.username for user in User.objects.all()] == ["admin"]


def test_account_that_changed_a_policy_is_kept(demo):
    alfred = User.objects.get(username="alfred")
    client = make_client()
    client.notes = "Changed."
    vars(client)["_history_user"] = alfred
    client.save()
    assert "account alfred (it did something of its own)" in clear_demonstration().kept


def test_stand_in_of_a_real_incident_is_kept(demo):
    backup = Responder.objects.get(role=Role.FOUNDER, is_demo=True)
    make_incident(coordinator=backup)
    kept = clear_demonstration().kept
    assert "Alfred (a real record leans on it)" in kept
    assert Responder.objects.filter(pk=backup.pk).exists()


def test_demo_goes_on_living_before_it_is_cleared(demo):
    incident = Incident.objects.get(status=Status.DETECTED)
    assert incident.source == Source.CLIENT_REPORT
    make_entry(incident)
    assert sweep(now=NOW + dt.timedelta(days=30)).breaches
    clear_demonstration()
    assert not Incident.objects.exists()
    assert not Message.objects.exists()
