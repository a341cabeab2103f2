"""Just enough HTTP/2 to hold one gRPC stream, and to stop reading it: in plaintext, headers are not looked at."""
import contextlib
import socket
import struct
import threading
import time

DATA, HEADERS, SETTINGS, PING, WINDOW_UPDATE = 0, 1, 4, 6, 8
ACK, END_HEADERS = 1, 4
INITIAL_WINDOW_SIZE = 4
PLENTY = 1 << 30


def literal(text):
    return bytes([len(text)]) + text.encode()


def headers(path, authority):
    """POST, http, path, authority, content-type and te, with names out of HPACK's static table where it has them."""
    return (b"\x83\x86\x04" + literal(path) + b"\x01" + literal(authority) + b"\x0f\x10" + literal("application/grpc") +
            b"\x00" + literal("te") + literal("trailers"))


class Stream:
    """A gRPC stream; with `stalled` its window is 0: nothing can be sent to it until `read_on`."""

    def __init__(self, address, path, stalled=False):
        host, _, port = address.rpartition(":")
        self._socket = socket.create_connection((host, int(port)), 10)
        self._socket.settimeout(None)
        self._lock = threading.Lock()
        self._stalled = stalled
        self.messages = []  # (when it was whole, its bytes)
        self.ended = False
        self._send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + self._frame(SETTINGS, 0, 0, self._window_setting()))
        if not stalled:
            self._send(self._frame(WINDOW_UPDATE, 0, 0, struct.pack(">I", PLENTY)))
        self._send(self._frame(HEADERS, END_HEADERS, 1, headers(path, address)))
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def send(self, message):
        data = b"\0" + struct.pack(">I", len(message)) + message
        for at in range(0, len(data), 16384):
            self._send(self._frame(DATA, 0, 1, data[at:at + 16384]))

    def read_on(self):
        self._stalled = False
        self._send(self._frame(SETTINGS, 0, 0, self._window_setting()) +
                   self._frame(WINDOW_UPDATE, 0, 0, struct.pack(">I", PLENTY)))

    def close(self):
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._reader.join()
        self._socket.close()

    def _window_setting(self):
        return struct.pack(">HI", INITIAL_WINDOW_SIZE, 0 if self._stalled else PLENTY)

    @staticmethod
    def _frame(kind, flags, stream, payload):
        return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload

    def _send(self, data):
        with self._lock:
            self._socket.sendall(data)

    def _receive(self, count):
        data = bytearray()
        while len(data) < count:
            more = self._socket.recv(count - len(data))
            if not more:
                raise OSError("closed")
            data += more
        return bytes(data)

    def _read(self):
        received = bytearray()
        try:
            while True:
                head = self._receive(9)
                kind, flags = head[3], head[4]
                payload = self._receive(int.from_bytes(head[:3], "big"))
                if kind in (SETTINGS, PING) and not flags & ACK:
                    self._send(self._frame(kind, ACK, 0, payload if kind == PING else b""))
                elif kind == DATA and payload:
                    received += payload
                    more = struct.pack(">I", len(payload))
                    self._send(self._frame(WINDOW_UPDATE, 0, 0, more) + self._frame(WINDOW_UPDATE, 0, 1, more))
                    while len(received) >= 5 and len(received) >= 5 + int.from_bytes(received[1:5], "big"):
                        size = 5 + int.from_bytes(received[1:5], "big")
                        self.messages.append((time.monotonic(), bytes(received[5:size])))
                        del received[:size]
        except OSError:
            self.ended = True
