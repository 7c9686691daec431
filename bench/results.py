"""What the figures of the four machines amount to: the table, and the sums below it.

bench/rows.tsv says of each row of vmbench what is to be reached and what cannot be:

    traps   how often the operation enters the kernel, if that is certain and nothing is switched or flushed
    limit   what the hardware and the program itself demand, in instructions
    target  what is to be reached with isolation=shared; "-": a control, which has none
    why     what the limit is made of

A row is marked `!` when it misses its target, `*` when nobody can reach that, since it is below
the limit, and `~` when it takes more than 0.6 of what lean Linux takes. One row asks for huge pages, which lean Linux has turned off: there it is the other
Linux that we stand beside.
"""
import dataclasses
import math
import pathlib

from guests import Failed

ROWS = pathlib.Path(__file__).resolve().parent / "rows.tsv"
MACHINES = ("linux", "lean", "shared", "split")
HEAD = ("operation", "Linux", "Linux lean", "Kilburn shared", "Kilburn split", "lean/shared", "limit", "target")

MEAN_WANTED = 7
FORK_ROW, FORK_WANTED = "fork_exit_wait_64m", 100
SPLIT_WANTED = 15
WORST = 0.6
HUGE_PAGES = "anon_fault_64m_thp"
NOBODY_HALVES = "clock_gettime_libc"  # reads the clock in the program, there as here


@dataclasses.dataclass(frozen=True)
class Row:
    name: str
    traps: int  # 0: not certain
    limit: float
    target: float  # nan: none
    why: str

    @property
    def control(self):
        return math.isnan(self.target)


def rows_of_text(text):
    lines = [line.split("\t") for line in text.splitlines() if line and not line.startswith("#")]
    for line in lines:
        if len(line) != 5:
            raise Failed(f"rows.tsv: not five columns: {' '.join(line)}")
    return [Row(name, 0 if traps == "-" else int(traps), float(limit),
                math.nan if target == "-" else float(target), why)
            for name, traps, limit, target, why in lines]


def rows():
    return rows_of_text(ROWS.read_text())


def check(rows, machine, figures):
    """Raises Failed unless the machine has one plausible figure for each row."""
    names = {row.name for row in rows}
    for name in sorted(names ^ figures.keys()):
        raise Failed(f"{machine}: {'nothing about' if name in names else 'rows.tsv does not know'} {name}")
    for name, value in figures.items():
        if not value > 0:
            raise Failed(f"{machine}: {name} took {value} instructions")
    if figures["spin_4insn"] != 4:
        raise Failed(f"{machine}: 4 instructions took {figures['spin_4insn']} ns: no instruction count")


def ratio(row, figures):
    """How many times fewer instructions we take."""
    theirs = figures["linux" if row.name == HUGE_PAGES else "lean"]
    return theirs[row.name] / figures["shared"][row.name]


def mark(row, figures):
    if row.control:
        return ""
    if row.target < row.limit:
        missed = "*"
    else:
        missed = "!" if figures["shared"][row.name] > row.target else ""
    poor = ratio(row, figures) < 1 / WORST and row.name != NOBODY_HALVES
    return missed + ("~" if poor else "")


def short(value):
    """With as many digits as it deserves: 4.1, 26.8, 1,963."""
    return f"{value:,.1f}".removesuffix(".0") if value < 100 else f"{value:,.0f}"


def cells(row, figures):
    target = "" if row.control else short(row.target)
    return (row.name, *(short(figures[machine][row.name]) for machine in MACHINES),
            f"{ratio(row, figures):.1f}", short(row.limit), target, mark(row, figures))


def table(rows, figures):
    """The lines of the table, in columns."""
    lines = [(*HEAD, ""), *(cells(row, figures) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines)]
    for name, *rest in lines:
        yield "  ".join((name.ljust(widths[0]), *map(str.rjust, rest[:-1], widths[1:]), rest[-1])).rstrip()


def markdown(rows, figures):
    """The same as a table of Markdown."""
    yield f"| {' | '.join(HEAD)} |"
    yield "|---|" + "---:|" * (len(HEAD) - 1)
    for row in rows:
        *first, target, marked = cells(row, figures)
        yield f"| {' | '.join(first)} | {target}{' ' + marked if marked else ''} |"


def geometric_mean(values):
    return math.exp(sum(map(math.log, values)) / len(values))


def split_extra(rows, figures):
    """(instructions more per trap, row) where split costs most."""
    return max(((figures["split"][row.name] - figures["shared"][row.name]) / row.traps, row.name)
               for row in rows if row.traps)


def verdict(said, reached):
    return f"{said}{'' if reached else ' (!)'}"


def sums(rows, figures):
    """The lines below the table."""
    aimed = [row for row in rows if not row.control]
    ratios = {row.name: ratio(row, figures) for row in aimed}
    mean, fork = geometric_mean(ratios.values()), ratios[FORK_ROW]
    missed, impossible, poor = (sum(sign in mark(row, figures) for row in aimed) for sign in "!*~")
    extra, where = split_extra(rows, figures)
    yield verdict(f"geometric mean of lean/shared over {len(aimed)} rows: {mean:.2f} (wanted: {MEAN_WANTED})",
                  mean >= MEAN_WANTED)
    yield verdict(f"fork of a process of 64 MiB: {fork:.0f} times cheaper than lean (wanted: {FORK_WANTED})",
                  fork >= FORK_WANTED)
    yield verdict(f"split costs at most {extra:.1f} more per trap, in {where} (wanted: {SPLIT_WANTED})",
                  extra <= SPLIT_WANTED)
    yield f"target below the limit (*): {impossible}"
    yield verdict(f"above the target (!): {missed}", not missed)
    yield verdict(f"above {WORST} of lean (~): {poor}", not poor)
