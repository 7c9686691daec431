#!/usr/bin/python3
"""socket, select, selectors, multiprocessing.connection."""
import array
import errno
import os
import select
import selectors
import socket
import socketserver
import struct
import threading
from multiprocessing import Pool, Process, Pipe, Queue
from multiprocessing.connection import Client, Listener


def said(call, *args):
    try:
        return call(*args)
    except OSError as error:
        return errno.errorcode[error.errno]


def pairs():
    a, b = socket.socketpair()
    with a, b:
        a.sendall(b"x" * 100_000)
        print(len(b.recv(100_000, socket.MSG_WAITALL)))
        print(b.getsockname(), b.getpeername(), a.getblocking(), a.gettimeout())
        b.settimeout(0.02)
        try:
            b.recv(1)
        except TimeoutError:
            print("timed out")
        a.shutdown(socket.SHUT_WR)
        print(b.recv(1), said(a.send, b"x"))
        with a.makefile("rb") as reader, b.makefile("wb") as writer:
            writer.write(b"one\ntwo\n")
            writer.flush()
            print(reader.readline(), reader.readline())


def files():
    a, b = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    r, w = os.pipe()
    socket.send_fds(a, [b"files"], [r, w])
    data, fds, flags, address = socket.recv_fds(b, 100, 10)
    print(data, len(fds), flags, address)
    os.write(fds[1], b"through")
    print(os.read(r, 100))
    for fd in (r, w, *fds):
        os.close(fd)
    b.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
    a.send(b"who")
    data, ancillary, flags, address = b.recvmsg(10, socket.CMSG_SPACE(12))
    (level, kind, creds), = ancillary
    pid, uid, gid = struct.unpack("3i", creds)
    print(data, kind == socket.SCM_CREDENTIALS, pid == os.getpid(), uid == os.getuid(), gid)
    for i in range(20):
        socket.send_fds(a, [b"n%d" % i], [a.fileno()])
    a.close()
    b.close()


def ready():
    with selectors.DefaultSelector() as s:
        ends = [socket.socketpair() for _ in range(50)]
        for i, (a, b) in enumerate(ends):
            s.register(a, selectors.EVENT_READ, i)
        for i in (3, 30, 41):
            ends[i][1].send(b"x")
        print(type(s).__name__, sorted(key.data for key, _ in s.select(1)))
        poll = select.poll()
        for a, b in ends:
            poll.register(a, select.POLLIN)
        print(len(poll.poll(0)))
        print(len(select.select([a for a, b in ends], [b for a, b in ends], [], 0)[1]))
        for a, b in ends:
            a.close()
            b.close()


class Handler(socketserver.StreamRequestHandler):
    def handle(self):
        for line in self.rfile:
            self.wfile.write(line[::-1].strip() + b"\n")


def server():
    with socketserver.ThreadingUnixStreamServer("served", Handler) as s:
        thread = threading.Thread(target=s.serve_forever, args=(0.01,))
        thread.start()
        for n in range(10):
            with socket.socket(socket.AF_UNIX) as c:
                c.connect("served")
                c.sendall(f"hello {n}\n".encode())
                c.shutdown(socket.SHUT_WR)
                print(c.makefile().read().strip())
        s.shutdown()
        thread.join()


def square(n):
    return n * n


def child(connection, queue):
    while (n := connection.recv()) is not None:
        queue.put(n + 1)
    connection.send("bye")


def processes():
    with Listener("listening", "AF_UNIX") as listener:
        def talk():
            with Client("listening", "AF_UNIX") as c:
                c.send({"text": "x" * 100_000})
                c.send_bytes(array.array("i", range(5)))
        thread = threading.Thread(target=talk)
        thread.start()
        with listener.accept() as c:
            print(len(c.recv()["text"]), list(array.array("i", c.recv_bytes())))
        thread.join()
    ours, theirs = Pipe()
    queue = Queue()
    process = Process(target=child, args=(theirs, queue))
    process.start()
    for n in range(5):
        ours.send(n)
    print([queue.get() for _ in range(5)])
    ours.send(None)
    print(ours.recv())
    process.join()
    print(process.exitcode)
    with Pool(3) as pool:
        print(sum(pool.map(square, range(200))))


for part in (pairs, files, ready, server, processes):
    print("--", part.__name__, flush=True)
    part()
