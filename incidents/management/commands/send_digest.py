import datetime as dt
from typing import Any

from django.core.management.base import CommandParser

from incidents.command_line import IncidentCommand, Outcome, find_client, shell_actor
from incidents.digests import (
    current_digest,
    digest_data,
    edit_digest,
    send_digest,
    skip_digest,
)
from incidents.errors import WorkflowError


class Command(IncidentCommand):
    help = (
        "Send a client's scheduled update as its page does, with the same refusals. --preview "
        "prints what it would say and changes nothing."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("client", metavar="CLIENT", help="the client's slug")
        parser.add_argument("--as", dest="username", metavar="USERNAME", help="who does it")
        parser.add_argument("--intro", metavar="TEXT", help="the introduction, replaced")
        parser.add_argument("--skip", metavar="REASON", help="leave this week's update out")
        parser.add_argument("--preview", action="store_true", help="only print what it would say")

    def run(self, options: dict[str, Any], *, now: dt.datetime) -> Outcome:
        client = find_client(options["client"])
        actor = shell_actor(options["username"])
        if options["preview"]:
            if options["skip"] or options["intro"]:
                raise WorkflowError("--preview changes nothing: give it alone.")
            data = digest_data(current_digest(client, now=now))
            return Outcome(data["text"] or f"Nothing to say to {client}.", data)
        if options["skip"]:
            digest = skip_digest(client, reason=options["skip"], by=actor, now=now)
            return Outcome(f"{client}: left out this week.", {"ok": True, **digest_data(digest)})
        if options["intro"] is not None:
            edit_digest(client, {"intro": options["intro"]}, by=actor, now=now)
        digest = send_digest(client, by=actor, now=now)
        data = {"ok": True, **digest_data(digest)}
        return Outcome(f"{client}: scheduled update sent off, {len(data['items'])} items.", data)
