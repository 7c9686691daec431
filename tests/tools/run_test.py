"""./kilburn run, with a machine that only pretends: tests/tools/fake_qemu.

What is tested is the host's half: streams, signals, files, the terminal, the statuses. Jobs
are programs of this machine.
"""
import hashlib
import os
import pathlib
import pty
import signal
import subprocess
import tempfile
import termios
import threading
import time
import unittest

import cpio

HERE = pathlib.Path(__file__).resolve().parent
KILBURN = HERE.parent.parent / "kilburn"
SECONDS = 60


class WithMachine(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.root = self.folder / "root.cpio"
        with open(self.root, "wb") as out:
            cpio.write_archive(out, [("nothing", b"nothing")])

    def words(self, *words, fake=""):
        return [KILBURN, "run", "--qemu", HERE / "fake_qemu", "--root", self.root,
                "--append", f"fake={fake}" if fake else "", *words]

    def run_job(self, *words, fake="", **options):
        options.setdefault("stdin", subprocess.DEVNULL) if "input" not in options else None
        return subprocess.run(self.words(*words, fake=fake), capture_output=True, timeout=SECONDS,
                              check=False, cwd=self.folder, **options)

    def start_job(self, *words, fake="", **options):
        started = subprocess.Popen(self.words(*words, fake=fake), stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=self.folder,
                                   **options)
        self.addCleanup(started.wait, SECONDS)
        for file in (started.stdin, started.stdout, started.stderr):
            self.addCleanup(file.close)
        self.addCleanup(started.kill)
        return started

    def check(self, done, status, out=b"", err=b""):
        self.assertEqual((done.returncode, done.stdout, done.stderr), (status, out, err))


class Streams(WithMachine):
    def test_output_and_error_are_apart_and_the_status_is_the_jobs(self):
        self.check(self.run_job("--", "sh", "-c", "echo out; echo err >&2; exit 7"), 7, b"out\n",
                   b"err\n")

    def test_every_status_comes_through(self):
        for status in (0, 1, 2, 124, 125, 126, 255):
            self.check(self.run_job("--", "sh", "-c", f"exit {status}"), status)

    def test_a_job_that_a_signal_killed_is_128_and_the_signal(self):
        self.check(self.run_job("--", "sh", "-c", "kill -TERM $$"), 128 + signal.SIGTERM)

    def test_bytes_go_both_ways_unchanged(self):
        data = os.urandom(3000001)
        self.check(self.run_job("--", "cat", input=data), 0, data)

    def test_a_job_that_reads_nothing_gets_its_end_of_file(self):
        self.check(self.run_job("--", "wc", "-c", input=b""), 0, b"0\n")

    def test_a_job_need_not_read_what_it_is_given(self):
        self.check(self.run_job("--", "true", input=bytes(10000000)), 0)

    def test_words_arrive_as_they_are(self):
        words = ["", " ", "a b", "--", "\n", "$x", "\\", "ä", "x" * 100000]
        done = self.run_job("--", "printf", "%s\\0", *words)
        self.assertEqual(done.stdout.decode().split("\0"), [*words, ""])

    def test_without_a_command_a_shell_reads_ours(self):
        self.check(self.run_job(input=b"echo from the shell; exit 3\n"), 3, b"from the shell\n")

    def test_streams_that_are_closed_are_empty(self):
        line = "exec <&- >&- 2>&-; exec \"$@\""
        done = subprocess.run(["sh", "-c", line, "sh", *self.words("--", "sh", "-c", "cat; exit 4")],
                              timeout=SECONDS, check=False)
        self.assertEqual(done.returncode, 4)

    def test_a_reader_that_goes_away_ends_who_writes(self):
        job = self.start_job("--", "yes")
        self.assertEqual(job.stdout.read(2), b"y\n")
        job.stdout.close()
        self.assertNotIn(job.wait(SECONDS), (0, 124))

    def test_a_slow_reader_holds_the_job_back_and_loses_nothing(self):
        job = self.start_job("--", "sh", "-c", "seq 1000000; echo done >&2")
        job.stdin.close()
        time.sleep(1)
        os.set_blocking(job.stderr.fileno(), False)
        self.assertIsNone(job.stderr.read())
        data = job.stdout.read()
        self.assertEqual(hashlib.sha256(data).hexdigest(),
                         hashlib.sha256(b"".join(b"%d\n" % n for n in range(1, 1000001))).hexdigest())
        self.assertEqual(job.wait(SECONDS), 0)

    def test_the_relay_moves_fifty_megabytes_in_a_second(self):
        size = 400 << 20
        started = time.monotonic()
        job = self.start_job("--", "head", "-c", str(size), "/dev/zero")
        job.stdin.close()
        first = job.stdout.read(1)
        begun = time.monotonic()
        total = len(first)
        while data := job.stdout.read(1 << 20):
            total += len(data)
        self.assertEqual(total, size)
        self.assertGreater(size / (time.monotonic() - begun), 50 << 20)
        self.assertLess(begun - started, SECONDS)


class Surroundings(WithMachine):
    def test_the_environment_is_small_and_can_be_added_to(self):
        done = self.run_job("--env", "A=1", "--env", "B=x=y", "--env", "HOME=/elsewhere", "--", "env",
                            env={**os.environ, "TERM": "vt52", "SECRET": "1"})
        found = dict(line.split("=", 1) for line in done.stdout.decode().splitlines())
        for own in ("PWD", "_", "SHLVL"):
            found.pop(own, None)
        self.assertEqual(found.pop("PATH").split(":")[-1], "/bin")
        self.assertEqual(found, {"A": "1", "B": "x=y", "HOME": "/elsewhere", "TERM": "vt52"})

    def test_files_go_there_and_come_back(self):
        work = self.folder / "there"
        work.mkdir()
        data = os.urandom(300000)
        (self.folder / "data").write_bytes(data)
        (self.folder / "data").chmod(0o750)
        self.check(self.run_job("--cwd", work, "--put", "data", "--put", "data:other", "--get",
                                "result", "--get", "result:again", "--", "sh", "-c",
                                "cmp data other && cat data other >result; chmod 711 result"), 0)
        self.assertEqual((work / "other").stat().st_mode & 0o777, 0o750)
        for name in ("result", "again"):
            self.assertEqual((self.folder / name).read_bytes(), data + data)
            self.assertEqual((self.folder / name).stat().st_mode & 0o777, 0o711)

    def test_a_file_that_cannot_be_got_is_said_and_changes_a_good_status(self):
        for status, wanted in ((0, 1), (9, 9)):
            done = self.run_job("--cwd", self.folder, "--get", "none", "--", "sh", "-c", f"exit {status}")
            self.check(done, wanted, b"", b"kilburn: none: No such file or directory\n")
        self.assertEqual([p.name for p in self.folder.iterdir()], ["root.cpio"])

    def test_a_file_that_cannot_be_put_is_said_and_nothing_runs(self):
        (self.folder / "data").write_bytes(b"x" * 200000)
        done = self.run_job("--put", "data:/dev/null/x", "--", "echo", "ran")
        self.check(done, 126, b"", b"kilburn: /dev/null/x: Not a directory\n")


class Ends(WithMachine):
    def test_time_that_is_over(self):
        done = self.run_job("--timeout", "1.5", "--", "sh", "-c", "echo begun; sleep 1000")
        self.check(done, 124, b"begun\n", b"kilburn: not finished after 1.5 seconds\n")

    def test_a_guest_that_does_not_say_anything_is_stopped_by_the_clock(self):
        for fake in ("silent", "stuck"):
            self.assertEqual(self.run_job("--timeout", "1", "--", "true", fake=fake).returncode, 124)

    def test_a_panic_shows_the_log(self):
        done = self.run_job("--", "true", fake="panic")
        self.assertEqual(done.returncode, 125)
        self.assertIn(b"PANIC: for a test\n  somewhere\n", done.stderr)
        self.assertTrue(done.stderr.endswith(b"kilburn: the kernel panicked\n"), done.stderr)

    def test_a_machine_that_does_not_start_is_explained(self):
        self.check(self.run_job("--", "true", fake="refuses"), 126, b"",
                   b"kilburn: the machine did not boot: qemu: no machine today\n")

    def test_a_guest_that_powers_off_by_itself_says_how(self):
        self.check(self.run_job("--", "true", fake="off=0"), 0)
        self.check(self.run_job("--", "true", fake="off=9"), 9)

    def test_a_machine_that_stays_after_its_last_word_is_ended(self):
        self.check(self.run_job("--", "echo", "x", fake="lingers"), 0, b"x\n")

    def test_the_log_goes_where_it_is_asked_to(self):
        self.check(self.run_job("--log", "log", "--", "true"), 0)
        self.assertIn(b"[ INFO] Kilburn\n", (self.folder / "log").read_bytes())
        done = self.run_job("--strace", "--", "true")
        self.assertIn(b"[ INFO] Kilburn\n", done.stderr)

    def begun(self, *words, script):
        job = self.start_job(*words, "--", "sh", "-c", f"{script}; echo ready; while :; do sleep .1; done")
        self.assertEqual(job.stdout.readline(), b"ready\n")
        return job

    def test_the_first_interrupt_is_the_jobs(self):
        job = self.begun(script="trap 'exit 33' INT")
        job.send_signal(signal.SIGINT)
        self.assertEqual(job.wait(SECONDS), 33)
        job = self.begun(script=":")
        job.send_signal(signal.SIGINT)
        self.assertEqual(job.wait(SECONDS), 128 + signal.SIGINT)

    def test_the_second_interrupt_ends_the_machine(self):
        job = self.begun(script="trap 'echo caught' INT")
        job.send_signal(signal.SIGINT)
        self.assertEqual(job.stdout.readline(), b"caught\n")
        job.send_signal(signal.SIGINT)
        self.assertEqual(job.wait(5), 128 + signal.SIGINT)

    def test_being_told_to_end_ends_the_machine(self):
        for number in (signal.SIGTERM, signal.SIGHUP):
            job = self.begun(script="trap '' TERM HUP INT")
            job.send_signal(number)
            self.assertEqual(job.wait(5), 128 + number)


class Usage(WithMachine):
    def test_bad_usage_is_one_line_and_status_2(self):
        (self.folder / "folder").mkdir()
        (self.folder / "file").write_bytes(b"x")
        for words in (["cat"], ["--"], ["--bad"], ["--put", "none", "--", "x"], ["--put", "folder", "--", "x"],
                      ["--put", ":x", "--", "x"], ["--get", "a:none/b", "--", "x"],
                      ["--get", "a:folder", "--", "x"], ["--env", "A", "--", "x"], ["--root", "none", "--", "x"],
                      ["--root", "file", "--", "x"], ["--timeout", "0", "--", "x"],
                      ["--package", "x", "--root", "file", "--", "x"]):
            done = self.run_job(*words)
            self.assertEqual((done.returncode, done.stdout), (2, b""), (words, done.stderr))
            self.assertEqual(len(done.stderr.splitlines()), 1, (words, done.stderr))


class Terminal(WithMachine):
    def on_terminal(self, *words, fake=""):
        """The command with a terminal of its own: (process, our end)."""
        ours, theirs = pty.openpty()
        self.addCleanup(os.close, ours)
        termios.tcsetwinsize(theirs, (30, 100))
        self.before = termios.tcgetattr(theirs)
        self.theirs = theirs
        self.addCleanup(os.close, theirs)
        started = subprocess.Popen(self.words(*words, fake=fake), stdin=theirs, stdout=theirs,
                                   stderr=subprocess.PIPE, start_new_session=True, cwd=self.folder,
                                   preexec_fn=lambda: os.close(os.open(os.ttyname(0), os.O_RDWR)))
        self.addCleanup(started.wait, SECONDS)
        self.addCleanup(started.stderr.close)
        self.addCleanup(started.kill)
        return started, ours

    def read_until(self, ours, wanted):
        data, deadline = b"", threading.Timer(SECONDS, lambda: os.write(self.theirs, b"TOO LATE"))
        deadline.start()
        while wanted not in data and b"TOO LATE" not in data:
            data += os.read(ours, 1000)
        deadline.cancel()
        self.assertIn(wanted, data)
        return data

    def test_keys_go_to_the_guest_and_the_terminal_is_restored(self):
        started, ours = self.on_terminal()
        self.read_until(ours, b"30 by 100\r\n[# ")
        self.assertFalse(termios.tcgetattr(self.theirs)[3] & termios.ICANON)
        os.write(ours, b"\x03\x1a\x04x\r")
        self.read_until(ours, b"031a04780d\r\n")
        self.assertEqual(started.wait(SECONDS), 5)
        self.assertEqual(termios.tcgetattr(self.theirs), self.before)

    def test_the_guest_hears_of_another_size(self):
        started, ours = self.on_terminal()
        self.read_until(ours, b"[# ")
        termios.tcsetwinsize(self.theirs, (10, 20))
        started.send_signal(signal.SIGWINCH)
        self.read_until(ours, b"now 10 by 20\r\n")
        started.send_signal(signal.SIGTERM)
        self.assertEqual(started.wait(SECONDS), 128 + signal.SIGTERM)
        self.assertEqual(termios.tcgetattr(self.theirs), self.before)

    def test_three_escapes_end_the_machine(self):
        started, ours = self.on_terminal()
        self.read_until(ours, b"[# ")
        for _ in range(3):
            os.write(ours, b"\x1d")
        self.assertEqual(started.wait(SECONDS), 128 + signal.SIGINT)
        self.assertEqual(termios.tcgetattr(self.theirs), self.before)

    def test_a_command_gets_ports_and_the_terminal_stays_as_it_is(self):
        started, ours = self.on_terminal("--", "sh", "-c", "test -t 0 || cat")
        os.write(ours, b"line\n\x04")
        self.read_until(ours, b"line\r\nline\r\n")
        self.assertEqual(started.wait(SECONDS), 0)


if __name__ == "__main__":
    unittest.main()
