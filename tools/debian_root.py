"""The root of a Debian system, from packages whose maintainer scripts never run.

A package is its files and some scripts. The files are unpacked; what the scripts would
have made of them in a fresh system is made here: accounts from the masters of base-passwd,
the configuration that base-files has as templates, the links of alternatives (read from
the scripts), shells, PAM's common files, and the directories that exist nowhere else.

Everything is done inside one folder, with paths that follow no link out of it.
"""
import os
import pathlib
import re
import shlex
import subprocess

from debian import Failed, command

LEFT_OUT = ["usr/share/doc", "usr/share/man", "usr/share/info", "usr/share/locale",
            "usr/share/lintian"]
FIRST = "base-files"  # its links (/bin to usr/bin) come before what others put behind them

DIRECTORIES = {
    "dev": 0o755, "etc": 0o755, "home": 0o755, "mnt": 0o755, "opt": 0o755, "proc": 0o555,
    "root": 0o700, "run": 0o755, "run/lock": 0o1777, "srv": 0o755, "sys": 0o555,
    "tmp": 0o1777, "usr/local/bin": 0o755, "var/cache": 0o755, "var/lib": 0o755,
    "var/log": 0o755, "var/tmp": 0o1777,
}

FILES = {
    "etc/environment": "",
    "etc/fstab": "",
    "etc/hostname": "kilburn\n",
    "etc/hosts": "127.0.0.1\tlocalhost kilburn\n::1\t\tlocalhost\n",
    "etc/machine-id": "",
    "etc/nsswitch.conf": "passwd: files\ngroup: files\nshadow: files\nhosts: files dns\n"
                         "networks: files\nprotocols: files\nservices: files\n",
    "etc/resolv.conf": "",
}

LINKS = {
    "etc/mtab": "../proc/self/mounts",
    "var/run": "/run",
    "var/lock": "/run/lock",
}

PAM = {
    "common-account": "account required pam_unix.so\n",
    "common-auth": "auth required pam_unix.so nullok\n",
    "common-password": "password required pam_unix.so\n",
    "common-session": "session required pam_unix.so\n",
    "common-session-noninteractive": "session required pam_unix.so\n",
}


def unpack(archives, root, show):
    """The files of all packages, without those that nobody needs here."""
    ordered = sorted(archives, key=lambda path: not path.name.startswith(FIRST + "_"))
    for done, archive in enumerate(ordered):
        show(done, len(ordered))
        with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", archive],
                              stdout=subprocess.PIPE) as files:
            command("tar", "-x", "-p", "--no-same-owner", "--keep-directory-symlink",
                    "--delay-directory-restore",
                    *(f"--exclude=./{folder}/*" for folder in LEFT_OUT),
                    "-C", str(root), stdin=files.stdout)
        if files.returncode != 0:
            raise Failed(f"{archive.name} cannot be unpacked")


def scripts_of(archives):
    """The script of each package that runs when its files are there."""
    for archive in archives:
        done = subprocess.run(["dpkg-deb", "-I", archive, "postinst"], text=True, check=False,
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        yield done.stdout


def alternatives_in(script):
    """(priority, name, link, path) of each alternative that a script installs.

    What needs a shell to be understood is passed over.
    """
    joined = re.sub(r"\\\n", " ", script)
    for found in re.finditer(r"update-alternatives\b([^\n;&|]*)", joined):
        try:
            words = shlex.split(found[1], comments=True)
        except ValueError:
            continue
        if any("$" in word or "`" in word for word in words) or "--install" not in words:
            continue
        at = words.index("--install")
        if len(words) < at + 5 or not words[at + 4].isdigit():
            continue
        link, name, path, priority = words[at + 1:at + 5]
        yield int(priority), name, link, path
        for slave in (i for i, word in enumerate(words) if word == "--slave"):
            if len(words) >= slave + 4:
                link, name, path = words[slave + 1:slave + 4]
                yield int(priority), name, link, path


def inside(root, path):
    """Where a path of the new system is, if nothing on the way leads out of it."""
    place = root / path.lstrip("/")
    if not place.parent.resolve().is_relative_to(root.resolve()):
        raise Failed(f"{path} leads out of the new root")
    return place


def exists(root, path):
    """Whether a path of the new system leads to a file. Links in it are its own."""
    place = root / path.lstrip("/")
    for _ in range(40):
        if not place.is_symlink():
            return place.exists()
        target = os.readlink(place)
        place = root / target.lstrip("/") if target.startswith("/") else place.parent / target
    return False


def link(root, path, target):
    place = inside(root, path)
    place.parent.mkdir(parents=True, exist_ok=True)
    if not place.is_symlink() and not place.exists():
        place.symlink_to(target)


def write(root, path, text, mode=0o644):
    """A file, where there is none yet."""
    place = inside(root, path)
    place.parent.mkdir(parents=True, exist_ok=True)
    if not place.is_symlink() and not place.exists():
        place.write_text(text)
        place.chmod(mode)


def make_alternatives(root, scripts):
    """Of each name the one of the highest priority, by two links as Debian has them."""
    best = {}
    for script in scripts:
        for priority, name, where, path in alternatives_in(script):
            if exists(root, path) and priority > best.get(name, (-1,))[0]:
                best[name] = priority, where, path
    for name, (_, where, path) in sorted(best.items()):
        link(root, f"/etc/alternatives/{name}", path)
        link(root, where, f"/etc/alternatives/{name}")


def make_accounts(root):
    masters = root / "usr/share/base-passwd"
    for name in ("passwd", "group"):
        master = masters / f"{name}.master"
        if master.is_file():
            write(root, f"etc/{name}", master.read_text())
    accounts = root / "etc/passwd"
    if accounts.is_file():
        # Nobody has a password: root is who starts the machine.
        names = [line.split(":")[0] for line in accounts.read_text().splitlines()]
        lines = (f"{name}:*:20000:0:99999:7:::\n" for name in names)
        write(root, "etc/shadow", "".join(lines), 0o640)
        accounts.write_text(re.sub(r"(?m)^([^:]+):\*:", r"\1:x:", accounts.read_text()))
    groups = root / "etc/group"
    if groups.is_file():
        names = [line.split(":")[0] for line in groups.read_text().splitlines()]
        write(root, "etc/gshadow", "".join(f"{name}:*::\n" for name in names), 0o640)
        groups.write_text(re.sub(r"(?m)^([^:]+):\*:", r"\1:x:", groups.read_text()))


def copy_templates(root):
    """What base-files keeps to be copied once."""
    for name, place in {"dot.bashrc": "root/.bashrc", "dot.profile": "root/.profile",
                        "profile": "etc/profile", "motd": "etc/motd",
                        "nsswitch.conf": "etc/nsswitch.conf"}.items():
        template = root / "usr/share/base-files" / name
        if template.is_file():
            write(root, place, template.read_text())


def make_shells(root):
    shells = sorted(line.strip() for file in (root / "usr/share/debianutils/shells.d").glob("*")
                    for line in file.read_text().splitlines() if line.strip())
    write(root, "etc/shells", "".join(f"{shell}\n" for shell in ["/bin/sh", *shells]
                                      if exists(root, shell)))


def complete(root, scripts):
    """Makes a system of the unpacked files."""
    for path, mode in DIRECTORIES.items():
        place = inside(root, path)
        place.mkdir(parents=True, exist_ok=True)
        place.chmod(mode)
    for path in ("bin", "sbin", "lib"):
        (root / "usr" / path).mkdir(parents=True, exist_ok=True)
        link(root, path, f"usr/{path}")
    if exists(root, "/usr/bin/dash"):
        link(root, "usr/bin/sh", "dash")
    copy_templates(root)
    make_accounts(root)
    make_shells(root)
    make_alternatives(root, scripts)
    if (root / "etc/pam.d").is_dir():
        for name, text in PAM.items():
            write(root, f"etc/pam.d/{name}", text)
    for path, text in FILES.items():
        write(root, path, text)
    for path, target in LINKS.items():
        link(root, path, target)
    for path in ("bin", "sbin", "lib"):
        if not (root / path).is_symlink():
            raise Failed(f"/{path} of the new root is not a link into /usr")
    if not exists(root, "/bin/sh"):
        raise Failed("the new root has no /bin/sh")
