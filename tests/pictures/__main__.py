"""`make pictures`. Everything it starts ends with it, also when something fails."""

import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

from playwright.sync_api import Error, sync_playwright

from tests.chromium import FLAGS, find_chromium
from tests.pictures.album import Album
from tests.pictures.program import PictureError, running
from tests.pictures.story import tell
from tests.places import ROOT

FOLDER = ROOT / "docs" / "pictures"


def main() -> None:
    executable = find_chromium()
    if executable is None:
        sys.exit("Chromium is missing: apt-get install chromium fonts-liberation")
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: sys.exit("Stopped: no pictures."))
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="pictures-") as name:
        try:
            taken = take_all(executable, Path(name))
        except (PictureError, Error, AssertionError) as error:
            sys.exit(f"No pictures: {error}")
        FOLDER.mkdir(parents=True, exist_ok=True)
        for path in taken:
            shutil.copyfile(path, FOLDER / path.name)
    sizes = [(FOLDER / path.name).stat().st_size / 1024 for path in taken]
    for path, size in zip(taken, sizes, strict=True):
        say(f"{FOLDER.relative_to(ROOT)}/{path.name}  {size:.0f} KiB")
    say(f"{len(taken)} pictures, {sum(sizes):.0f} KiB, {time.monotonic() - began:.0f} s")


def take_all(executable: str, folder: Path) -> list[Path]:
    """All of them, in a folder that goes: half a story replaces nothing."""
    with (
        running(folder) as program,
        sync_playwright() as playwright,
        playwright.chromium.launch(executable_path=executable, args=FLAGS) as browser,
    ):
        album = Album(browser, program, folder)
        tell(album)
        return album.taken


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
