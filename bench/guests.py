"""The machines on which vmbench runs: Debian's Linux and Kilburn, each in two ways.

The program is built once; the same bytes run on all. So is the machine the same: QEMU's virt,
one hart, 1 GiB. Under -icount one instruction is one nanosecond of the guest's clock, which is
all that the program looks at; sleep=off, the clock and the seed make two runs alike.

    linux    Debian's kernel as Debian configures it
    lean     the same without what can be turned off at boot: hardening, accounting, huge pages
    shared   Kilburn in the upper half of each space
    split    Kilburn in a space of its own

Linux gets an initramfs with busybox, which mounts what Kilburn mounts by itself, and waits five
seconds, which under icount cost nothing, until the kernel's own threads have settled. What
Linux answered is kept in the cache, under all that it depends on: see Guest.answers.
"""
import dataclasses
import hashlib
import pathlib
import re
import stat
import subprocess
import sys
import tempfile

BENCH = pathlib.Path(__file__).resolve().parent
ROOT = BENCH.parent
BUILD = ROOT / "build"
KERNEL = BUILD / "release/kernel.elf"
QEMU = "qemu-system-riscv64"
sys.path.insert(0, str(ROOT / "tools"))
import cpio  # noqa: E402 (found through the line above)
import linux_machine  # noqa: E402
from debian import CACHE, Failed, command  # noqa: E402

SECONDS = 3600  # a minute or two where nothing else runs
ANSWERS = CACHE / "bench"
ICOUNT = ("-icount", "shift=0,sleep=off", "-rtc", "base=2024-01-01T00:00:00,clock=vm", "-seed", "1")

# Without the tests that the kernel makes of itself, which last into the measurement, and with
# our number of levels.
LINUX_WORDS = "console=ttyS0 quiet panic=-1 nokaslr cryptomgr.notests no4lvl"
LEAN_WORDS = ("init_on_alloc=0 audit=0 lsm=landlock cgroup_disable=memory,pressure psi=0 "
              "randomize_kstack_offset=off hardened_usercopy=off transparent_hugepage=never norandmaps")
LINUX_INIT = """\
#!/busybox sh
/busybox mount -t devtmpfs dev /dev
/busybox mount -t proc proc /proc
/busybox mount -t sysfs sys /sys
/busybox mount -t tmpfs tmp /tmp
exec </dev/console >/dev/console 2>&1
/busybox sleep 5
/vmbench "$@"
/busybox poweroff -f
"""

ROW = re.compile(r"^(\w+) +(?:(\d+\.\d) (ns|\w+/s)|n/a (.*))$")


def built(target, source, *compiler):
    """The file, compiled if it is not there or older than its source and the headers beside it."""
    target, source = BUILD / target, BENCH / source
    newest = max(path.stat().st_mtime for path in (source, *source.parent.glob("*.h")))
    if not target.exists() or target.stat().st_mtime < newest:
        target.parent.mkdir(parents=True, exist_ok=True)
        command(*compiler, str(source), "-o", str(target))
    return target


def program():
    return built("bench/vmbench", "vmbench.c", "riscv64-linux-gnu-gcc", "-O2", "-static", "-pthread")


def plugin(name):
    return built(f"bench/{name}.so", f"plugin/{name}.c", "gcc", "-O2", "-Wall", "-shared", "-fPIC")


def build_kernel():
    subprocess.run(["make", "-s", "--no-print-directory", "build"], cwd=ROOT, check=True,
                   stdout=sys.stderr)


def rows_of(name, said):
    """{row: value} of what vmbench printed on the machine of that name. Raises Failed when a
    row could not be measured, or the program did not come to its end."""
    lines = [line.rstrip("\r") for line in said.splitlines()]
    found = [row for row in map(ROW.match, lines) if row]
    for row in found:
        if row[4] is not None:
            raise Failed(f"{name}: {row[1]} could not be measured: {row[4]}")
    if not any(line.startswith("# end ") for line in lines):
        last = next((line for line in reversed(lines) if line.strip()), "nothing")
        raise Failed(f"{name}: vmbench did not come to its end; the last line is: {last}")
    return {row[1]: float(row[2]) for row in found}


@dataclasses.dataclass(frozen=True)
class Guest:
    name: str
    kernel: pathlib.Path
    append: str
    files: tuple  # of the initramfs, beside the program: (name, bytes, mode)

    def command(self, initrd, words, machine):
        return [QEMU, "-machine", "virt", "-m", "1G", "-nographic", "-no-reboot", *machine,
                "-kernel", str(self.kernel), "-initrd", str(initrd),
                "-append", f"{self.append} -- {words}"]

    def run(self, words, machine=("-smp", "1", *ICOUNT)):
        """{row: value} of vmbench with these words, on a machine with these options."""
        with tempfile.TemporaryDirectory() as folder:
            initrd = pathlib.Path(folder, "initrd")
            with open(initrd, "wb") as out:
                cpio.write_entries(out, [*self.files, ("vmbench", program().read_bytes(), 0o100755)])
            try:
                done = subprocess.run(self.command(initrd, words, machine), timeout=SECONDS, text=True,
                                      stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                      stderr=subprocess.STDOUT, errors="replace", check=False)
            except subprocess.TimeoutExpired as late:
                raise Failed(f"{self.name}: still running after {SECONDS} seconds") from late
        return rows_of(self.name, done.stdout)

    def answers(self, words, fresh):
        """What run() says, or said when all that it depends on was the same."""
        key = hashlib.sha256()
        version = command(QEMU, "--version")
        for part in (version, str(self.kernel), *self.command("initrd", words, ICOUNT)):
            key.update(part.encode() + b"\0")
        for name, data, mode in (*self.files, ("vmbench", program().read_bytes(), 0)):
            key.update(f"{name} {mode} {len(data)}\0".encode() + data)
        kept = ANSWERS / f"{self.name}-{key.hexdigest()[:16]}"
        if fresh or not kept.exists():
            rows = self.run(words)
            kept.parent.mkdir(parents=True, exist_ok=True)
            new = kept.with_suffix(".new")
            new.write_text("".join(f"{row} {value}\n" for row, value in rows.items()))
            new.rename(kept)
        lines = (line.split() for line in kept.read_text().splitlines())
        return {row: float(value) for row, value in lines}


def directory(name, mode=0o755):
    return name, b"", stat.S_IFDIR | mode


def linux(lean=False):
    try:
        package, _ = linux_machine.package()
    except Failed:
        package, _ = linux_machine.package(update=True)  # nobody has asked for the lists yet
    kernel = next((linux_machine.folder_of(package) / "boot").glob("vmlinux-*"))
    busybox = linux_machine.folder_of("busybox-static") / "usr/bin/busybox"
    files = (*map(directory, ("dev", "proc", "sys", "tmp")),
             ("busybox", busybox.read_bytes(), 0o100755), ("init", LINUX_INIT.encode(), 0o100755))
    append = f"{LINUX_WORDS} {LEAN_WORDS}" if lean else LINUX_WORDS
    return Guest("lean" if lean else "linux", kernel, append, files)


def kilburn(isolation="shared"):
    return Guest(isolation, KERNEL, f"init=/vmbench loglevel=error norandmaps isolation={isolation}",
                 (directory("tmp", 0o1777),))


GUESTS = {"linux": linux, "lean": lambda: linux(lean=True),
          "shared": kilburn, "split": lambda: kilburn("split")}
