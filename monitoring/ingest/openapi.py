"""What ``/openapi.json`` says; the description itself stands in the file beside this one."""

import hashlib
import json
from functools import cache
from pathlib import Path

from django.conf import settings

SOURCE = Path(__file__).parent / "openapi.json"


@cache
def description() -> tuple[bytes, str]:
    """The description with this place's address, and its ETag."""
    data = json.loads(SOURCE.read_text(encoding="utf-8"))
    data["servers"] = [{"url": settings.SITE_URL.rstrip("/")}]
    content = json.dumps(data, ensure_ascii=False).encode()
    return content, f'"{hashlib.sha256(content).hexdigest()[:32]}"'
