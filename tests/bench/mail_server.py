"""A mail server that does nothing but take mail: as fast as one in Python can be.

Run as a program of its own; it prints its port, and then answers `count` on standard input with
how many mails it has taken.
"""

import asyncio
import sys

GREETING = b"220 bench ESMTP\r\n"
ABILITIES = b"250-bench\r\n250-8BITMIME\r\n250 SIZE 10000000\r\n"
END_OF_MAIL = b"\r\n.\r\n"


class Taker(asyncio.Protocol):
    """One connection; a mail's text is thrown away and counted."""

    taken = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.waiting = b""
        self.is_mail = False
        transport.write(GREETING)

    def data_received(self, data: bytes) -> None:
        self.waiting += data
        while self._takes_one():
            pass

    def _takes_one(self) -> bool:
        """Whether a whole line, or a whole mail, was there to be answered."""
        end = END_OF_MAIL if self.is_mail else b"\r\n"
        part, found, rest = self.waiting.partition(end)
        if not found:
            return False
        self.waiting = rest
        if self.is_mail:
            self.is_mail = False
            Taker.taken += 1
            self.transport.write(b"250 2.0.0 taken\r\n")
        else:
            self._answer(part[:4].upper())
        return True

    def _answer(self, word: bytes) -> None:
        self.is_mail = word == b"DATA"
        if word == b"EHLO":
            self.transport.write(ABILITIES)
        elif word == b"QUIT":
            self.transport.write(b"221 bye\r\n")
            self.transport.close()
        else:
            self.transport.write(b"354 go\r\n" if self.is_mail else b"250 ok\r\n")


async def main() -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Taker, "127.0.0.1", 0)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    while await loop.run_in_executor(None, sys.stdin.readline):
        sys.stdout.write(f"{Taker.taken}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main())
