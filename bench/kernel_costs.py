"""Instructions per operation of the kernel's own parts, measured in the kernel.

The release kernel runs alone on one hart under QEMU's -icount, in each isolation mode, since
traps and switches cost more in one. Beside what was measured stands the most that the design
allows; what is above is marked. A budget is a goal, not a test.
"""
import re
import subprocess

from guests import KERNEL, QEMU, Failed

LINE = re.compile(r"bench (\S+) (\d+) \(at most (\d+)\)")
SECONDS = 300
MODES = ("shared", "split")


def costs_of(mode, said):
    """{name: (instructions, at most)} of what the kernel said."""
    rows = {name: (int(got), int(most)) for name, got, most in LINE.findall(said)}
    if not rows or "PANIC" in said:
        raise Failed(f"the kernel did not finish its own measurements (isolation={mode})")
    return rows


def measure(mode, word=""):
    """Those whose name contains the word."""
    asked = f"bench loglevel=error isolation={mode}" + (f" ktest={word}" if word else "")
    command = [QEMU, "-machine", "virt", "-smp", "1", "-m", "2G", "-nographic", "-no-reboot",
               "-icount", "shift=0,sleep=off", "-kernel", KERNEL, "-append", asked]
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
                              errors="replace", timeout=SECONDS, check=False)
    except subprocess.TimeoutExpired as late:
        raise Failed(f"the kernel still measures after {SECONDS} seconds (isolation={mode})") from late
    return costs_of(mode, done.stdout)


def cell(row):
    if row is None:
        return " " * 19
    got, most = row
    return f"{got:9}{'!' if got > most else ' '} {most:8}"


def table(columns):
    """The lines of the table; `columns` has what costs_of() returns for each of MODES."""
    names = sorted(set().union(*columns))
    width = max(map(len, names))
    yield "  ".join((f"{'instructions':{width}}", *(f"{mode:>9}   at most" for mode in MODES)))
    for name in names:
        yield "  ".join((f"{name:{width}}", *(cell(column.get(name)) for column in columns))).rstrip()
    measured = [row for column in columns for row in column.values()]
    over = sum(got > most for got, most in measured)
    yield f"{len(measured)} measured, {over} over their budget{' (!)' if over else ''}"
