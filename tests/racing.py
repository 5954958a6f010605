"""Processes of ours that are let go at the same moment, on the test database."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

from tests.places import ROOT, database_url

RACERS = 4


def race(script: str, *calls: Sequence[str], seconds: float, **more: str) -> list[Any]:
    """Start the script once with each call's arguments, let all go, return what each printed.

    The script sets Django up, prints "ready", waits for a line, and prints one thing as JSON. All
    have to end well within ``seconds``. ``more`` is added to their environment.
    """
    environment = os.environ | {
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "DATABASE_URL": database_url(),
        **more,
    }
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", script, *arguments],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for arguments in calls
    ]
    for racer in racers:
        assert racer.stdout
        assert racer.stdout.readline() == "ready\n"
    for racer in racers:
        assert racer.stdin
        racer.stdin.write("go\n")
        racer.stdin.flush()
    outputs = [racer.communicate(timeout=seconds)[0] for racer in racers]
    assert [racer.returncode for racer in racers] == [0] * len(racers)
    return [json.loads(output) for output in outputs]
