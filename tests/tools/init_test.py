"""/init by itself, as a program of this machine's Linux, under qemu-riscv64.

The test is the host: streams are fifos, and the control port is a terminal that changes no
byte. Skipped where there is no qemu-riscv64.
"""
import os
import pathlib
import pty
import shutil
import signal
import struct
import subprocess
import tempfile
import threading
import time
import tty
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
INIT = ROOT / "build/user/init.elf"
QEMU = shutil.which("qemu-riscv64") or shutil.which("qemu-riscv64-static")
PATH = b"PATH=" + os.environ["PATH"].encode()


def record(kind, data=b""):
    return struct.pack("<II", ord(kind), len(data)) + data


@unittest.skipUnless(QEMU and INIT.exists(), "no qemu-riscv64, or /init is not built")
class Init(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        for name in ("in", "out", "err"):
            os.mkfifo(self.folder / name)
        self.control, self.theirs = pty.openpty()
        tty.setraw(self.theirs)
        (self.folder / "control").symlink_to(os.ttyname(self.theirs))
        self.init = subprocess.Popen([QEMU, INIT, f"{self.folder}/"], stdin=subprocess.DEVNULL)
        self.addCleanup(self.init.wait, 30)
        self.addCleanup(self.init.kill)
        self.heard = b""
        self.streams = {}
        self.threads = []

    def say(self, *records):
        data = b"".join(records)
        while data:
            data = data[os.write(self.control, data):]

    def run_job(self, *words, settings=(), given=b""):
        """Tells what to run and has the streams ready."""
        def send():
            with open(self.folder / "in", "wb") as out:
                out.write(given)

        def receive(name):
            with open(self.folder / name, "rb") as file:
                self.streams[name] = file.read()

        self.say(*(record("a", word.encode()) for word in words), record("e", PATH), *settings,
                 record("r"))
        self.threads = [threading.Thread(target=send, daemon=True)]
        self.threads += [threading.Thread(target=receive, args=(n,), daemon=True) for n in ("out", "err")]
        for thread in self.threads:
            thread.start()

    def hear(self):
        while len(self.heard) < 8 or len(self.heard) < 8 + struct.unpack("<I", self.heard[4:8])[0]:
            self.heard += os.read(self.control, 65536)
        kind, size = struct.unpack("<II", self.heard[:8])
        body, self.heard = self.heard[8:8 + size], self.heard[8 + size:]
        return chr(kind), body

    def end(self):
        """(status, out, err), and /init has ended with the status, too."""
        kind, body = self.hear()
        self.assertEqual(kind, "S")
        status = struct.unpack("<I", body)[0]
        self.assertEqual(self.init.wait(30), status)
        for thread in self.threads[1:]:
            thread.join(30)
        return status, self.streams.get("out"), self.streams.get("err")

    def test_a_job_has_its_streams_and_its_status(self):
        self.run_job("sh", "-c", "cat; echo err >&2; exit 7", given=b"bytes")
        self.assertEqual(self.end(), (7, b"bytes", b"err\n"))

    def test_a_job_that_was_killed_is_128_and_the_signal(self):
        self.run_job("sh", "-c", "kill -KILL $$")
        self.assertEqual(self.end(), (137, b"", b""))

    def test_a_command_that_is_not_there_is_127(self):
        self.run_job("no-such-name")
        self.assertEqual(self.end(), (127, b"", b"kilburn: no-such-name: not found\n"))

    def test_a_path_that_is_not_there_is_127(self):
        self.run_job("/none/x")
        self.assertEqual(self.end(), (127, b"", b"kilburn: /none/x: not found\n"))

    def test_an_empty_name_is_127(self):
        self.run_job("")
        self.assertEqual(self.end(), (127, b"", b"kilburn: : not found\n"))

    def test_what_cannot_be_run_is_126(self):
        self.run_job("/etc")
        self.assertEqual(self.end(), (126, b"", b"kilburn: /etc: permission denied\n"))

    def test_a_file_without_an_interpreter_is_a_script(self):
        script = self.folder / "script"
        script.write_text("echo $# \"$2\"\n")
        script.chmod(0o755)
        self.run_job(str(script), "a", "b c")
        self.assertEqual(self.end(), (0, b"2 b c\n", b""))

    def test_an_empty_part_of_the_path_is_the_directory(self):
        program = self.folder / "program"
        program.write_text("#!/bin/sh\necho here\n")
        program.chmod(0o755)
        self.say(record("e", b"PATH=/none:"), record("d", bytes(self.folder)))
        self.run_job("program")
        self.assertEqual(self.end(), (0, b"here\n", b""))

    def test_without_a_command_a_shell_reads_its_input(self):
        self.run_job(given=b"echo $0; exit 3\n")
        status, out, _ = self.end()
        self.assertEqual(status, 3)
        self.assertIn(out, (b"bash\n", b"sh\n"))

    def test_the_environment_is_what_was_said(self):
        self.run_job("env", settings=[record("e", b"A=b c"), record("e", b"EMPTY=")])
        self.assertEqual(self.end(), (0, PATH + b"\nA=b c\nEMPTY=\n", b""))

    def test_files_are_put_and_got(self):
        data = os.urandom(300000)
        put = [record("p", struct.pack("<I", 0o640) + b"new/dir/file")]
        put += [record("D", data[at:at + 65536]) for at in range(0, len(data), 65536)] + [record("E")]
        gets = [record("g", b"new/dir/file"), record("g", b"none"), record("g", b"new")]
        writer = threading.Thread(target=self.run_job, args=("true",), daemon=True, kwargs={
            "settings": [record("d", bytes(self.folder)), *gets, *put]})
        writer.start()
        self.assertEqual(self.hear(), ("F", struct.pack("<I", 0o640)))
        got = b""
        while (heard := self.hear())[0] == "D":
            got += heard[1]
        self.assertEqual((heard, got), (("E", b""), data))
        self.assertEqual(self.hear(), ("A", struct.pack("<I", 2)))
        self.assertEqual(self.hear(), ("A", struct.pack("<I", 21)))
        self.assertEqual(self.end()[0], 0)

    def test_what_cannot_be_put_is_said_and_nothing_runs(self):
        self.say(record("p", struct.pack("<I", 0o644) + b"/dev/null/x"), record("D", b"x" * 100000),
                 record("D", b"y"), record("E"), record("a", b"true"), record("r"))
        self.assertEqual(self.hear(), ("R", struct.pack("<I", 20) + b"/dev/null/x"))
        self.assertEqual(self.end()[0], 126)

    def test_a_directory_that_is_not_there_is_said(self):
        self.say(record("d", b"/none"), record("a", b"true"), record("r"))
        self.assertEqual(self.hear(), ("R", struct.pack("<I", 2) + b"/none"))
        self.assertEqual(self.end()[0], 126)

    def test_signals_reach_the_whole_job(self):
        self.run_job("sh", "-c", "trap 'exit 9' INT; echo ready; sleep 100; sleep 100")
        self.say(record("s", struct.pack("<I", 0)), record("?", b"of another time"))
        time.sleep(1)
        self.say(record("s", struct.pack("<I", signal.SIGINT)))
        self.assertEqual(self.end(), (9, b"ready\n", b""))

    def test_when_the_host_goes_the_job_ends(self):
        self.run_job("sh", "-c", "echo begun; sleep 1000")
        time.sleep(1)
        os.close(self.theirs)
        os.close(self.control)
        self.assertIsNotNone(self.init.wait(30))


if __name__ == "__main__":
    unittest.main()
