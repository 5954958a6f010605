from typing import Any

from django.core.management.base import BaseCommand

from config.cluster import run_cluster


class Command(BaseCommand):
    help = "The task cluster: schedules, checklists and probes. Two copies may run."

    def handle(self, *args: Any, **options: Any) -> None:
        run_cluster()
