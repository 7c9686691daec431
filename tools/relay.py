"""Runs a job in a machine as if it were a program of the host.

    standard input   -> thread ->  port in       \\
    standard output  <- thread <-  port out       >  the job
    standard error   <- thread <-  port err      /
    signals, size    ->  queue -> thread -> port control  ->  /init
    files, status    <------------------- port control   <-
    log              <-  QEMU's standard output (the UART)
    terminal         <-> the same, and QEMU's standard input, if the job has the terminal

Each stream has a thread that reads one end and writes the other, and waits in either: so
whoever is slow holds back whoever is fast, and nobody polls. The main thread waits for
everything else at once: the log, the control port, signals, the threads' ends, the time.

The sockets listen before QEMU starts, which connects to all of them before the guest runs.
An end of file goes to the guest by shutdown() and not close(): QEMU would forget what it
has not read yet when the socket is closed.

How it ends: docs of tools/machine.py; the job's own status comes over the control port.
"""
import os
import queue
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import termios
import threading
import time
import tty

import control
import cpio
import machine as machines

INIT = machines.BUILD / "user/init.stripped"
STREAMS = ("in", "out", "err")
PIECE = 1 << 18
INTERRUPTED = 128 + signal.SIGINT
GRACE_SECONDS = 10  # that a machine may take to power off after all is said
FLUSH_SECONDS = 2  # that our readers get to take what a killed machine has said
ESCAPE, ESCAPES, ESCAPE_SECONDS = b"\x1d", 3, 1  # Ctrl-] three times in a second


def write_all(descriptor, data):
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view):]


class Stream(threading.Thread):
    """One direction between a file of ours and a port."""

    def __init__(self, relay, link):
        super().__init__(daemon=True)
        self.relay = relay
        self.link = link
        self.moved = 0  # bytes
        self.waits_for_us = False  # has something that our reader does not take

    def run(self):
        try:
            self.copy()
        except OSError:  # one side has gone: the other is told below
            pass
        self.finish()
        self.relay.wake()


class Input(Stream):
    def copy(self):
        while data := self.relay.read_input():
            self.link.sendall(data)

    def finish(self):
        try:
            self.link.shutdown(socket.SHUT_WR)
        except OSError:
            pass


class Output(Stream):
    def __init__(self, relay, link, descriptor):
        super().__init__(relay, link)
        self.descriptor = descriptor

    def copy(self):
        while data := self.link.recv(PIECE):
            self.waits_for_us = True
            write_all(self.descriptor, data)
            self.waits_for_us = False
            self.moved += len(data)

    def finish(self):
        self.waits_for_us = False
        self.link.close()


class Sender(threading.Thread):
    """Says to the guest what to run, and then what comes up."""

    def __init__(self, relay, link, said, job):
        super().__init__(daemon=True)
        self.relay, self.link, self.said, self.job = relay, link, said, job

    def run(self):
        try:
            self.link.sendall(self.said)
            for record in control.file_records(self.job):
                self.link.sendall(record)
            self.link.sendall(control.record("r"))
            while True:
                self.link.sendall(self.relay.to_say.get())
        except OSError as error:
            if error.filename:  # a file to be put cannot be read after all
                self.relay.fail(f"{error.filename}: {error.strerror}")


class Keys(threading.Thread):
    """The terminal's keys, to the UART. Three escapes in a row end the machine."""

    def __init__(self, relay, out):
        super().__init__(daemon=True)
        self.relay, self.out = relay, out
        self.escapes, self.since = 0, 0

    def run(self):
        try:
            while data := self.relay.read_input():
                if self.is_escape(data):
                    self.relay.fail("")
                    return
                write_all(self.out.fileno(), data)
        except OSError:
            pass

    def is_escape(self, data):
        now = time.monotonic()
        if now - self.since > ESCAPE_SECONDS:
            self.escapes, self.since = 0, now
        only_escapes = not data.strip(ESCAPE)
        self.escapes = self.escapes + len(data) if only_escapes else 0
        return self.escapes >= ESCAPES


class Terminal:
    """Our terminal, raw for as long as this lasts."""

    def __init__(self, wanted):
        self.wanted = wanted

    def __enter__(self):
        self.settings = termios.tcgetattr(0) if self.wanted else None
        self.make_raw()
        return self

    def make_raw(self):
        """Not in the background, where the terminal is somebody else's."""
        if self.settings and os.tcgetpgrp(0) == os.getpgrp():
            tty.setraw(0)

    def __exit__(self, *_):
        if self.settings:
            termios.tcsetattr(0, termios.TCSANOW, self.settings)


class Signals:
    """Signals as bytes that can be waited for; as they were before, at the end."""

    NUMBERS = (signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGHUP, signal.SIGWINCH,
               signal.SIGCONT)
    IGNORED = (signal.SIGTTIN, signal.SIGTTOU)  # the terminal may be somebody else's

    def __enter__(self):
        self.reader, self.writer = socket.socketpair()
        self.reader.setblocking(False)
        self.writer.setblocking(False)
        self.before = {n: signal.getsignal(n) for n in (*self.NUMBERS, *self.IGNORED)}
        for number in self.NUMBERS:
            if self.before[number] != signal.SIG_IGN:
                signal.signal(number, lambda *_: None)
        for number in self.IGNORED:
            signal.signal(number, signal.SIG_IGN)
        self.wakeup = signal.set_wakeup_fd(self.writer.fileno(), warn_on_full_buffer=False)
        return self

    def wake(self):
        try:
            self.writer.send(b"\0")
        except OSError:  # full: it wakes anyhow; closed: nobody is there to be woken
            pass

    def came(self):
        try:
            return [number for number in self.reader.recv(4096) if number]
        except BlockingIOError:
            return []

    def __exit__(self, *_):
        signal.set_wakeup_fd(self.wakeup)
        for number, handler in self.before.items():
            signal.signal(number, handler)
        self.reader.close()
        self.writer.close()


class Relay:
    def __init__(self, job, on_log, complain, descriptors, folder):
        self.descriptors = descriptors
        self.job = job
        self.said = control.words(job)
        self.to_say = queue.SimpleQueue()
        self.results = control.Results(job, complain)
        self.complain = complain
        self.console = machines.Console(self.show, on_log=on_log)
        self.on_log = on_log
        self.streams = []
        self.listeners = {}
        self.status = None  # that ends the machine, once it is known
        self.failure = None  # words that a thread ends the machine with
        self.continued = threading.Event()
        self.control = None  # until QEMU has connected to it
        self.interrupts = 0
        self.moved, self.moved_at = 0, 0
        for name in ("control", *(() if job.window else STREAMS)):
            listener = socket.socket(socket.AF_UNIX)
            listener.bind(f"{folder}/{name}")
            listener.listen(1)
            self.listeners[name] = listener

    def ports(self):
        return tuple((name, listener.getsockname()) for name, listener in self.listeners.items())

    def show(self, data):
        """What comes over the UART and is no log: the terminal's, if the job has it."""
        if self.job.window:
            write_all(1, data)
        else:
            self.on_log(data)

    def read_input(self):
        """Waits while we are in the background and may not read the terminal."""
        while True:
            self.continued.clear()
            try:
                return os.read(self.descriptors[0], PIECE)
            except OSError:
                if not os.isatty(self.descriptors[0]):
                    return b""
            self.continued.wait()

    def wake(self):
        self.signals.wake()

    def fail(self, words):
        self.failure = words
        self.wake()

    # ---- what happens

    def accept(self, name):
        link, _ = self.listeners[name].accept()
        self.selector.unregister(self.listeners[name])
        if name == "control":
            self.control = link
            self.selector.register(link, selectors.EVENT_READ, self.hear)
            Sender(self, link, self.said, self.job).start()
        elif name == "in":
            self.input = Input(self, link)  # kept: a socket that is forgotten is closed
            self.input.start()
        else:
            self.streams.append(Output(self, link, self.descriptors[STREAMS.index(name)]))
            self.streams[-1].start()

    def hear(self):
        try:
            data = self.control.recv(PIECE)
        except ConnectionResetError:  # QEMU ended with words of ours unread
            data = b""
        if data:
            self.results.feed(data)
        else:
            self.selector.unregister(self.control)

    def read_console(self):
        data = os.read(self.qemu.stdout.fileno(), PIECE)
        if data:
            self.console.feed(data)
        else:
            self.selector.unregister(self.qemu.stdout)
            self.qemu.wait()

    def handle_signals(self):
        for number in self.signals.came():
            if number == signal.SIGINT:
                self.interrupts += 1
            if number in (signal.SIGTERM, signal.SIGHUP):
                self.status = 128 + number
            elif self.interrupts > 1:
                self.status = INTERRUPTED
            elif number in (signal.SIGINT, signal.SIGQUIT):
                self.to_say.put(control.number("s", number))
            elif number == signal.SIGCONT:
                self.terminal.make_raw()
                self.continued.set()
            elif number == signal.SIGWINCH and self.job.window:
                size = os.get_terminal_size(0)
                self.to_say.put(control.window(size.lines, size.columns))
        if self.failure is not None:
            if self.failure:
                self.complain(self.failure)
            self.status = INTERRUPTED if self.failure == "" else 2

    # ---- from the beginning to the end

    def run(self, machine, timeout, silence):
        machine.ports = self.ports()
        self.boot_seconds = machine.BOOT_SECONDS
        errors = tempfile.TemporaryFile()
        with (Signals() as self.signals, Terminal(bool(self.job.window)) as self.terminal,
              selectors.DefaultSelector() as self.selector):
            try:
                self.qemu = subprocess.Popen(
                    machine.command(), stdin=subprocess.PIPE if self.job.window else subprocess.DEVNULL,
                    stdout=subprocess.PIPE, stderr=errors, start_new_session=True)
            except OSError as error:
                return machines.Outcome(machines.NOT_BOOTED, self.console,
                                        f"{machine.qemu}: {error.strerror}")
            try:
                self.follow(timeout, silence)
            finally:
                if self.qemu.poll() is None:
                    machines.stop(self.qemu)
                self.let_go()
        errors.seek(0)
        is_ours = self.status is not None or self.results.status is None
        return machines.Outcome(self.final_status(), self.console, machines.complaint_of(errors),
                                status_is_ours=is_ours)

    def follow(self, timeout, silence):
        """Until the machine has ended and all that it said has been passed on, or until
        there is a reason to end it."""
        started = self.moved_at = time.monotonic()
        self.selector.register(self.signals.reader, selectors.EVENT_READ, self.handle_signals)
        self.selector.register(self.qemu.stdout, selectors.EVENT_READ, self.read_console)
        for name, listener in self.listeners.items():
            self.selector.register(listener, selectors.EVENT_READ, lambda name=name: self.accept(name))
        if self.job.window:
            Keys(self, self.qemu.stdin).start()
        while self.status is None and not self.has_ended():
            took, quiet = time.monotonic() - started, self.nothing_has_moved_for()
            if self.results.status is not None and quiet >= GRACE_SECONDS:
                return  # all has been said, but the machine is still there
            if (timeout is not None and took >= timeout) or (silence is not None and quiet >= silence):
                self.status = machines.TIMED_OUT
            elif not self.console.kernel_spoke and took >= self.boot_seconds:
                self.status = machines.NOT_BOOTED
            else:
                left = 1 if timeout is None else min(1, timeout - took)
                for key, _ in self.selector.select(left):
                    key.data()

    def nothing_has_moved_for(self):
        """Seconds without a byte from the job, but for those in which our reader lets it wait."""
        moved = sum(stream.moved for stream in self.streams) + (self.results.status is not None)
        waits_for_us = any(stream.waits_for_us for stream in self.streams)
        now = time.monotonic()
        if waits_for_us or moved != self.moved:
            self.moved, self.moved_at = moved, now
        return now - self.moved_at

    def has_ended(self):
        """QEMU's end closes its sockets, and what it sent before is read first."""
        left = [key.fileobj for key in self.selector.get_map().values()]
        talking = self.qemu.stdout in left or self.control in left
        return not talking and not any(stream.is_alive() for stream in self.streams)

    def let_go(self):
        """The machine has gone. What it said gets to our readers if they take it soon."""
        deadline = time.monotonic() + FLUSH_SECONDS
        for stream in self.streams:
            stream.join(max(0, deadline - time.monotonic()))
        self.console.close()
        self.results.close()
        self.continued.set()
        for listener in self.listeners.values():
            listener.close()

    def final_status(self):
        """What we end the machine with, or the job ended with, or else the machine."""
        if self.status is not None:
            return self.status
        if self.results.status is not None:
            return self.results.status or int(self.results.file_missing)
        ended = self.qemu.returncode
        return machines.NOT_BOOTED if ended < 0 or not self.console.kernel_spoke else ended


def write_init(out):
    """The guest's side of all this, as an archive that the kernel unpacks into its root."""
    cpio.write_archive(out, [("init", INIT.read_bytes())])


def terminal_window():
    """(rows, columns) if we are on a terminal, both ways."""
    if not (os.isatty(0) and os.isatty(1)):
        return ()
    size = shutil.get_terminal_size()
    return size.lines, size.columns


def fill_first_three():
    """A stream that is closed is one without bytes, and no file of ours gets its number."""
    while (descriptor := os.open(os.devnull, os.O_RDWR)) < 3:
        os.set_inheritable(descriptor, True)
    os.close(descriptor)


def run(machine, job, timeout=None, silence=None, on_log=lambda data: None,
        complain=lambda words: print(f"kilburn: {words}", file=sys.stderr), descriptors=(0, 1, 2)):
    """Boots the machine and runs the job in it, with these streams: an Outcome. Signals that we
    get meanwhile are the job's, so this is for the main thread. The machine is ended after
    `timeout` seconds, and after `silence` seconds in which the job says nothing."""
    with tempfile.TemporaryDirectory(prefix="kilburn-") as folder:
        return Relay(job, on_log, complain, descriptors, folder).run(machine, timeout, silence)
