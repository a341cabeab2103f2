"""HTTP servers that answer every request with their own name; one for /slow after SLOW_SECONDS.

usage: upstream.py NAME...   prints one JSON object of name -> port, then serves until stdin ends
"""
import asyncio
import json
import sys


SLOW_SECONDS = 0.4


class Server(asyncio.Protocol):
    def __init__(self, answer):
        self.answer = answer
        self.received = b""

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.received += data
        while b"\r\n\r\n" in self.received:
            request, self.received = self.received.split(b"\r\n\r\n", 1)
            if request.split(b" ", 2)[1] == b"/slow":
                asyncio.get_running_loop().call_later(SLOW_SECONDS, self.transport.write, self.answer)
            else:
                self.transport.write(self.answer)


async def main(names):
    ports = {}
    for name in names:
        answer = ("HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s" % (len(name), name)).encode()
        server = await asyncio.get_running_loop().create_server(lambda a=answer: Server(a), "127.0.0.1", 0)
        ports[name] = server.sockets[0].getsockname()[1]
    print(json.dumps(ports), flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
