"""Debian's packages, through apt, for another architecture or release than the machine's.

apt runs with a configuration of its own, kept in the cache, and takes the mirror from this
machine's apt sources, so any user may do this and the system's apt state stays as it is.
"""
import os
import pathlib
import re
import subprocess
import time

CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "kilburn"
KEYRING = pathlib.Path("/usr/share/keyrings/debian-archive-keyring.gpg")
APT_ETC = pathlib.Path(os.environ.get("KILBURN_APT_ETC") or "/etc/apt")
PACKAGE_NAME = re.compile(r"[a-z0-9][a-z0-9+.-]+")


class Failed(Exception):
    pass


def command(*words, **options):
    """Runs a program and returns what it printed. Raises Failed with its last complaint."""
    try:
        done = subprocess.run(words, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              env={**os.environ, "LC_ALL": "C"}, check=False, **options)
    except OSError as error:
        raise Failed(f"{words[0]}: {error.strerror}") from error
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines() or done.stdout.strip().splitlines()
        said = [line for line in lines if line.startswith("E:")] or lines or ["no reason given"]
        raise Failed(f"{words[0]}: {said[0]}")
    return done.stdout


def deb822_sources(text):
    """(mirror, suites, components) of each stanza of a .sources file."""
    text = re.sub(r"^#.*\n?", "", text, flags=re.MULTILINE)
    for stanza in re.split(r"\n[ \t]*\n", text):
        joined = re.sub(r"\n[ \t]+", " ", stanza)
        fields = {key.lower(): value.split()
                  for key, value in re.findall(r"^([\w-]+):[ \t]*(.*)$", joined, re.MULTILINE)}
        if "deb" in fields.get("types", []) and fields.get("enabled", ["yes"]) != ["no"]:
            for uri in fields.get("uris", []):
                yield uri, fields.get("suites", []), fields.get("components", [])


def one_line_sources(text):
    """The same of each line of a .list file."""
    for line in text.splitlines():
        found = re.match(r"deb\s+(?:\[[^]]*\]\s+)?(\S+)\s+(\S+)\s+([^#]+)", line.strip())
        if found:
            yield found[1], [found[2]], found[3].split()


def mirror():
    """A mirror of Debian itself: one that has a suite and its -updates, or else any main."""
    files = [APT_ETC / "sources.list", *sorted(APT_ETC.glob("sources.list.d/*"))]
    sources = []
    for path in filter(pathlib.Path.is_file, files):
        text = path.read_text(errors="replace")
        if path.suffix == ".sources":
            sources += deb822_sources(text)
        elif path.suffix == ".list":
            sources += one_line_sources(text)
    plain = [(uri, suite) for uri, suites, components in sources if "main" in components
             for suite in suites if re.fullmatch(r"[a-z]+(-updates)?", suite)]
    with_updates = [uri for uri, suite in plain if suite.endswith("-updates")]
    debian = [uri for uri, _ in plain if re.search(r"debian/?$", uri)]
    for uri in [*with_updates, *debian, *(uri for uri, _ in plain)]:
        return uri
    raise Failed(f"no Debian mirror in the apt sources of this machine ({APT_ETC})")


class Apt:
    """apt with a state of its own, for one suite and one architecture."""

    def __init__(self, home, suite, arch):
        self.home = home
        for folder in ("lists/partial", "archives/partial", "parts"):
            (home / folder).mkdir(parents=True, exist_ok=True)
        (home / "status").touch()
        signed = f"[signed-by={KEYRING}] " if KEYRING.exists() else ""
        (home / "sources.list").write_text(f"deb {signed}{mirror()} {suite} main\n")
        settings = {
            "APT::Architecture": "amd64" if arch == "all" else arch,
            "APT::Sandbox::User": "",
            "Dir::Etc::SourceList": home / "sources.list",
            "Dir::Etc::SourceParts": home / "parts",
            "Dir::State": home,
            "Dir::State::Lists": home / "lists",
            "Dir::State::status": home / "status",
            "Dir::Cache": home,
            "Dir::Cache::Archives": home / "archives",
            "Acquire::Languages": "none",
            "Acquire::Retries": "2",
            "Acquire::http::Timeout": "30",
            "APT::Update::Error-Mode": "any",
        }
        arches = settings["APT::Architecture"]
        self.archives = home / "archives"
        self.words = ["apt-get", "-q", f"-oAPT::Architectures::={arches}",
                      *(f"-o{name}={value}" for name, value in settings.items())]

    def update(self):
        command(*self.words, "update")

    def version(self, package):
        """The version on offer, or None: from the lists, without the network."""
        words = ["apt-cache", *self.words[2:], "show", "--no-all-versions", package]
        try:
            return re.search(r"^Version: (\S+)$", command(*words), re.MULTILINE)[1]
        except (Failed, TypeError):
            return None

    def download(self, package, into):
        command(*self.words, "download", package, cwd=into)
        return next(into.glob("*.deb"))

    def resolve(self, packages):
        """(name, version, architecture) of the packages and all that they depend on."""
        words = [*self.words, "-oAPT::Install-Recommends=false", "--simulate", "install"]
        said = command(*words, *packages)
        return sorted(re.findall(r"^Inst (\S+) \((\S+) .*?\[(\w+)\]\)", said, re.MULTILINE))

    def archive(self, name, version, arch):
        """Where apt keeps the package once it is fetched."""
        return self.archives / f"{name}_{version.replace(':', '%3a')}_{arch}.deb"

    def fetch_all(self, packages, show):
        """Fetches what resolve() found. show(bytes so far, bytes in all) now and then."""
        words = [*self.words, "-oAPT::Install-Recommends=false", "-y"]
        asked = [f"{name}={version}" for name, version, _ in packages]
        said = command(*words, "--print-uris", "install", *asked)
        missing = re.findall(r"^'.*?' (\S+) (\d+) ", said, re.MULTILINE)
        total = sum(int(size) for _, size in missing)
        files = [folder / name for name, _ in missing
                 for folder in (self.archives, self.archives / "partial")]
        with subprocess.Popen([*words, "--download-only", "install", *asked], text=True,
                              stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                              stderr=subprocess.PIPE) as fetching:
            try:
                while total and fetching.poll() is None:
                    show(sum(f.stat().st_size for f in files if f.exists()), total)
                    time.sleep(0.5)
                said = fetching.stderr.read()
            finally:
                if fetching.poll() is None:
                    fetching.terminate()
        if fetching.returncode != 0:
            lines = [line for line in said.splitlines() if line.startswith("E:")]
            raise Failed(f"apt-get: {lines[0] if lines else 'no reason given'}")
