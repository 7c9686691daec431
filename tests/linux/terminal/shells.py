#!/usr/bin/env python3
# Shells in a terminal: lines, keys that signal, jobs, and another window size.
import os
import pty
import fcntl
import re
import select
import struct
import sys
import termios
import time

PROMPT = b"ready> "
LATE = 20


class Terminal:
    def __init__(self, argv):
        self.seen = b""
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            with open("inputrc", "w") as f:
                f.write("set enable-bracketed-paste off\n")
            env = {"PATH": os.environ["PATH"] + ":/cases", "PS1": PROMPT.decode(), "TERM": "dumb",
                   "INPUTRC": "inputrc", "HOME": os.getcwd(), "ENV": "", "LC_ALL": "C"}
            os.execvpe(argv[0], argv, env)
        self.resize(24, 80)

    def resize(self, rows, columns):
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("4H", rows, columns, 0, 0))

    def expect(self, what):
        """Until that has been shown; what came before, and it, is printed."""
        end = time.monotonic() + LATE
        while what not in self.seen:
            ready = select.select([self.fd], [], [], max(0, end - time.monotonic()))[0]
            try:
                more = os.read(self.fd, 4096) if ready else b""
            except OSError:
                more = b""
            if not more:
                print(f"\n!! waited for {what!r} in vain; seen {self.seen!r}")
                sys.exit(1)
            self.seen += more
        at = self.seen.index(what) + len(what)
        self.show(self.seen[:at])
        self.seen = self.seen[at:]

    def show(self, text):
        text = text.replace(b"\x1b[6n", b"")  # busybox asks where the cursor is, if it has time
        text = re.sub(rb"/dev/pts/\d+", b"/dev/pts/N", text)
        text = re.sub(rb"(\[\d\]) \d+", rb"\1 PID", text)
        text = re.sub(rb"(?<=[ (])\d{2,}(?= (Stopped|Suspended|Terminated|sleep|Done))", b"PID", text)
        print(text.decode(errors="backslashreplace").replace("\r", ""), end="")

    def type(self, keys, then=PROMPT):
        os.write(self.fd, keys)
        self.expect(then)

    def end(self):
        try:
            while more := os.read(self.fd, 4096):
                self.seen += more
        except OSError:
            pass
        self.show(self.seen)
        print("status", os.waitpid(self.pid, 0)[1])


def started(t, command):
    """It says so itself, when the shell has left the terminal to it; a little later it waits."""
    t.type(command, b"started\r\n")
    time.sleep(0.3)


def session(argv):
    print(f"== {' '.join(argv)}", flush=True)
    t = Terminal(argv)
    t.expect(PROMPT)
    t.type(b"tty; stty size\n")
    t.type(b"echo one tow\x7f\x7fwo\n")
    started(t, b"echo started; cat\n")
    t.type(b"abc\x7fd\n", b"abd\r\n")
    t.type(b"\x04")
    started(t, b"sh -c 'echo started; exec sleep 100'\n")
    t.type(b"\x03")
    t.type(b"echo $?\n")
    started(t, b"sh -c 'echo started; exec sleep 100'\n")
    t.type(b"\x1a")
    t.type(b"echo $?; jobs\n")
    t.type(b"kill -9 %1; sleep 0.5; jobs\n")
    started(t, b"sh -c 'echo started; sleep 1; echo over'\n")
    t.type(b"\x1a")
    t.type(b"fg >/dev/null\n")
    started(t, b"sh -c 'trap \"stty size; exit\" WINCH; echo started; while :; do sleep 0.1; done'\n")
    t.resize(30, 100)
    t.expect(PROMPT)
    started(t, b"stty -icanon -echo; echo started; dd bs=1 count=3 2>/dev/null; stty icanon echo\n")
    t.type(b"xyz")
    t.type(b"(stty -a </dev/tty) | grep -c icanon\n")
    t.type(b"set -m; cat & sleep 0.5; jobs\n")
    t.type(b"kill -9 %1; sleep 0.5; echo gone\n")
    started(t, b"echo started; read x; echo got $x\n")
    t.type(b"a line\n")
    t.type(b"exit 7\n", b"7\r\n")
    t.end()


for words in (["bash", "--norc", "--noprofile", "-i"], ["dash", "-i"], ["busybox", "sh", "-i"]):
    session(words)
