"""The SOP's monitoring checklist (rule K8) and the block lists (K10), loaded from ``data/``."""

from collections import Counter
from pathlib import Path
from typing import Any

from incidents.sop_data import Counts, create_missing, create_missing_lines, read_data
from monitoring.models import BlockList, Checklist

DATA = Path(__file__).parent / "data"


def load_checklists() -> Counts:
    """The daily, the weekly and the monthly checklist, and the CRM review (rule K9)."""
    rows = [
        {name: value for name, value in checklist.items() if name != "item"}
        for checklist in _checklists()
    ]
    return create_missing(Checklist.objects, rows, key=("period",))


def load_checklist_items() -> Counts:
    """The items of the checklists, one for each box of the SOP."""
    items = Counter({"created": 0, "kept": 0})
    for data in _checklists():
        checklist = Checklist.objects.get(period=data["period"])
        items.update(create_missing_lines(checklist.items, data["item"]))
    return dict(items)


def load_block_lists() -> Counts:
    """The DNS block lists that are asked about sending domains."""
    rows = read_data(DATA / "block_lists.toml")["list"]
    return create_missing(BlockList.objects, rows, key=("zone",))


def _checklists() -> list[dict[str, Any]]:
    return list(read_data(DATA / "checklists.toml")["checklist"])
