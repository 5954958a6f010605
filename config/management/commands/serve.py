import socket
import sys
from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError, connection
from django.utils import timezone

from config.health import database_answers, migrations_are_done
from config.schedules import write_schedules
from config.supervisor import ChildPlan, Supervisor
from monitoring.models import Beat
from monitoring.models.beat import CANARY, ENGINE

WEB_THREADS = 4


class Command(BaseCommand):
    help = "Run web server, engine and task cluster together until Ctrl-C."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
        parser.add_argument("--port", type=int, default=settings.PORT, help="port to listen on")
        parser.add_argument("--web-workers", type=int, default=2, help="web processes")
        parser.add_argument("--no-web", action="store_true", help="engine and tasks only")

    def handle(self, *args: Any, **options: Any) -> None:
        self._refuse_if_not_ready()
        write_schedules()
        plans = worker_plans()
        if options["no_web"]:
            self.stdout.write("Engine and task cluster start. Ctrl-C stops them.")
        else:
            host, port = options["host"], options["port"]
            self._refuse_if_port_is_taken(host, port)
            plans.insert(0, web_plan(host, port, options["web_workers"]))
            self.stdout.write(f"Starting on http://{host}:{port} (Ctrl-C stops it).")
        self.stdout.flush()
        connection.close()
        sys.exit(Supervisor(plans, beat_age=beat_age).run())

    def _refuse_if_not_ready(self) -> None:
        if not database_answers():
            raise CommandError("The database does not answer; look at DATABASE_URL.")
        if not migrations_are_done():
            raise CommandError("The database is behind the program: run manage.py migrate.")

    def _refuse_if_port_is_taken(self, host: str, port: int) -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        try:
            with socket.socket(family, socket.SOCK_STREAM) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind((host, port))
        except (OSError, OverflowError) as error:
            raise CommandError(
                f"Cannot listen on {host}:{port} ({getattr(error, 'strerror', error)}); "
                "choose another port with PORT=8001 or --port 8001."
            ) from error


def worker_plans() -> list[ChildPlan]:
    """The engine and the task cluster, each with the beat that proves it alive."""
    manage = [sys.executable, str(settings.BASE_DIR / "manage.py")]
    return [
        ChildPlan("engine", [*manage, "run_engine"], beat=ENGINE),
        ChildPlan("tasks", [*manage, "run_tasks"], beat=CANARY),
    ]


def web_plan(host: str, port: int, workers: int) -> ChildPlan:
    """The web server; it needs no other server in front for static files."""
    command = [sys.executable, "-m", "granian", "--interface", "wsgi", "--no-ws"]
    command += ["--host", host, "--port", str(port), "--workers", str(workers)]
    command += ["--blocking-threads", str(WEB_THREADS), "--respawn-failed-workers"]
    command += ["--workers-kill-timeout", "10", "--log-level", "warning"]
    command += ["--working-dir", str(settings.BASE_DIR), "config.wsgi:application"]
    return ChildPlan("web", command)


def beat_age(name: str) -> timedelta | None:
    """Age of a sign of life, endless before the first one; None while the database cannot tell."""
    try:
        age = Beat.age(name, now=timezone.now())
        return timedelta.max if age is None else age
    except DatabaseError:
        return None
    finally:
        connection.close()
