"""Our GDB commands: the kernel's own picture of itself, from outside.

    kilburn       prints this list
    boot SOCKET   connects to QEMU and goes to the kernel's first instruction
    pt VA         walks the current page table, and explains each word on the way
    harts         what each hart is doing
    threads       all threads: their state, their hart, and where they are
    pages         what the frames are used for
    klog          the last lines of the kernel's log

They only read. Page tables are read by physical address, so `pt` works at any time
and through any root; the others read the kernel's variables, which needs translation
to be on.
"""
import gdb

# kernel/mm/kmap.c: kernel stacks lie at the upper ends of units of this area.
STACKS, UNIT = 0xFFFFFFF000000000, 32 << 10

# kernel/arch/riscv/pte.h, in Python. Keep the two alike.
V, R, W, X, U, G, A, D = (1 << bit for bit in range(8))
OWNERS = {0: "extern", 1: "private", 3: "shared"}
MARKS = {1: "fill", 2: "parked", 3: "guard", 5: "shared table"}
MARK_SHARED_TABLE = 5

MODES = {8: ("Sv39", 3), 9: ("Sv48", 4), 10: ("Sv57", 5)}


def read_physical(address, length):
    gdb.execute("maintenance packet Qqemu.PhyMemMode:1", to_string=True)
    try:
        return bytes(gdb.selected_inferior().read_memory(address, length))
    finally:
        gdb.execute("maintenance packet Qqemu.PhyMemMode:0", to_string=True)


def number(expression):
    return int(gdb.parse_and_eval(expression)) & ((1 << 64) - 1)


def letters(word, table):
    return "".join(letter if word & bit else "-" for bit, letter in table)


def size_text(level):
    return ["4 KiB", "2 MiB", "1 GiB", "512 GiB"][level]


def explain(word, level):
    """A word in words, and the frame of the table it leads to, if any."""
    frame = (word >> 10) & ((1 << 44) - 1)
    if word == 0:
        return "empty", None
    if not word & V:
        kind = (word >> 4) & 15
        frame &= (1 << 38) - 1
        text = f"mark: {MARKS.get(kind, f'of unknown kind {kind}')}"
        if kind == MARK_SHARED_TABLE:
            return f"{text} in frame {frame:#x}; the hardware stops here", frame
        text += f" {letters(word, ((R, 'R'), (W, 'W'), (X, 'X')))} tag {word >> 48}"
        return text + (f", frame {frame:#x}" if frame else ""), None
    if not word & (R | W | X):
        return f"table in frame {frame:#x}", frame
    text = f"leaf of {size_text(level)}: {letters(word, ((R, 'R'), (W, 'W'), (X, 'X')))}"
    text += " user" if word & U else " kernel"
    text += " global" if word & G else ""
    if word & D and not word & W:
        text += " (write withheld)"
    owner = OWNERS.get((word >> 8) & 3, "of unknown owner")
    return f"{text}, {owner} frame {frame:#x}", None


class Boot(gdb.Command):
    """boot SOCKET: connect to QEMU and go to the kernel's first instruction."""

    def __init__(self):
        super().__init__("boot", gdb.COMMAND_RUNNING)

    def invoke(self, argument, _from_tty):
        gdb.execute(f"target remote {argument}", to_string=True)
        first = number("(unsigned long)&_start") & 0xFFFFFFFF
        gdb.execute(f"thbreak *{first:#x}", to_string=True)
        gdb.execute("continue", to_string=True)
        print(f"The kernel's first instruction, at {first:#x}. Translation is off, so names mean")
        print("nothing yet; `break kernel_main`, then `continue`. `kilburn` lists our commands.")


class PageTable(gdb.Command):
    """pt VA: walk the current page table, explaining each word on the way."""

    def __init__(self):
        super().__init__("pt", gdb.COMMAND_DATA)

    def invoke(self, argument, _from_tty):
        va = number(argument)
        satp = number("$satp")
        if satp >> 60 not in MODES:
            print("translation is off: addresses are physical")
            return
        name, levels = MODES[satp >> 60]
        frame = satp & ((1 << 44) - 1)
        print(f"{name}, root in frame {frame:#x}, address space {(satp >> 44) & 0xFFFF}")
        for level in reversed(range(levels)):
            index = (va >> (12 + 9 * level)) & 511
            word = int.from_bytes(read_physical((frame << 12) + 8 * index, 8), "little")
            text, frame_below = explain(word, level)
            print(f"  level {level} [{index:3}] {word:#018x}  {text}")
            if word & V and word & (R | X):
                offset = va & ((1 << (12 + 9 * level)) - 1)
                print(f"  {va:#x} is physical {(((word >> 10) & ((1 << 44) - 1)) << 12) + offset:#x}")
            if frame_below is None:
                return
            frame = frame_below


class Harts(gdb.Command):
    """harts: what each hart is doing. The star is the one GDB looks at."""

    def __init__(self):
        super().__init__("harts", gdb.COMMAND_STATUS)

    def invoke(self, _argument, _from_tty):
        here = gdb.selected_thread()
        threads = {thread.num - 1: thread for thread in gdb.selected_inferior().threads()}
        # GDB reads memory as the selected hart sees it, and a hart that is in the firmware
        # does not see the kernel: all is read before another one is looked at.
        harts = [self.read(index) for index in range(number("nharts"))]
        try:
            for index, (hartid, state, runs) in enumerate(harts):
                thread = threads.get(hartid)
                star = "*" if thread is not None and thread.num == here.num else " "
                print(f"{star} {index:2} hartid {hartid} {state:8} {runs}  {self.where(thread)}")
        finally:
            here.switch()

    @staticmethod
    def read(index):
        hart = gdb.parse_and_eval(f"harts[{index}]")
        state = "idle" if int(hart["idle"]) else "running" if int(hart["online"]) else "starting"
        return int(hart["hartid"]), state, Harts.thread_of(hart["current"])

    @staticmethod
    def thread_of(context):
        """A context is the first part of its thread."""
        if not int(context):
            return "no thread"
        thread = context.cast(gdb.lookup_type("struct thread").pointer())
        return f"{thread['name'].string():10} preempt {int(context['preempt'])}"

    @staticmethod
    def where(thread):
        if thread is None:
            return "no such processor"
        thread.switch()
        frame = gdb.newest_frame()
        return f"{frame.name() or '?'} ({frame.pc():#x})"


class Threads(gdb.Command):
    """threads: all threads, with their state, hart and place. One that does not run is in the
    switch; of the functions that led there come the first few. The kernel keeps no list of
    its threads: each lies at the top of its stack, so the stacks are what is searched."""

    CALLERS = 6

    def __init__(self):
        super().__init__("threads", gdb.COMMAND_STATUS)

    def invoke(self, _argument, _from_tty):
        current = [int(gdb.parse_and_eval(f"harts[{index}].current"))
                   for index in range(number("nharts"))]
        # All is read before another hart is looked at, as in `harts`.
        found = [self.read(thread, current) for thread in self.all()]
        here = gdb.selected_thread()
        processors = {thread.num - 1: thread for thread in gdb.selected_inferior().threads()}
        try:
            for name, state, hart, hartid, place in found:
                if state == "running":
                    place = Harts.where(processors.get(hartid))
                print(f"{name:15} {state:8} hart {hart:2}  {place}")
        finally:
            here.switch()

    @staticmethod
    def all():
        yield gdb.parse_and_eval("boot_thread")
        thread = gdb.lookup_type("struct thread")
        kept = Threads.kept()
        for top in Threads.stacks():
            address = gdb.Value(top - thread.sizeof).cast(thread.pointer())
            if top not in kept and 0 < top - int(address["ctx"]["stack_low"]) <= UNIT // 2:
                yield address.dereference()

    @staticmethod
    def stacks():
        """The upper ends of stacks. Registers of devices, which have units there, too, must not
        be read; they are not the kernel's own frames."""
        used = gdb.parse_and_eval("'kmap.c'::area.used")
        for index in range(used.type.range()[1] + 1):
            word = int(used[index])
            while word:
                unit = index * 64 + (word & -word).bit_length() - 1
                word &= word - 1
                top = STACKS + (unit + 1) * UNIT
                if is_private(top - 8):
                    yield top

    @staticmethod
    def kept():
        """The same of stacks that wait for the next thread, linked at their lower ends."""
        tops, at = set(), gdb.parse_and_eval("'mm/threads.c'::kept.first")
        while int(at) != 0:
            tops.add((int(at) | (UNIT - 1)) + 1)
            at = at["next"]
        return tops

    @staticmethod
    def read(thread, current):
        """Its name, state, hart's index and number, and place if it does not run."""
        context = thread["ctx"]
        state = str(thread["state"].cast(gdb.lookup_type("enum thread_state")))
        state = state.removeprefix("THREAD_").lower().replace("runnable", "waiting")
        if int(thread.address) in current:
            state = "running"
        hart = context["hart"]
        if int(hart) == 0:
            return thread["name"].string(), state, "-", None, "nowhere yet"
        place = Threads.place(context) if state in ("blocked", "waiting", "new") else ""
        return thread["name"].string(), state, int(hart["index"]), int(hart["hartid"]), place

    @staticmethod
    def place(context):
        frame = context["sp"].cast(gdb.lookup_type("struct swap_frame").pointer())
        pc, fp = int(frame["ra"]), int(frame["s"][0])
        low = int(context["stack_low"])
        names = [function_at(pc)]
        while low + 16 <= fp <= low + UNIT // 2 and len(names) < Threads.CALLERS:
            words = gdb.Value(fp - 16).cast(gdb.lookup_type("unsigned long").pointer())
            call, fp = int(words[1]) - 1, int(words[0])  # a call that never returns may be the last
            if function_at(call) in (None, names[-1]):  # below the first function
                break
            names.append(function_at(call))
        return f"{' < '.join(map(str, names))} ({int(frame['ra']):#x})"


def function_at(pc):
    """Its name, or None where there is no code."""
    words = gdb.execute(f"info symbol {pc:#x}", to_string=True).split()
    return words[0] if " ".join(words[:2]) != "No symbol" else None


def is_private(va):
    """Does the present root lead from this address to a frame that is the space's own?"""
    _, levels = MODES[number("$satp") >> 60]
    frame = number("$satp") & ((1 << 44) - 1)
    for level in reversed(range(levels)):
        at = (frame << 12) + 8 * ((va >> (12 + 9 * level)) & 511)
        word = int.from_bytes(read_physical(at, 8), "little")
        if not word & V:
            return False
        if word & (R | W | X):
            return OWNERS.get((word >> 8) & 3) == "private"
        frame = (word >> 10) & ((1 << 44) - 1)
    return False


class KernelLog(gdb.Command):
    """klog: the last lines of the kernel's log, of all levels."""

    def __init__(self):
        super().__init__("klog", gdb.COMMAND_DATA)

    def invoke(self, _argument, _from_tty):
        ring = gdb.parse_and_eval("'log.c'::ring")
        end = number("'log.c'::ring_end")
        size = ring.type.sizeof
        text = bytes(gdb.selected_inferior().read_memory(int(ring.address), size))
        if end > size:  # wrapped: begins in the middle of a line
            text = (text[end % size:] + text[:end % size]).split(b"\n", 1)[1]
        else:
            text = text[:end]
        print(text.decode(errors="replace"), end="")


class Pages(gdb.Command):
    """pages: what the frames are used for, counted as page_stats() in the kernel does."""

    def __init__(self):
        super().__init__("pages", gdb.COMMAND_STATUS)

    def invoke(self, _argument, _from_tty):
        buddy = gdb.parse_and_eval("'buddy.c'::buddy")
        hart_frames = gdb.parse_and_eval("'hart_frames.c'::hart_frames")
        shared = [gdb.parse_and_eval("'hart_frames.c'::" + name) for name in ("zeroed_pool", "loose")]
        uses = [(field.name, int(field.enumval))
                for field in gdb.lookup_type("enum page_use").fields()]
        counts = {value: 0 for name, value in uses if name not in ("PAGE_ABSENT", "PAGE_USES")}
        names = {value: name for name, value in uses}
        for use in counts:
            counts[use] = int(buddy["used"][use])
        free, cached = number("PAGE_FREE"), number("PAGE_HART")
        counts[free] += int(buddy["nfree"])
        counts[cached] += sum(int(chains["count"]) for chains in shared)
        for index in range(hart_frames.type.range()[1] + 1):
            hart = hart_frames[index]
            for use in counts:
                counts[use] += int(hart["used"][use])
            for chain in (hart[cache][which] for cache in ("any", "zeroed") for which in ("now", "spare")):
                if int(chain):
                    counts[cached] += int(chain["cached_free"]["depth"])
        for use, count in counts.items():
            if count:
                print(f"{names[use].removeprefix('PAGE_').lower():10} {count:8} frames "
                      f"{count * 4:10} KiB")
        total = int(buddy["total"])
        print(f"{'total':10} {total:8} frames {total * 4:10} KiB"
              + ("" if sum(counts.values()) == total else "   (caught in the middle of a change)"))


class Kilburn(gdb.Command):
    __doc__ = __doc__

    def __init__(self):
        super().__init__("kilburn", gdb.COMMAND_SUPPORT)

    def invoke(self, _argument, _from_tty):
        print(__doc__)


for command in (Boot, PageTable, Harts, Threads, Pages, KernelLog, Kilburn):
    command()
