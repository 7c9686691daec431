"""What programs print, what the kernel says of them, and programs of other people's making.

Programs run side by side, so their lines mix. What is looked at: the lines of each program
are there, in order; and all lines together are those that are expected, none more.
"""
import collections
import itertools
import pathlib
import re
import subprocess

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
SOURCES = ROOT / "tests/guest/elf"
BUILT = ROOT / "build/user"


class Unexpected(Exception):
    """What a test found instead of what it expects."""


def require(condition, complaint):
    if not condition:
        raise Unexpected(complaint)


# ---- the programs that the kernel carries -----------------------------------------------

Program = collections.namedtuple("Program", "name end groups")

CAUSES = {2: "illegal instruction", 3: "breakpoint", 12: "fetch page fault",
          13: "load page fault", 15: "store page fault"}


def listed(group):
    """Those of one group, in their order; `end` is as in user/programs.list."""
    for line in (ROOT / "user/programs.list").read_text().splitlines():
        if line and line[0] != "#":
            name, end, groups = line.split()[:3]
            if group in groups.split(","):
                yield Program(name, end, groups)


def powers(base, steps, value):
    return [*(f"power_{base} [{i}/{steps}]" for i in range(10000, steps + 1, 10000)),
            f"{base}^{steps} = {value}(MOD 998244353)", f"Test power_{base} OK!"]


def fault(access):
    return [f"Into Test {access}_fault, we will insert an invalid {access} operation...",
            "Kernel should kill this application!"]


def privileged(attempt):
    return [f"Try to {attempt} in U Mode", "Kernel should kill this application!"]


def rows(letter):
    return [*(f"{letter * 10} [{i}/5]" for i in range(1, 6)), f"Test write_{letter.lower()} OK!"]


def heap(origin):
    return ["Test sbrk start.", f"origin break point = {origin:x}",
            f"one page allocated,  break point = {origin + 0x1000:x}", "try write to allocated page",
            "write ok", f"10 page allocated,  break point = {origin + 0xb000:x}",
            f"11 page DEALLOCATED,  break point = {origin:x}",
            "try DEALLOCATED more one page, should be failed.", "Test sbrk almost OK!",
            "now write to deallocated page, should cause page fault."]


POWERS_OF_3 = [5079, 8202, 8824, 5750, 3824, 8516, 2510, 9379, 2621, 2749]


def own_lines(origin):
    """What each program of the demonstration prints; `origin` is where a heap begins."""
    return {
        "power_3": powers(3, 300000, 612461288),
        "power_5": powers(5, 210000, 527227302),
        "power_7": powers(7, 240000, 304164893),
        "sleep": ["Test sleep OK!"],
        "load_fault": ["", "load_fault APP running...", "", *fault("load")],
        "store_fault": ["", "store_fault APP running...", "", *fault("store")],
        "sbrk_test": heap(origin),
        "hello_world": ["Hello, world!"],
        "store_fault_b": fault("store"),
        "power": [*(f"3^{10000 * i}={n}(MOD 10007)" for i, n in enumerate(POWERS_OF_3, 1)),
                  "Test power OK!"],
        "priv_inst": privileged("execute privileged instruction"),
        "priv_csr": privileged("access privileged CSR"),
        "write_a": rows("A"),
        "write_b": rows("B"),
        "write_c": rows("C"),
        "power_3b": powers(3, 200000, 871008973),
        "power_5b": powers(5, 140000, 386471875),
        "power_7b": powers(7, 160000, 667897727),
        "sleep_b": ["Test sleep OK!"],
    }


# ---- what a run looks like -----------------------------------------------------------------

LOG = re.compile(r"(\[ *\d+\.\d+\] )?\[(ERROR| WARN| INFO|DEBUG|TRACE)\] ")
DETECT = re.compile(r"detect app\[(\d+)\]: 0x([0-9a-f]+)\.\.0x([0-9a-f]+)")
ENTRY = re.compile(r"process entry = 0x([0-9a-f]+)")
PAGE_FAULT = re.compile(r"\[kernel\] PageFault in application, bad addr = 0x([0-9a-f]+), "
                        r"bad instruction = 0x([0-9a-f]+), kernel killed it\.")
ILLEGAL = "[kernel] IllegalInstruction in application, kernel killed it."
EXITED = re.compile(r"\[kernel\] Application exited with code (-?\d+)")
FRAMES = re.compile(r"frames: (\d+) free before, (\d+) after")
COMPLETED = "All applications completed!"


def lines_of(output):
    return output.decode(errors="replace").replace("\r\n", "\n").splitlines()


def in_order(lines, wanted, whose):
    """Each line of `wanted` comes after the one before it."""
    at = iter(lines)
    for line in wanted:
        require(line in at, f"{whose}: not there, or not in order: {line!r}")


def split_run(lines):
    """Before the programs are listed, and from there to the end."""
    require("init TASK_MANAGER" in lines, "no line says init TASK_MANAGER")
    at = lines.index("init TASK_MANAGER")
    return lines[:at], lines[at:]


def check_self_tests(lines):
    before, _ = split_run(lines)
    for test in ("frame_allocator_test", "heap_test", "remap_test"):
        in_order(before, ["[kernel] Hello, world!", f"{test} passed!"], "the kernel's tests")
    in_order(before, ["[kernel] Hello, world!", "[kernel] back to world!"], "the kernel")


def check_listing(lines, names):
    """Two lines for each program: where its file is and where it begins."""
    _, run = split_run(lines)
    require(run[1:2] == [f"num_app = {len(names)}"], f"{run[1:2]}: not {len(names)} programs")
    listing = [line for line in run if DETECT.fullmatch(line) or ENTRY.fullmatch(line)]
    require(len(listing) == 2 * len(names), f"{len(listing)} lines about {len(names)} files")
    for number, (detect, entry) in enumerate(zip(listing[::2], listing[1::2])):
        found = DETECT.fullmatch(detect)
        require(found and int(found[1]) == number and int(found[2], 16) < int(found[3], 16),
                f"file {number}: {detect!r}")
        require(ENTRY.fullmatch(entry), f"file {number}: {entry!r}")


def verdict(program):
    how, _, value = program.end.partition(":")
    did = f"exited {value}" if how == "exit" else f"killed by {CAUSES[int(value)]}"
    return f"{program.name}: {did} as expected"


def check_end(lines, results):
    """After the last program: a result for each, the frames, and one closing line."""
    require(lines.count(COMPLETED) == 1, f"{lines.count(COMPLETED)} times: {COMPLETED}")
    frames = [FRAMES.fullmatch(line) for line in lines if FRAMES.fullmatch(line)]
    require(len(frames) == 1 and frames[0][1] == frames[0][2], f"frames: {frames}")
    last = [line for line in lines if not LOG.match(line)][-len(results) - 2:]
    require(last == [*results, frames[0][0], COMPLETED], f"the end is {last}")


def accesses(name):
    """Where the program has instructions that load or store."""
    listing = subprocess.run(["riscv64-linux-gnu-objdump", "-d", BUILT / f"{name}.elf"], check=True,
                             capture_output=True, text=True).stdout
    found = re.findall(r"^\s*([0-9a-f]+):\s+[0-9a-f]+\s+(?:l[bhwd]u?|s[bhwd])\s", listing, re.M)
    return {int(address, 16) for address in found}


def check_page_faults(lines, wanted):
    """`wanted`: pairs of a program and the address that it should not have touched. One line
    for each, and the instruction it names is a load or a store of that program."""
    found = [(int(kill[1], 16), int(kill[2], 16))
             for kill in map(PAGE_FAULT.fullmatch, lines) if kill]
    require(len(found) == len(wanted), f"{len(found)} page faults, expected {len(wanted)}")
    places = [(address, accesses(name)) for name, address in wanted]
    for order in itertools.permutations(found):
        if all(bad == address and pc in instructions
               for (bad, pc), (address, instructions) in zip(order, places)):
            return
    raise Unexpected(f"page faults at (address, instruction) {[tuple(map(hex, f)) for f in found]}")


def check_all_lines(lines, own, programs):
    """Every line after the listing is somebody's: a program's, or the kernel's about one."""
    _, run = split_run(lines)
    kernel = (LOG, DETECT, ENTRY, PAGE_FAULT, FRAMES)
    others = {"init TASK_MANAGER", f"num_app = {len(programs)}", COMPLETED, ILLEGAL,
              *map(verdict, programs)}
    exits = sum(p.end == "exit:0" for p in programs)
    wanted = collections.Counter(itertools.chain(*own.values()))
    wanted["[kernel] Application exited with code 0"] = exits
    got = collections.Counter(line for line in run if line not in others and
                              not any(pattern.match(line) for pattern in kernel))
    require(got == wanted, f"too many: {list((got - wanted).elements())}, "
                           f"missing: {list((wanted - got).elements())}")


def check_interleaving(lines):
    """Each of the three writers begins before another has ended."""
    at = {letter: [i for i, line in enumerate(lines) if line.startswith(letter * 10)]
          for letter in "ABC"}
    for one, other in itertools.permutations("ABC", 2):
        require(at[one] and at[other] and at[one][0] < at[other][-1],
                f"rows of {one} and {other} do not mix: {at}")


def check_programs(output, harts):
    """The demonstration, from the kernel's first line to its last."""
    lines = lines_of(output)
    programs = list(listed("demo"))
    origin = re.search(r"^origin break point = ([0-9a-f]+)\s*$", output.decode(errors="replace"), re.M)
    require(origin, "sbrk_test did not say where its heap is")
    origin = int(origin[1], 16)
    own = own_lines(origin)
    require(list(own) == [p.name for p in programs], "user/programs.list has other programs")

    check_self_tests(lines)
    check_listing(lines, [p.name for p in programs])
    for name, wanted in own.items():
        in_order(lines, wanted, name)
    check_all_lines(lines, own, programs)
    check_page_faults(lines, [(p.name, origin if p.name == "sbrk_test" else 0)
                              for p in programs if p.end in ("kill:13", "kill:15")])
    illegal = sum(p.end == "kill:2" for p in programs)
    require(lines.count(ILLEGAL) == illegal, f"{lines.count(ILLEGAL)} illegal instructions")
    check_end(lines, [verdict(p) for p in programs])
    if harts == 1:
        check_interleaving(lines)


# ---- the other runs -------------------------------------------------------------------------


SUITE_LOG = [  # what the kernel says about what programs of the suite ask for
    r".*\[ INFO\] unknown: unsupported fd: 3",
    r".*\[ INFO\] pointers: ptr not readable: 0x[0-9a-f]+",
    r".*\[ INFO\] clocks: ptr not writable: 0x[0-9a-f]+",
    r"unsupported trap: breakpoint, stval = 0x[0-9a-f]+, sepc = 0x1[0-9a-f]{4}",
]


def check_suite(output):
    """Every program of the suite comes to its end, and the kernel says why."""
    lines = lines_of(output)
    for program in listed("suite"):
        require(verdict(program) in lines, f"no line says: {verdict(program)}")
    for pattern in SUITE_LOG:
        require(any(re.fullmatch(pattern, line) for line in lines), f"no line: {pattern}")
    closing = [line for line in lines if line.startswith("suite: ")]
    require(len(closing) == 1 and closing[0].endswith(" 0 runs went wrong"), f"{closing}")


def check_torture(output, seed):
    """The witnesses come to their end each time, whoever runs beside them."""
    lines = lines_of(output)
    says = [line for line in lines if line.startswith("torture: ")]
    wrong = [line for line in lines if ": expected " in line]
    require(len(says) == 2 and re.fullmatch(r"torture: [1-9]\d* runs, 0 went wrong", says[1]), f"{says} {wrong}")
    require(seed is None or says[0].startswith(f"torture: seed {seed}, "), f"{says[0]}: not seed {seed}")
    for program in listed("witness"):
        require(verdict(program) in lines, f"no line says: {verdict(program)}")
    frames = [FRAMES.fullmatch(line) for line in lines if FRAMES.fullmatch(line)]
    require(len(frames) == 1 and frames[0][1] == frames[0][2], f"frames: {frames}")


# ---- other people's programs ---------------------------------------------------------------

LINK = "-nostdlib -static -Wl,--no-relax,--build-id=none,--no-warn-rwx-segments".split()
COMPILE = "-march=rv64gc -mabi=lp64d -O2 -ffreestanding -fno-pic -no-pie -fno-stack-protector".split()


def make_elf(folder, name, source, *flags):
    """Compiles a file of tests/guest/elf; NAME is the name of the program there."""
    path = pathlib.Path(folder) / name
    subprocess.run(["riscv64-linux-gnu-gcc", *COMPILE, *LINK, f'-DNAME="{name}"', *flags,
                    SOURCES / source, "-o", path], check=True, capture_output=True, text=True)
    return path


def spoil(folder, name, program, change):
    """A copy of a program with other bytes."""
    path = pathlib.Path(folder) / name
    data = bytearray(program.read_bytes())
    path.write_bytes(change(data))
    return path


def for_x86(data):
    data[18:20] = (62).to_bytes(2, "little")
    return data


def strangers(folder):
    """Files that run, and files that are refused with what the kernel says of them."""
    script = f"-Wl,-T,{SOURCES}/"
    whole = make_elf(folder, "by_default", "stranger.c")
    good = [whole,
            make_elf(folder, "bss_first", "stranger.c", f"{script}bss_first.ld"),
            make_elf(folder, "high", "stranger.c", "-Wl,-Ttext-segment=0x3f00000000", "-mcmodel=medany")]
    unpaged = make_elf(folder, "unpaged", "stranger.c", "-Wl,-N,-Ttext=0x10000")
    at_zero = make_elf(folder, "at_zero", "stranger.c", f"{script}at_zero.ld")
    bad = {
        unpaged: "at another place in its page",
        at_zero: "below the limit",
        spoil(folder, "cut_short", whole, lambda data: data[:0x1f0]): "beyond the file",
        spoil(folder, "for_x86", whole, for_x86): "not for RISC-V",
        spoil(folder, "no_header", whole, lambda data: data[:20]): "too short",
    }
    return good, bad


def check_strangers(output, good, bad):
    lines = lines_of(output)
    require(f"num_app = {len(good) + len(bad)}" in lines, "not all files were found")
    for path in good:
        in_order(lines, [f"{path.name} is here", f"{path.name}: exited 0"], path.name)
    for path, complaint in bad.items():
        about = [line for line in lines if path.name in line]
        require(len(about) == 1 and re.fullmatch(f"{path.name}: not loaded: .*{complaint}.*", about[0]),
                f"{path.name}: the kernel says {about}, expected one line: {complaint}")
    require(lines.count(COMPLETED) == 1, "they did not complete")
