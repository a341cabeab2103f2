"""Calls a method at a steady rate through gRPC Python's own xDS client, and says how each call ended.

usage: caller.py TARGET METHOD RATE
For each call a line on stdout, as generator.py has it: START END ANSWER, where ANSWER is the response or "failed:WHY". For
a line on stdin a line "config HEX": what the client has of xDS, as its CSDS service would say it. Ends with its stdin.
"""
import sys
import threading
import time

import grpc
from grpc._cython import cygrpc

TIMEOUT_SECONDS = 10
WORKERS = 4


def work(call, interval, offset, out, stopped):
    due = time.monotonic() + offset
    while not stopped.wait(max(0, due - time.monotonic())):
        start = time.monotonic()
        try:
            answer = call(b"who", timeout=TIMEOUT_SECONDS).decode()
        except grpc.RpcError as error:
            answer = "failed:%s_%s" % (error.code().name, "_".join(error.details().split()))
        out("%.6f %.6f %s" % (start, time.monotonic(), answer))
        # A stall is made up for by at most a few calls at once.
        due = max(due + interval, start - 5 * interval)


def main():
    target, method, rate = sys.argv[1], sys.argv[2], float(sys.argv[3])
    channel = grpc.insecure_channel(target)
    call = channel.unary_unary(method)
    stopped = threading.Event()
    lock = threading.Lock()

    def out(line):
        with lock:
            print(line, flush=True)

    threads = [threading.Thread(target=work, args=(call, WORKERS / rate, i / rate, out, stopped)) for i in range(WORKERS)]
    for thread in threads:
        thread.start()
    for _ in sys.stdin:
        out("config " + cygrpc.dump_xds_configs().hex())
    stopped.set()
    for thread in threads:
        thread.join()
    channel.close()


if __name__ == "__main__":
    main()
