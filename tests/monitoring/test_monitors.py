import pytest
from django.db import IntegrityError

from monitoring.enums import Kind, State
from tests.factories import make_monitor

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("kind", list(Kind))
def test_every_monitor_has_a_status_K1(kind: str) -> None:
    assert make_monitor(kind).status.state == State.NEW


@pytest.mark.parametrize(
    "fields", [{"cron": "0 2 * * *", "period_seconds": 60}, {"cron": "", "period_seconds": None}]
)
def test_a_job_has_one_schedule(fields: dict[str, object]) -> None:
    with pytest.raises(IntegrityError):
        make_monitor(**fields)
