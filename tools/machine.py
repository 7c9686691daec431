"""The machine under QEMU: its command line, running it, and what its end means.

Used by ./kilburn, tools/guest-test and tools/kilburn.gdb's tests, so that there is
one place that knows how Kilburn is started.

The kernel's console is the UART, and three parties write there. What is whose, Console
tells line by line:

    firmware   all before the kernel's first line
    log        lines with a level, "[    0.001234] [ INFO] text" (kernel/lib/log.h; before
               the clock is known without the time, and maybe coloured), and a panic, which is a page of text
               that begins with "PANIC: "
    text       everything else: what programs and demonstrations print

A program can print a line that looks like the log. Who wants to lose no byte of what
programs print, and to see the kernel's words between them as on the tutorials' consoles,
takes all that comes after the firmware for text (Console.show_log).

How a machine ends, as an exit status:

    0..255  what the guest says, through the test device (QEMU ends with it)
    124     it took longer than it was given
    125     the kernel panicked (the guest says so itself)
    126     it did not boot: QEMU refused, the kernel said so, or never spoke
"""
import dataclasses
import functools
import os
import pathlib
import re
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = ROOT / "build"

TIMED_OUT, PANICKED, NOT_BOOTED = 124, 125, 126

# A kernel that is silent for so long has not booted. Firmware takes well under a
# second; a busy host may be twenty times slower.
BOOT_SECONDS = 60


@dataclasses.dataclass
class Disk:
    name: str
    path: str
    read_only: bool = True


@dataclasses.dataclass
class Machine:
    """What varies between one run and the next."""

    harts: int = 1
    memory: str = "128M"
    bios: str = "default"  # or "none": our monitor
    paging: str = "sv39"
    isolation: str = ""  # "shared", "split", or as the kernel likes
    append: str = ""
    initrd: str = ""  # a file that the kernel finds in memory
    qemu: str = "qemu-system-riscv64"
    cpu: str = "rv64"
    icount: bool = False
    kind: str = "release"  # of kernel; or "debug"
    disks: tuple = ()  # Disks
    ports: tuple = ()  # (name, path) pairs: who listens at the path has the other end
    entropy: bool = False  # random bytes from the host
    pokes: tuple = ()  # (physical address, bytes) pairs, written before the first instruction
    extra: tuple = ()  # more arguments for QEMU

    BUS = "device"  # how QEMU calls virtio devices at addresses that the device tree says
    BOOT_SECONDS = BOOT_SECONDS  # in which the kernel must have said something

    @property
    def kernel(self):
        return BUILD / self.kind / "kernel.elf"

    def words(self):
        """The kernel command line."""
        paging = [] if self.paging == "sv39" else [f"paging={self.paging}"]
        isolation = [f"isolation={self.isolation}"] if self.isolation else []
        return " ".join([*paging, *isolation, *self.append.split()])

    def devices(self):
        """QEMU's words for disks, ports and entropy."""
        words = []
        for i, disk in enumerate(self.disks):
            read_only = "on" if disk.read_only else "off"
            words += ["-drive", f"if=none,id=disk{i},file={disk.path},format=raw,readonly={read_only}",
                      "-device", f"virtio-blk-{self.BUS},drive=disk{i},serial={disk.name}"]
        if self.ports:
            words += ["-device", f"virtio-serial-{self.BUS},max_ports={len(self.ports) + 1}"]
        for i, (name, path) in enumerate(self.ports):
            words += ["-chardev", f"socket,id=port{i},path={path}",
                      "-device", f"virtserialport,chardev=port{i},name={name}"]
        if self.entropy:
            words += ["-device", f"virtio-rng-{self.BUS}"]
        return ["-global", "virtio-mmio.force-legacy=false", *words] if words else []

    def command(self):
        bios = BUILD / "monitor" / "monitor.bin" if self.bios == "none" else self.bios
        command = [self.qemu, "-M", "virt", "-nodefaults", "-nographic", "-serial", "stdio"]
        command += ["-cpu", self.cpu, "-smp", str(self.harts), "-m", self.memory]
        command += ["-bios", str(bios), "-kernel", str(self.kernel)]
        if self.words():
            command += ["-append", self.words()]
        if self.initrd:
            command += ["-initrd", str(self.initrd)]
        if self.icount:
            # With sleep=off time jumps to the next timer while all wait, and without a timer
            # nobody wakes when a device has something.
            command += ["-icount", "shift=0" if self.devices() else "shift=0,sleep=off"]
        return [*command, *self.devices(), *self.extra]


def build(machine):
    """Brings what the machine boots up to date: silent unless there is something to say.
    False if that cannot be done."""
    if subprocess.run([ROOT / "tools/setup", "build"]).returncode != 0:
        return False
    if not machine.kernel.exists():
        print("kilburn: building the kernel", file=sys.stderr)
    wanted = [machine.kernel.relative_to(ROOT), "user"]
    if machine.bios == "none":
        wanted.append("build/monitor/monitor.bin")
    make = ["make", "--silent", "--no-print-directory", f"-j{os.cpu_count()}", "-C", str(ROOT), *wanted]
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("MAKE", "MFLAGS"))}
    return subprocess.run(make, env=environment, stdout=sys.stderr).returncode == 0


@functools.lru_cache(maxsize=None)
def qemu_version(qemu):
    """(major, minor), or None if there is no such program."""
    try:
        text = subprocess.run([qemu, "--version"], capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return None
    found = re.search(r"version (\d+)\.(\d+)", text)
    return (int(found[1]), int(found[2])) if found else None


def icount_refusal(machine):
    """Why instruction counting cannot work for this machine, or None."""
    version = qemu_version(machine.qemu)
    if machine.icount and machine.harts > 1 and version and version < (8, 0):
        return (f"--icount with {machine.harts} harts cannot work on QEMU {version[0]}.{version[1]}: "
                "a hart that waits for another keeps its turn forever")
    return None


PANIC = b"PANIC: "
LOG_LINE = re.compile(rb"(\[ *\d+\.\d+\] )?(\x1b\[\d+m)?\[(ERROR| WARN| INFO|DEBUG|TRACE)\] ")
LOG_TIME = re.compile(rb"\[ *\d+\.\d+\] ")
LOG_COLOUR = re.compile(rb"\x1b\[\d+m")
LOG_LEVELS = tuple(b"[" + name + b"] " for name in (b"ERROR", b" WARN", b" INFO", b"DEBUG", b"TRACE"))
HALF_A_TIME_OR_COLOUR = re.compile(rb"\[ *\d*(\.\d*\]?)?|\x1b(\[\d*)?")


def may_become_log(line):
    """Whether these bytes are, or begin, a line of the log."""
    for part in (LOG_TIME, LOG_COLOUR):
        if HALF_A_TIME_OR_COLOUR.fullmatch(line):
            return True
        found = part.match(line)
        line = line[found.end():] if found else line
    return any(level.startswith(line[:len(level)]) for level in LOG_LEVELS)


class Console:
    """Sorts what comes over the UART, as it comes: see above."""

    def __init__(self, on_text=lambda data: None, show_log=False, on_log=lambda data: None):
        self.everything = bytearray()
        self.firmware = bytearray()
        self.log = bytearray()
        self.text = bytearray()
        self.kernel_spoke = False
        self.panicked = False
        self.show_log = show_log
        self._on_text = on_text
        self._on_log = on_log
        self._line = bytearray()
        self._passed_on = 0  # bytes of the line that are in the text before it has ended

    def feed(self, data):
        self.everything += data
        for piece in data.splitlines(keepends=True):
            self._line += piece
            if self._line.endswith(b"\n"):
                self._end_line()
        if self._is_surely_text():
            self._pass_on()

    def close(self):
        if self._line:
            self._end_line()

    def _is_surely_text(self):
        """What the unfinished line will be is known already: a prompt is not kept waiting."""
        may_be_panic = self._line[:len(PANIC)] == PANIC[:len(self._line)]
        may_be_log = self.panicked or may_be_panic or may_become_log(bytes(self._line))
        return self.kernel_spoke and (self.show_log or not may_be_log)

    def _pass_on(self):
        rest = bytes(self._line[self._passed_on:])
        self._passed_on = len(self._line)
        self.text += rest
        self._on_text(rest)

    def _end_line(self):
        line = bytes(self._line)
        self.panicked |= line.startswith(PANIC)
        is_log = self.panicked or LOG_LINE.match(line)
        self.kernel_spoke |= bool(is_log)
        if is_log:
            self.log += line
            self._on_log(line)
        elif not self.kernel_spoke:
            self.firmware += line
            self._on_log(line)
        if self.kernel_spoke and (self.show_log or not is_log):
            self._pass_on()
        self._line.clear()
        self._passed_on = 0


@dataclasses.dataclass
class Outcome:
    status: int
    console: Console
    complaint: str = ""  # QEMU's own words, if it had any
    seconds: float = 0.0
    status_is_ours: bool = True  # the machine's or its host's; not that of a job in it


def gdb_server(socket_path):
    """Arguments that make QEMU wait, with its first instruction undone, for a debugger."""
    return ("-S", "-chardev", f"socket,path={socket_path},server=on,wait=off,id=gdb",
            "-gdb", "chardev:gdb")


def poke(socket_path, pokes):
    """Writes memory through QEMU's debugger port, and lets the machine go.

    The protocol: $text#checksum, answered with + and, for these packets, $OK#9a.
    """
    deadline = time.monotonic() + 10
    link = socket.socket(socket.AF_UNIX)
    while True:
        try:
            link.connect(socket_path)
            break
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)
    with link:
        packets = [f"M{address:x},{len(data):x}:{data.hex()}" for address, data in pokes]
        for packet in [*packets, "D"]:
            link.sendall(f"${packet}#{sum(packet.encode()) & 255:02x}".encode())
            answer = b""
            while not answer.endswith(b"$OK#9a"):
                piece = link.recv(256)
                if not piece:
                    raise OSError(f"QEMU's debugger port said {answer!r}")
                answer += piece
            if packet != "D":  # after that the machine runs, and may have ended by now
                link.sendall(b"+")


def stop(process):
    """Ends a process that we started, and waits for it."""
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(2)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def complaint_of(errors):
    """QEMU's own words, but for those about our ending it."""
    errors.seek(0)
    said = errors.read().decode(errors="replace").splitlines()
    return "\n".join(line for line in said if "terminating on signal" not in line).strip()


def run(machine, timeout=None, on_text=lambda data: None, until=None, show_log=False):
    """Boots the machine and follows it to its end.

    `until`: end it ourselves, with status 0, once the console holds these bytes.
    """
    console = Console(on_text, show_log)
    started = time.monotonic()
    errors = tempfile.TemporaryFile()
    folder = tempfile.TemporaryDirectory(prefix="kilburn-")
    port = f"{folder.name}/gdb"
    waiting = gdb_server(port) if machine.pokes else ()
    try:
        process = subprocess.Popen([*machine.command(), *waiting], stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=errors)
    except OSError as error:
        return Outcome(NOT_BOOTED, console, f"{machine.qemu}: {error.strerror}")
    try:
        if machine.pokes:
            poke(port, machine.pokes)
        status = _follow(process, console, started, timeout, until)
    finally:
        if process.poll() is None:
            stop(process)
        folder.cleanup()
    console.close()
    if status is None:
        status = process.returncode
        if status < 0 or not console.kernel_spoke:
            status = NOT_BOOTED
    return Outcome(status, console, complaint_of(errors), time.monotonic() - started)


def _follow(process, console, started, timeout, until):
    """Reads the console to its end. The status, or None if QEMU ended by itself."""
    selector = selectors.DefaultSelector()
    selector.register(process.stdout, selectors.EVENT_READ)
    while True:
        now = time.monotonic() - started
        if timeout is not None and now >= timeout:
            return TIMED_OUT
        if not console.kernel_spoke and now >= BOOT_SECONDS:
            return NOT_BOOTED
        if not selector.select(0.2):
            continue
        data = os.read(process.stdout.fileno(), 65536)
        if not data:
            process.wait()
            return None
        console.feed(data)
        if until is not None and until in console.everything:
            return 0
