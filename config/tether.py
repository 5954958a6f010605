"""Starts a program that does not outlive whoever started it.

``python tether.py PID COMMAND …`` becomes COMMAND, and gets SIGTERM when the process PID is
gone, however it went: a `serve` that was killed leaves nobody behind to hold its port. Only Linux
knows such a wish; elsewhere the program is started all the same. Run as a file, so that it costs
no import of ours.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main(parent: int, command: list[str]) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0)
        # It may have gone before the wish was heard.
        if os.getppid() != parent:
            sys.exit(1)
    os.execvp(command[0], command)  # noqa: S606 - our own supervisor's command


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
