"""tools/root-image, with small packages of our own and an apt that only pretends."""
import importlib.machinery
import importlib.util
import os
import pathlib
import stat
import subprocess
import tempfile
import time
import unittest

import cpio
import debian_root
from debian import Failed

TOOL = pathlib.Path(__file__).resolve().parent.parent.parent / "tools/root-image"

FAKE_APT = """#!/bin/sh
echo "$@" >>"$FAKE/asked"
for word; do
    case $word in -oDir::Cache::Archives=*) archives=${word#*=} ;; esac
done
case "$*" in
*" update") touch "$FAKE/updated" ;;
*--simulate*)
    [ -e "$FAKE/updated" ] || { echo "E: Unable to locate package" >&2; exit 100; }
    case "$*" in *" missing"*) echo "E: no package missing" >&2; exit 100 ;; esac
    for deb in "$FAKE"/*.deb; do
        name=${deb##*/}
        version=${name#*_}
        echo "Inst ${name%%_*} (${version%%_*} Debian:13/stable [all])"
    done ;;
*--print-uris*)
    for deb in "$FAKE"/*.deb; do
        [ -e "$archives/${deb##*/}" ] || echo "'http://x/y' ${deb##*/} 100 SHA256:0"
    done ;;
*--download-only*) cp "$FAKE"/*.deb "$archives" ;;
esac
"""

AWK_SCRIPT = """#!/bin/sh
set -e
update-alternatives --quiet --install /usr/bin/awk awk /usr/bin/gawk 10 \\
  --slave /usr/share/man/man1/awk.1.gz awk.1.gz /usr/share/man/man1/gawk.1.gz \\
  --slave /usr/bin/nawk nawk /usr/bin/gawk
update-alternatives --install /usr/bin/x x "$somewhere" 10
update-alternatives --install /usr/bin/awk awk /usr/bin/oldawk 5; exit 0
"""

PACKAGES = {
    "base-files": {"bin": "->usr/bin", "sbin": "->usr/sbin", "lib": "->usr/lib",
                   "usr/bin/": "", "usr/sbin/": "", "usr/lib/": "",
                   "usr/share/base-files/dot.profile": "# profile\n"},
    "base-passwd": {"usr/share/base-passwd/passwd.master": "root:*:0:0:root:/root:/bin/bash\n"
                                                           "games:*:5:60:games:/:/bin/false\n",
                    "usr/share/base-passwd/group.master": "root:*:0:\ngames:*:60:\n"},
    "dash": {"usr/bin/dash": "dash", "bin/also": "behind a link",
             "usr/share/debianutils/shells.d/dash": "/usr/bin/dash\n/usr/bin/none\n",
             "usr/share/doc/dash/README": "nobody reads this here"},
    "gawk": {"usr/bin/gawk": "gawk", "usr/bin/oldawk": "oldawk"},
}


def make_tree(root, files):
    for name, text in files.items():
        place = root / name
        place.parent.mkdir(parents=True, exist_ok=True)
        if name.endswith("/"):
            place.mkdir(exist_ok=True)
        elif text.startswith("->"):
            place.symlink_to(text[2:])
        else:
            place.write_text(text)


def make_package(folder, name, files, script=""):
    with tempfile.TemporaryDirectory() as work:
        tree = pathlib.Path(work) / "tree"
        make_tree(tree, files)
        (tree / "DEBIAN").mkdir(mode=0o755)
        (tree / "DEBIAN/control").write_text(
            f"Package: {name}\nVersion: 1\nArchitecture: all\n"
            "Maintainer: nobody <nobody@example.org>\nDescription: for a test\n")
        if script:
            (tree / "DEBIAN/postinst").write_text(script)
            (tree / "DEBIAN/postinst").chmod(0o755)
        archive = folder / f"{name}_1_all.deb"
        subprocess.run(["dpkg-deb", "--root-owner-group", "-Znone", "-b", tree, archive],
                       check=True, stdout=subprocess.DEVNULL)
        return archive


def make_packages(folder):
    return [make_package(folder, name, files, AWK_SCRIPT if name == "gawk" else "")
            for name, files in PACKAGES.items()]


def read_archive(data):
    """{name: (bytes, mode)} of a newc archive."""
    entries, at = {}, 0
    while True:
        field = [int(data[at + 6 + 8 * i:at + 14 + 8 * i], 16) for i in range(13)]
        name = data[at + 110:at + 110 + field[11]].rstrip(b"\0").decode()
        start = (at + 110 + field[11] + 3) & ~3
        if name == "TRAILER!!!":
            return entries
        entries[name] = data[start:start + field[6]], field[1]
        at = (start + field[6] + 3) & ~3


def tool():
    """The tool as a module."""
    loader = importlib.machinery.SourceFileLoader("root_image", str(TOOL))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("root_image", loader))
    loader.exec_module(module)
    return module


class WithFolder(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.roots = self.folder / "cache/kilburn/roots"
        self.fake = self.folder / "fake"
        self.fake.mkdir()

    def fake_program(self, name, text):
        (self.fake / name).write_text(text)
        (self.fake / name).chmod(0o755)

    def run_tool(self, *words):
        return subprocess.run([TOOL, *words], text=True, capture_output=True, check=False,
                              env={**os.environ, "XDG_CACHE_HOME": str(self.folder / "cache"),
                                   "KILBURN_APT_ETC": str(self.folder), "FAKE": str(self.fake),
                                   "PATH": f"{self.fake}:{os.environ['PATH']}:/usr/sbin"})

    def made(self):
        """What is in the cache, but for links and the lock."""
        return sorted(p.name for p in self.roots.iterdir() if not p.is_symlink() and p.name != "lock")

    def unpacked(self, image):
        out = self.folder / f"out-{time.monotonic_ns()}"
        subprocess.run(["fsck.erofs", f"--extract={out}", "--no-preserve-owner", image], check=True,
                       stdout=subprocess.DEVNULL,
                       env={**os.environ, "PATH": f"{os.environ['PATH']}:/usr/sbin"})
        return out


class Scripts(unittest.TestCase):
    def test_alternatives_are_found_with_their_slaves(self):
        found = list(debian_root.alternatives_in(AWK_SCRIPT))
        self.assertEqual(found, [
            (10, "awk", "/usr/bin/awk", "/usr/bin/gawk"),
            (10, "awk.1.gz", "/usr/share/man/man1/awk.1.gz", "/usr/share/man/man1/gawk.1.gz"),
            (10, "nawk", "/usr/bin/nawk", "/usr/bin/gawk"),
            (5, "awk", "/usr/bin/awk", "/usr/bin/oldawk")])

    def test_what_needs_a_shell_is_passed_over(self):
        for line in ("update-alternatives --install $a b c 1", "update-alternatives --remove a b",
                     "update-alternatives --install /a b", "update-alternatives 'unclosed",
                     "update-alternatives --install /a b /c `x`", ""):
            self.assertEqual(list(debian_root.alternatives_in(line)), [])


class System(WithFolder):
    def complete(self):
        root = self.folder / "root"
        root.mkdir()
        archives = make_packages(self.folder)
        debian_root.unpack(archives, root, lambda *_: None)
        debian_root.complete(root, debian_root.scripts_of(archives))
        return root

    def test_what_scripts_would_have_made_is_there(self):
        root = self.complete()
        self.assertEqual(os.readlink(root / "usr/bin/sh"), "dash")
        self.assertEqual(os.readlink(root / "usr/bin/awk"), "/etc/alternatives/awk")
        self.assertEqual(os.readlink(root / "etc/alternatives/awk"), "/usr/bin/gawk")
        self.assertFalse((root / "usr/share/man/man1/awk.1.gz").is_symlink())
        self.assertEqual((root / "etc/passwd").read_text().splitlines()[0],
                         "root:x:0:0:root:/root:/bin/bash")
        self.assertIn("games:*:", (root / "etc/shadow").read_text())
        self.assertEqual(stat.S_IMODE((root / "etc/shadow").stat().st_mode), 0o640)
        self.assertEqual((root / "etc/group").read_text(), "root:x:0:\ngames:x:60:\n")
        self.assertEqual((root / "etc/shells").read_text(), "/bin/sh\n/usr/bin/dash\n")
        self.assertEqual((root / "root/.profile").read_text(), "# profile\n")
        for name in ("hostname", "hosts", "nsswitch.conf", "resolv.conf"):
            self.assertTrue((root / "etc" / name).is_file(), name)
        for name in ("tmp", "var/tmp"):
            self.assertEqual(stat.S_IMODE((root / name).stat().st_mode), 0o1777)

    def test_folders_that_are_links_stay_links_and_documents_are_left_out(self):
        root = self.complete()
        self.assertEqual(os.readlink(root / "bin"), "usr/bin")
        self.assertEqual((root / "usr/bin/also").read_text(), "behind a link")
        self.assertEqual(list((root / "usr/share/doc").iterdir()), [])

    def test_nothing_is_written_outside_of_the_root(self):
        root = self.folder / "root"
        outside = self.folder / "outside"
        outside.mkdir()
        make_tree(root, {"etc": f"->{outside}", "usr/bin/sh": ""})
        with self.assertRaises(Failed):
            debian_root.complete(root, [])
        self.assertEqual(list(outside.iterdir()), [])

    def test_a_system_without_a_shell_is_refused(self):
        root = self.folder / "root"
        root.mkdir()
        with self.assertRaisesRegex(Failed, "no /bin/sh"):
            debian_root.complete(root, [])


class Busybox(WithFolder):
    PROGRAM = b"\x7fELF...\0[\0[[\0ash\0busybox\0sh\0\0more"

    def test_commands_are_read_from_the_program(self):
        self.assertEqual(tool().applets_of(self.PROGRAM), ["[", "[[", "ash", "busybox", "sh"])
        with self.assertRaises(Failed):
            tool().applets_of(b"something else")

    def test_the_archive_has_all_of_it(self):
        path = self.folder / "archive"
        with open(path, "wb") as out:
            cpio.write_entries(out, tool().busybox_entries(self.PROGRAM))
        entries = read_archive(path.read_bytes())
        self.assertEqual(entries["bin/busybox"], (self.PROGRAM, 0o100755))
        self.assertEqual(entries["bin/sh"], (b"busybox", 0o120777))
        self.assertEqual(entries["tmp"], (b"", 0o041777))
        self.assertEqual(entries["sbin"], (b"bin", 0o120777))
        self.assertTrue(entries["etc/passwd"][0].startswith(b"root:x:0:0:"))
        seen = {""}
        for name, (_, mode) in entries.items():
            self.assertIn(name.rpartition("/")[0], seen)
            if stat.S_ISDIR(mode):
                seen.add(name)

    def test_contents_of_files_begin_on_a_page(self):
        path = self.folder / "archive"
        with open(path, "wb") as out:
            cpio.write_entries(out, tool().busybox_entries(self.PROGRAM))
        self.assertEqual(path.read_bytes().index(self.PROGRAM) % 4096, 0)


class Directory(WithFolder):
    def setUp(self):
        super().setUp()
        self.tree = self.folder / "tree"
        make_tree(self.tree, {"a": "first", "dir/b": "x" * 5000, "link": "->dir/b", "empty/": ""})

    def image(self):
        done = self.run_tool("--directory", self.tree)
        self.assertEqual(done.returncode, 0, done.stderr)
        return pathlib.Path(done.stdout.strip())

    def test_a_directory_is_packed_as_it_is(self):
        out = self.unpacked(self.image())
        done = subprocess.run(["diff", "-r", "--no-dereference", self.tree, out], check=False)
        self.assertEqual(done.returncode, 0)

    def test_what_was_packed_is_not_packed_again(self):
        first = self.image()
        self.fake_program("mkfs.erofs", "#!/bin/sh\nexit 1\n")
        self.assertEqual(self.image(), first)

    def test_a_change_makes_another_image_and_the_old_one_goes(self):
        first = self.image()
        (self.tree / "a").write_text("other")
        second = self.image()
        self.assertNotEqual(first, second)
        self.assertEqual(self.made(), [second.name])
        self.assertEqual((self.unpacked(second) / "a").read_text(), "other")

    def test_a_failure_is_one_line_and_leaves_nothing(self):
        self.fake_program("mkfs.erofs", "#!/bin/sh\nfor w; do f=$w; done\n"
                                        "echo half >\"$(dirname \"$f\")/x\"; echo no room; exit 1\n")
        done = self.run_tool("--directory", self.tree)
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertEqual(done.stderr.splitlines()[1:], ["root-image: mkfs.erofs: no room"])
        self.assertEqual(self.made(), [])

    def test_a_run_that_is_killed_leaves_no_image_and_the_next_cleans_up(self):
        self.fake_program("mkfs.erofs", "#!/bin/sh\nkill -9 $PPID\n")
        self.assertEqual(self.run_tool("--directory", self.tree).returncode, -9)
        self.assertTrue(all(name.startswith("work-") for name in self.made()))
        (self.fake / "mkfs.erofs").unlink()
        image = self.image()
        self.assertEqual(self.made(), [image.name])

    def test_what_is_no_directory_is_refused(self):
        done = self.run_tool("--directory", self.tree / "a")
        self.assertEqual(done.returncode, 1)
        self.assertEqual(len(done.stderr.splitlines()), 1)


class Debian(WithFolder):
    def setUp(self):
        super().setUp()
        (self.folder / "sources.list").write_text("deb http://nowhere.example/debian trixie main\n")
        self.fake_program("apt-get", FAKE_APT)
        make_packages(self.fake)

    def image(self, *words):
        done = self.run_tool(*words)
        self.assertEqual(done.returncode, 0, done.stderr)
        return pathlib.Path(done.stdout.strip())

    def test_packages_become_an_image(self):
        out = self.unpacked(self.image())
        self.assertEqual((out / "usr/bin/gawk").read_text(), "gawk")
        self.assertEqual(os.readlink(out / "bin"), "usr/bin")
        asked = (self.fake / "asked").read_text()
        self.assertIn("APT::Architecture=riscv64", asked)
        self.assertIn(" python3 ", asked)

    def test_an_image_that_is_there_needs_no_apt(self):
        first = self.image()
        self.fake_program("apt-get", "#!/bin/sh\nexit 1\n")
        self.assertEqual(self.image(), first)
        self.assertNotEqual(self.run_tool("--update").returncode, 0)
        self.assertEqual(self.image(), first)

    def test_another_package_is_another_image(self):
        first = self.image()
        make_package(self.fake, "extra", {"usr/bin/extra": "extra"})
        self.assertEqual(self.image(), first)
        second = self.image("--package", "extra")
        self.assertEqual((self.unpacked(second) / "usr/bin/extra").read_text(), "extra")
        self.assertEqual(self.made(), sorted([first.name, second.name]))

    def test_what_nobody_asks_for_goes_in_the_end(self):
        first, other = self.image(), self.image("--package", "dash", "--package", "other")
        self.assertEqual(first, other)  # the same packages came of both
        make_package(self.fake, "extra", {"usr/bin/extra": "extra"})
        second = self.image("--package", "extra")
        for image in (first, second):
            os.utime(image, (0, 0))
        self.image("--package", "extra")
        make_package(self.fake, "third", {"usr/bin/third": "third"})
        third = self.image("--package", "third")
        self.assertEqual(self.made(), sorted([second.name, third.name]))
        self.assertTrue(self.image().exists())

    def test_the_lists_are_asked_for_once(self):
        self.image()
        self.image("--package", "gawk")
        self.assertEqual((self.fake / "asked").read_text().count(" update\n"), 1)

    def test_a_package_that_does_not_exist_is_asked_for_twice_and_no_more(self):
        done = self.run_tool("--package", "missing")
        self.assertEqual(done.returncode, 1)
        self.assertEqual(done.stderr.splitlines()[-1], "root-image: apt-get: E: no package missing")
        self.assertEqual((self.fake / "asked").read_text().count(" update\n"), 1)

    def test_a_package_that_cannot_be_unpacked_leaves_nothing(self):
        (self.fake / "dash_1_all.deb").write_text("no package")
        done = self.run_tool()
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertEqual(self.made(), [])

    def test_without_apt_it_says_so_in_one_line(self):
        self.fake_program("apt-get", "#!/bin/sh\necho 'E: no network' >&2\nexit 100\n")
        done = self.run_tool()
        self.assertEqual(done.returncode, 1)
        self.assertEqual(done.stderr.splitlines()[-1], "root-image: apt-get: E: no network")

    def test_names_of_packages_are_checked(self):
        for name in ("-oX=y", "a b", "../x", ""):
            self.assertEqual(self.run_tool(f"--package={name}").returncode, 2)
