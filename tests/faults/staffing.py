"""A staffed agency whose founder reads Telegram: `python -m tests.faults.staffing 100`.

With so many systems, so that no incident looks like another; the orchestrator has a password.
"""

import sys

import django

FOUNDERS_CHAT = "4711"


def main(systems: int) -> None:
    from tests import factories

    factories.make_sop()
    team = factories.make_team()
    team.founder.telegram_chat = FOUNDERS_CHAT
    team.founder.channel = "telegram"
    team.founder.save()
    user = team.orchestrator.user
    user.set_password(factories.PASSWORD)
    user.save()
    for number in range(systems):
        factories.make_system(name=f"Agent {number}", slug=f"agent-{number}")


if __name__ == "__main__":
    django.setup()
    main(int(sys.argv[1]))
