"""A web server in a process of its own that answers after a delay: as little work as possible."""

import asyncio
import hashlib
import os
import resource
import urllib.parse
from multiprocessing import get_context


class _Connection(asyncio.Protocol):
    """Answers the requests of a connection one after the other, from answers that are ready."""

    def __init__(self, answers, delay):
        self._answers, self._delay = answers, delay
        self._received = b""

    def connection_made(self, transport):
        self._transport = transport

    def data_received(self, data):
        self._received += data
        while b"\r\n\r\n" in self._received:
            head, _, self._received = self._received.partition(b"\r\n\r\n")
            path = head.split(b" ", 2)[1].decode()
            self._answers["count"] += 1
            answer = self._answers.get(urllib.parse.unquote(path.lstrip("/")))
            asyncio.get_running_loop().call_later(self._delay, self._transport.write, answer)


def _serve(folder, names, delay, pipe):
    answers = {"count": 0}
    for name in names:
        with open(os.path.join(folder, name), "rb") as file:
            body = file.read()
        tag = hashlib.md5(body).hexdigest()
        head = f'HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\nETag: "{tag}"\r\n\r\n'
        answers[name] = head.encode() + body

    async def run():
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: _Connection(answers, delay), "127.0.0.1", 0)
        pipe.send(server.sockets[0].getsockname()[1])
        while (question := await loop.run_in_executor(None, pipe.recv)) is not None:
            used = resource.getrusage(resource.RUSAGE_SELF)
            pipe.send((question, used.ru_utime + used.ru_stime, answers["count"]))

    asyncio.run(run())


class DelayedServer:
    """Serves the files of a folder from memory.

    Attributes:
        url: The address of the folder.
    """

    def __init__(self, folder, names, delay):
        context = get_context("spawn")
        self._pipe, end = context.Pipe()
        self._process = context.Process(target=_serve, args=(folder, names, delay, end))
        self._process.start()
        self.url = f"http://127.0.0.1:{self._pipe.recv()}"

    def usage(self):
        """Returns the seconds of processor time and the number of requests so far."""
        self._pipe.send(True)
        return self._pipe.recv()[1:]

    def close(self):
        self._pipe.send(None)
        self._process.join()
