"""Sends HTTP requests at a steady rate over connections that stay open, and says how each ended.

usage: generator.py PORT RATE CONNECTIONS
For each request a line on stdout: START END ANSWER, in seconds of the system's monotonic clock; ANSWER is the body of a
200, "status:NNN" for another answer, or "failed:WHY". Serves until stdin ends.
"""
import socket
import sys
import threading
import time

REQUEST = b"GET /first HTTP/1.1\r\nhost: test\r\n\r\n"
TIMEOUT_SECONDS = 5


class Connection:
    """One HTTP/1.1 connection; opened when needed and after the server closed it."""

    def __init__(self, port):
        self.port = port
        self.socket = None

    def close(self):
        if self.socket is not None:
            self.socket.close()
            self.socket = None

    def ask(self):
        """The answer to one request, as the lines on stdout have it."""
        try:
            if self.socket is None:
                self.socket = socket.create_connection(("127.0.0.1", self.port), TIMEOUT_SECONDS)
                self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.socket.sendall(REQUEST)
            head, body = b"", b""
            while b"\r\n\r\n" not in head:
                data = self.socket.recv(65536)
                if not data:
                    raise OSError("closed before an answer")
                head += data
            head, body = head.split(b"\r\n\r\n", 1)
            lines = head.decode("latin-1").lower().split("\r\n")
            length = next((int(line[15:]) for line in lines if line.startswith("content-length:")), 0)
            while len(body) < length:
                data = self.socket.recv(65536)
                if not data:
                    raise OSError("closed within an answer")
                body += data
            if "connection: close" in lines:
                self.close()
            status = lines[0].split()[1]
            return body.decode("latin-1") if status == "200" else "status:" + status
        except OSError as error:
            self.close()
            return "failed:" + str(error).replace(" ", "_")


def work(port, interval, offset, out, stopped):
    connection = Connection(port)
    due = time.monotonic() + offset
    while not stopped.wait(max(0, due - time.monotonic())):
        start = time.monotonic()
        answer = connection.ask()
        out("%.6f %.6f %s\n" % (start, time.monotonic(), answer))
        # A stall is made up for by at most a few requests at once.
        due = max(due + interval, start - 5 * interval)


def main():
    port, rate, connections = int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3])
    stopped = threading.Event()
    lock = threading.Lock()

    def out(line):
        with lock:
            sys.stdout.write(line)
            sys.stdout.flush()

    threads = [threading.Thread(target=work, args=(port, connections / rate, i / rate, out, stopped))
               for i in range(connections)]
    for thread in threads:
        thread.start()
    sys.stdin.read()
    stopped.set()


if __name__ == "__main__":
    main()
