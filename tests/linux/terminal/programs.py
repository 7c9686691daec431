#!/usr/bin/env python3
# Programs that take the whole terminal, and some that look closely at it.
import os
import pty
import fcntl
import select
import struct
import termios
import time

LATE = 30


def interact(argv, *steps):
    """Each step: what is waited for, what is typed then. How it ended is printed."""
    pid, fd = pty.fork()
    if pid == 0:
        fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("4H", 24, 80, 0, 0))
        os.execvp(argv[0], argv)
    seen, found = b"", []
    for wanted, keys in steps:
        end = time.monotonic() + LATE
        while wanted not in seen and time.monotonic() < end:
            if select.select([fd], [], [], 1)[0]:
                try:
                    seen += os.read(fd, 4096)
                except OSError:
                    break
        found.append(wanted in seen)
        seen = seen[seen.find(wanted) + len(wanted):]
        time.sleep(0.2)
        os.write(fd, keys)
    try:
        while os.read(fd, 4096):
            pass
    except OSError:
        pass
    print(" ".join(argv), found, "status", os.waitpid(pid, 0)[1], flush=True)


with open("lines", "w") as f:
    f.writelines(f"line {n}\n" for n in range(1, 101))
os.environ |= {"TERM": "vt100", "PYTHON_BASIC_REPL": "1"}
interact(["more", "lines"], (b"line 23\r\n", b" "), (b"line 46\r\n", b"q"))
interact(["top", "-d", "30"], (b"COMMAND", b"q"))
interact(["top", "-d", "1"], (b"COMMAND", b""), (b"top", b"\x03"))
interact(["python3", "-q"], (b">>> ", b"print(6 * 7)\n"), (b"42", b"\x04"))
interact(["perl", "-e", "$| = 1; print 'name? '; $n = <STDIN>; print 'hello ', $n"],
         (b"name? ", b"Tom\n"), (b"hello Tom\r\n", b""))
interact(["sh", "-c", "for m in 600 620; do chmod $m $(tty); ls -l $(tty) | cut -c1-10; done"],
         (b"crw-------\r\n", b""), (b"crw--w----\r\n", b""))
interact(["sh", "-c", "setsid sh -c 'echo none >/dev/tty' 2>/dev/null || echo refused"],
         (b"refused\r\n", b""))
interact(["sh", "-c", "trap 'echo quit; exit 9' QUIT; echo ready; while :; do sleep 0.1; done"],
         (b"ready\r\n", b"\x1c"), (b"quit\r\n", b""))
