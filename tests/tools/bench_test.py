"""What bench/ makes of figures, with a machine that only pretends; and that the plugins count."""
import importlib.machinery
import importlib.util
import math
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest
import unittest.mock
import xml.etree.ElementTree

BENCH = pathlib.Path(__file__).resolve().parent.parent.parent / "bench"
sys.path.insert(0, str(BENCH))
import guests  # noqa: E402 (found through the line above)
import kernel_costs  # noqa: E402
import plot  # noqa: E402
import results  # noqa: E402


def program(name):
    """A program of bench/, as a module."""
    loader = importlib.machinery.SourceFileLoader(name, str(BENCH / name))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(name, loader))
    loader.exec_module(module)
    return module


smp = program("smp")

ROWS = results.rows_of_text(
    "# a comment\n"
    "spin_4insn\t-\t4\t-\tthe loop\n"
    "null_syscall\t1\t80\t100\ta trap\n"
    "clock_gettime_libc\t-\t30\t48\tno trap\n"
    "anon_fault_64m_thp\t-\t516\t530\tclearing\n"
    "fork_exit_wait_64m\t-\t4000\t16000\tthree traps\n")
NAMES = [row.name for row in ROWS]


def figures(**changed):
    """Those of four machines that reach everything, but for what is changed."""
    made = {"linux": [4, 441, 67, 1265, 6500000], "lean": [4, 1000, 67, 3364, 6400000],
            "shared": [4, 100, 40, 500, 16000], "split": [4, 112, 40, 501, 17000]}
    return {machine: dict(zip(NAMES, changed.get(machine, values))) for machine, values in made.items()}


class Parsing(unittest.TestCase):
    def refused(self, said, why):
        with self.assertRaises(guests.Failed) as caught:
            guests.rows_of("linux", said)
        self.assertEqual(str(caught.exception), why)

    def test_rows_are_found_among_what_a_machine_says(self):
        said = "OpenSBI v1.1\r\n# vmbench 1: reps 5\r\nspin_4insn     4.0 ns\r\n" \
               "par_null_2   1300.5 op/s\r\n# end 5 ns\r\n[ 9.1] reboot: Power down\r\n"
        self.assertEqual(guests.rows_of("linux", said), {"spin_4insn": 4.0, "par_null_2": 1300.5})

    def test_a_row_that_could_not_be_measured_is_an_error(self):
        self.refused("a 4.0 ns\nb          n/a mmap: Out of memory\n# end 1 ns\n",
                     "linux: b could not be measured: mmap: Out of memory")

    def test_a_machine_that_dies_is_an_error(self):
        self.refused("a 4.0 ns\nKernel panic - not syncing\n\n",
                     "linux: vmbench did not come to its end; the last line is: Kernel panic - not syncing")

    def test_a_machine_that_says_nothing_is_an_error(self):
        self.refused("", "linux: vmbench did not come to its end; the last line is: nothing")

    def test_costs_inside_the_kernel_are_found_and_a_panic_refused(self):
        said = "bench trap 60 (at most 75)\nbench map 90 (at most 80)\n"
        self.assertEqual(kernel_costs.costs_of("split", said), {"trap": (60, 75), "map": (90, 80)})
        for bad in ("", said + "PANIC: oh"):
            with self.assertRaises(guests.Failed):
                kernel_costs.costs_of("split", bad)

    def test_costs_above_their_budget_are_marked_and_counted(self):
        lines = list(kernel_costs.table([{"trap": (60, 75)}, {"trap": (76, 75)}]))
        self.assertEqual(lines[1].split(), ["trap", "60", "75", "76!", "75"])
        self.assertEqual(lines[-1], "2 measured, 1 over their budget (!)")


class Checking(unittest.TestCase):
    def refused(self, found, why):
        with self.assertRaises(guests.Failed) as caught:
            results.check(ROWS, "split", found)
        self.assertEqual(str(caught.exception), why)

    def test_all_rows_and_no_others(self):
        found = figures()["split"]
        results.check(ROWS, "split", found)
        self.refused({**found, "more": 1}, "split: rows.tsv does not know more")
        del found["null_syscall"]
        self.refused(found, "split: nothing about null_syscall")

    def test_an_operation_takes_more_than_nothing(self):
        self.refused({**figures()["split"], "null_syscall": 0.0}, "split: null_syscall took 0.0 instructions")

    def test_the_clock_counts_instructions(self):
        self.refused({**figures()["split"], "spin_4insn": 4.1},
                     "split: 4 instructions took 4.1 ns: no instruction count")

    def test_our_table_of_rows_is_that_of_the_program(self):
        source = (BENCH / "vmbench.c").read_text()
        self.assertEqual([row.name for row in results.rows()], re.findall(r'^    {"(\w+)", b_', source, re.MULTILINE))

    def test_what_is_below_its_limit_is_what_was_shown_to_be(self):
        self.assertEqual([row.name for row in results.rows() if row.target < row.limit], ["sig_install"])

    def test_limits_are_the_sums_of_what_they_are_made_of(self):
        for row in results.rows():
            parts = re.findall(r" ([\d,]+\.?\d*)(?:,|$)", row.why) if "," in row.why else []
            total = sum(float(part.replace(",", "")) for part in parts)
            if parts and not row.control:
                self.assertLess(abs(total - row.limit), 1, row)

    def test_a_torn_table_of_rows_is_refused(self):
        with self.assertRaises(guests.Failed):
            results.rows_of_text("null_syscall\t1\t80\n")


class Judging(unittest.TestCase):
    def marks(self, **changed):
        return [results.mark(row, figures(**changed)) for row in ROWS]

    def test_what_reaches_its_target_is_not_marked(self):
        self.assertEqual(self.marks(), [""] * 5)

    def test_a_missed_target_is_marked(self):
        self.assertEqual(self.marks(shared=[4, 101, 49, 500, 16000]), ["", "!", "!", "", ""])

    def test_little_less_than_linux_is_marked_but_not_for_the_clock(self):
        self.assertEqual(self.marks(lean=[4, 166, 60, 9, 26000]), ["", "~", "", "", "~"])

    def test_huge_pages_stand_beside_the_linux_that_has_them(self):
        self.assertAlmostEqual(results.ratio(ROWS[3], figures()), 1265 / 500)

    def test_a_target_that_nobody_can_reach_is_marked_as_such(self):
        row = results.Row("null_syscall", 1, 110, 100, "")
        self.assertEqual(results.mark(row, figures(shared=[4, 111, 40, 500, 16000])), "*")

    def test_controls_are_never_marked(self):
        self.assertEqual(self.marks(shared=[4000, 100, 40, 500, 16000])[0], "")

    def test_the_sums_are_those_of_the_rows_with_a_target(self):
        mean = math.prod([10, 67 / 40, 1265 / 500, 400]) ** (1 / 4)
        self.assertEqual(list(results.sums(ROWS, figures())), [
            f"geometric mean of lean/shared over 4 rows: {mean:.2f} (wanted: 7)",
            "fork of a process of 64 MiB: 400 times cheaper than lean (wanted: 100)",
            "split costs at most 12.0 more per trap, in null_syscall (wanted: 15)",
            "target below the limit (*): 0", "above the target (!): 0", "above 0.6 of lean (~): 0"])

    def test_sums_that_do_not_reach_what_is_wanted_are_marked(self):
        poor = figures(lean=[4, 110, 67, 9, 20000], shared=[4, 101, 40, 500, 17000],
                       split=[4, 120, 40, 500, 17000])
        self.assertEqual([line.endswith("(!)") for line in results.sums(ROWS, poor)],
                         [True, True, True, False, True, True])


class Showing(unittest.TestCase):
    def test_a_line_of_the_table_has_all_columns(self):
        line = list(results.table(ROWS, figures(shared=[4, 101, 40, 500, 16000])))[2]
        self.assertEqual(line.split(), ["null_syscall", "441", "1,000", "101", "112", "9.9", "80", "100", "!"])

    def test_markdown_has_the_same_number_of_columns_in_each_line(self):
        lines = list(results.markdown(ROWS, figures()))
        self.assertEqual({line.count("|") for line in lines}, {len(results.HEAD) + 1})
        self.assertEqual(len(lines), 2 + len(ROWS))

    def test_the_plot_has_a_dot_for_each_figure_inside_the_picture(self):
        drawn = xml.etree.ElementTree.fromstring(plot.svg(ROWS, figures()))
        _, _, width, height = map(float, drawn.get("viewBox").split())
        dots = [part for part in drawn if part.tag.endswith("circle")]
        self.assertEqual(len(dots), len(results.MACHINES) * (len(ROWS) + 1))  # and the legend
        for dot in dots:
            self.assertTrue(0 < float(dot.get("cx")) < width and 0 < float(dot.get("cy")) < height)

    def test_what_costs_ten_times_as_much_stands_one_decade_further(self):
        drawn = xml.etree.ElementTree.fromstring(plot.svg(ROWS, figures(linux=[4, 1000, 67, 1, 1])))
        xs = sorted({float(part.get("cx")) for part in drawn if part.get("fill") != "none" and
                     part.tag.endswith("circle") and part.get("cy") == f"{plot.TOP + plot.LINE * 1.5:.1f}"})
        self.assertEqual([round(b - a) for a, b in zip(xs, xs[1:])], [plot.PER_DECADE])


class Asking(unittest.TestCase):
    """With a QEMU that says a line and counts how often it was asked."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.guest = guests.Guest("linux", self.folder / "kernel", "quiet", ())
        self.qemu("a 4.0 ns\n# end 1 ns")
        (self.folder / "program").write_bytes(b"program")
        for name, value in (("QEMU", str(self.folder / "qemu")), ("ANSWERS", self.folder / "kept"),
                            ("program", lambda: self.folder / "program")):
            patch = unittest.mock.patch.object(guests, name, value)
            patch.start()
            self.addCleanup(patch.stop)

    def qemu(self, says):
        path = self.folder / "qemu"
        path.write_text("#!/bin/sh\n"
                        "[ $1 = --version ] && echo version 1 && exit\n"
                        f"echo \"$@\" >>{self.folder}/asked\n"
                        f"cat <<'end'\n{says}\nend\n")
        path.chmod(0o755)

    def asked(self):
        return (self.folder / "asked").read_text().splitlines()

    def test_what_linux_answered_is_kept(self):
        for _ in range(2):
            self.assertEqual(self.guest.answers("-x par_", fresh=False), {"a": 4.0})
        self.assertEqual(len(self.asked()), 1)

    def test_it_is_asked_again_when_that_is_wanted_or_anything_differs(self):
        self.guest.answers("-x par_", fresh=False)
        self.guest.answers("-x par_", fresh=True)
        self.guest.answers("-x cow", fresh=False)
        (self.folder / "program").write_bytes(b"another")
        self.guest.answers("-x par_", fresh=False)
        self.assertEqual(len(self.asked()), 4)

    def test_what_went_wrong_is_not_kept(self):
        self.qemu("panic")
        for _ in range(2):
            with self.assertRaises(guests.Failed):
                self.guest.answers("-x par_", fresh=False)
        self.assertEqual(len(self.asked()), 2)

    def test_the_machine_counts_instructions_and_gets_the_words(self):
        self.guest.run("-b null")
        self.assertRegex(self.asked()[0], "-icount shift=0,sleep=off .*-append quiet -- -b null$")


class Lines(unittest.TestCase):
    """What bench/smp makes of what its plugin saw."""

    NAMES = smp.Names("ffffffff80200000 0000000000000010 T first\n"
                      "ffffffff80200010 T in_assembler\n"
                      "ffffffff80200040 0000000000000020 T frame_clear\n"
                      "ffffffff80300000 0000000000000008 B count\n"
                      "ffffffff80300040 0000000000000000 B end\n")

    def test_addresses_have_the_name_of_what_is_there(self):
        for address, name in ((0xffffffff8020000f, "first"), (0xffffffff80200020, "in_assembler"),
                              (0xffffffff80300007, "count"), (0xffffffff80300008, "memory"),
                              (0xffffffc080000000, "memory"), (0x80001234, "firmware")):
            self.assertEqual(self.NAMES.of(address), name)

    def test_moves_are_summed_by_function_and_datum(self):
        moves, most = smp.counts_of("move ffffffff80200000 ffffffff80300000 3\n"
                                    "move ffffffff80200004 ffffffff80300000 4\n"
                                    "most ffffffff80200000 ffffffff80300000 9\n", self.NAMES)
        self.assertEqual((moves, most), ({("first", "count"): 7}, {("first", "count"): 9}))

    def test_the_difference_of_two_runs_is_what_operations_cost(self):
        self.assertEqual(smp.per_operation(smp.collections.Counter(a=30, b=5), smp.collections.Counter(a=10, b=5), 10),
                         {"a": 2, "b": 0})

    def test_what_frames_hold_is_told_apart(self):
        data, frames = smp.by_name({("first", "count"): 2, ("first", "memory"): 3, ("frame_clear", "memory"): 128})
        self.assertEqual((data, frames), ({"count": 2, "memory, by first": 3}, 2))

    def test_the_rows_are_those_of_the_program(self):
        for row, _, _ in smp.ROWS:
            self.assertGreater(smp.operations(row, 1), smp.operations(row, 2))
        with self.assertRaises(guests.Failed):
            smp.operations("par_nonsense", 1)

    def test_ratios_are_those_of_one_sitting(self):
        sitting = [({"a": 2.0}, {"a": 3.0}), ({"a": 1.0}, {"a": 4.0})]
        self.assertEqual(smp.ratios(sitting), {"a": [1.5, 4.0]})


# Two harts in machine mode give each other a word 1000 times, and write each to a line of its own.
TURNS = """
    .globl _start
    _start:
    csrr t0, mhartid
    la   a0, turn
    la   a1, own
    slli t1, t0, 6
    add  a1, a1, t1
    li   t2, 1000
    .4byte 0x51b02013
    1: lw t1, (a0)
    bne  t1, t0, 1b
    xori t3, t0, 1
    sd   t2, (a1)
    sw   t3, (a0)
    addi t2, t2, -1
    bnez t2, 1b
    .4byte 0x51e02013
    2: beqz t0, 2b
    li   t0, 0x100000
    li   t1, 0x5555
    sw   t1, (t0)
    3: j 3b
    .data
    .balign 64
    turn: .fill 64
    own: .fill 128
"""


class Plugins(unittest.TestCase):
    def test_lines_that_move_are_counted_and_others_are_not(self):
        with tempfile.TemporaryDirectory() as name:
            source, image, out = (pathlib.Path(name, part) for part in ("turns.S", "turns", "lines"))
            source.write_text(TURNS)
            guests.command("riscv64-linux-gnu-gcc", "-nostdlib", "-static", "-Wl,-Ttext=0x80000000",
                           "-Wl,--build-id=none", str(source), "-o", str(image))
            subprocess.run([guests.QEMU, "-machine", "virt", "-smp", "2", "-m", "512M", "-nographic", "-bios", "none",
                            "-kernel", image, "-plugin", f"{guests.plugin('lines')},out={out}"],
                           stdin=subprocess.DEVNULL, timeout=60, check=True)
            turn = next(line.split()[0] for line in guests.command("riscv64-linux-gnu-nm", str(image)).splitlines()
                        if line.endswith(" turn")).lstrip("0")
            rows = [line.split() for line in out.read_text().splitlines()]
        self.assertEqual([(kind, address) for kind, _, address, _ in rows], [("move", turn), ("most", turn)])
        moves, most = (int(row[-1]) for row in rows)
        self.assertEqual(most, 2000)
        # A hart may hear of a write, and write itself, before the plugin has heard of the first.
        self.assertTrue(1800 < moves <= 1999, moves)

    def test_the_kernel_measures_itself_in_both_modes(self):
        guests.build_kernel()
        for mode in kernel_costs.MODES:
            self.assertIn("empty_system_call_from_a_user_loop", kernel_costs.measure(mode, "empty_system"))

    def test_a_loop_of_four_instructions_has_four(self):
        done = subprocess.run([BENCH / "profile", "spin_4insn"], capture_output=True, text=True, check=False)
        self.assertIn("spin_4insn: 4.0 per operation as the program says; 4.0", done.stdout, done.stderr)
        self.assertRegex(done.stdout, r"\n +4\.0 +\d+\.\d %  user: b_spin\n")

    def test_an_account_has_all_instructions(self):
        profile = program("profile")
        taken = {"user: main": 5.0, "user: libc": 12.0, "trap_entry_shared": 40.0, "exit_shared": 23.0, "finish": 70.0,
                 "rare": 0.6, "rarer": 0.4}
        self.assertEqual(profile.account(taken), "finish 70, in and out 63, the program 17.0, others 1")

    def test_an_operation_that_nobody_knows_is_one_line(self):
        done = subprocess.run([BENCH / "profile", "nonsense"], capture_output=True, text=True, check=False)
        self.assertEqual((done.returncode, done.stderr), (1, "profile: no operation is called nonsense\n"))
