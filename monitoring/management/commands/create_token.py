import datetime as dt
from typing import Any

from django.core.management.base import CommandParser

from incidents.command_line import IncidentCommand, Outcome, shell_actor
from monitoring.ingest.tokens import create_token
from notifications.instants import instant


class Command(IncidentCommand):
    help = "Make a token for a machine that posts; it is shown only this once (rule A3)."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("name", help="who will use it")
        parser.add_argument(
            "--scope",
            action="append",
            default=[],
            help="metrics, metrics:<slug>, alertmanager or report; repeatable",
        )
        parser.add_argument("--expires", type=instant, metavar="ISO", help="refused from then on")
        parser.add_argument("--as", dest="username", metavar="USERNAME", help="who makes it")

    def run(self, options: dict[str, Any], *, now: dt.datetime) -> Outcome:
        row, token = create_token(
            options["name"],
            scopes=options["scope"],
            by=shell_actor(options["username"]),
            now=now,
            expires_at=options["expires"],
        )
        expires = row.expires_at.isoformat() if row.expires_at else None
        line = f"Token for {row.name} ({', '.join(row.scopes)}), shown only now: {token}"
        return Outcome(
            line, {"token": token, "name": row.name, "scopes": row.scopes, "expires_at": expires}
        )
