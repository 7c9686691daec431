#!/usr/bin/python3
"""asyncio: streams over UNIX sockets, datagrams, processes, signals, timers, threads."""
import asyncio
import os
import signal
import socket


async def serve(reader, writer):
    while line := await reader.readline():
        writer.write(line.upper())
        await writer.drain()
    writer.close()
    await writer.wait_closed()


async def call(path, number):
    reader, writer = await asyncio.open_unix_connection(path)
    answers = []
    for i in range(20):
        writer.write(f"client {number} line {i}\n".encode())
        await writer.drain()
        answers.append((await reader.readline()).decode().strip())
    writer.write_eof()
    rest = await reader.read()
    writer.close()
    return answers[0], answers[-1], rest


async def streams():
    server = await asyncio.start_unix_server(serve, "door")
    async with server:
        for answer in await asyncio.gather(*(call("door", n) for n in range(30))):
            print(*answer)


async def much():
    """More than buffers hold, both ways at once."""
    size = 2_000_000
    left, right = socket.socketpair()
    reader, writer = await asyncio.open_connection(sock=left)
    reader2, writer2 = await asyncio.open_connection(sock=right)

    async def push(w, byte):
        w.write(byte * size)
        await w.drain()
        w.write_eof()

    got = await asyncio.gather(push(writer, b"a"), push(writer2, b"b"), reader.read(), reader2.read())
    print(got[2] == b"b" * size, got[3] == b"a" * size)
    writer.close()
    writer2.close()


class Echo(asyncio.DatagramProtocol):
    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, address):
        self.transport.sendto(data[::-1], address)


class Wait(asyncio.DatagramProtocol):
    def __init__(self, count):
        self.left, self.all, self.done = count, [], asyncio.get_running_loop().create_future()

    def datagram_received(self, data, address):
        self.all.append(data)
        self.left -= 1
        if self.left == 0:
            self.done.set_result(self.all)


async def datagrams():
    loop = asyncio.get_running_loop()

    def bound(name):
        s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        s.setblocking(False)
        s.bind(name)
        return s

    echo, _ = await loop.create_datagram_endpoint(Echo, sock=bound("echo"))
    own, protocol = await loop.create_datagram_endpoint(lambda: Wait(10), sock=bound("own"))
    for i in range(10):
        own.sendto(f"datagram {i}".encode(), "echo")
    print(await protocol.done)
    echo.close()
    own.close()


async def processes():
    one = await asyncio.create_subprocess_exec("cat", stdin=asyncio.subprocess.PIPE,
                                               stdout=asyncio.subprocess.PIPE)
    out, _ = await one.communicate(b"through cat\n" * 3000)
    print(len(out), one.returncode)
    shells = [await asyncio.create_subprocess_shell(f"sleep 0.0{n}; echo {n}; exit {n}",
                                                    stdout=asyncio.subprocess.PIPE) for n in range(8)]
    for shell in shells:
        out, _ = await shell.communicate()
        print(out, shell.returncode)
    killed = await asyncio.create_subprocess_exec("sleep", "100")
    killed.terminate()
    print(await killed.wait())


async def signals():
    loop = asyncio.get_running_loop()
    came = asyncio.Event()
    loop.add_signal_handler(signal.SIGUSR1, came.set)
    loop.call_later(0.02, os.kill, os.getpid(), signal.SIGUSR1)
    await asyncio.wait_for(came.wait(), 5)
    print("signal", loop.remove_signal_handler(signal.SIGUSR1))


async def timers():
    loop = asyncio.get_running_loop()
    began, order = loop.time(), []

    async def after(seconds):
        await asyncio.sleep(seconds)
        order.append(seconds)

    await asyncio.gather(*(after(s) for s in (0.12, 0.04, 0.08, 0)))
    print(order, loop.time() - began >= 0.12)
    try:
        await asyncio.wait_for(asyncio.sleep(10), 0.02)
    except asyncio.TimeoutError:
        print("timeout")
    print(await asyncio.gather(*(asyncio.to_thread(lambda n=n: n * n) for n in range(10))))


async def main():
    for part in (streams, much, datagrams, processes, signals, timers):
        print("--", part.__name__, flush=True)
        await part()

asyncio.run(main())
