"""The records of the control port, as the host sends and reads them.

docs/decisions/0014-control-port.md says what they mean and when; user/init/control.h is the
other side. A record is a type and a length, 32 bits each, little-endian, and that many bytes.
"""
import dataclasses
import os
import pathlib
import struct

HEADER = struct.Struct("<II")
NUMBER = struct.Struct("<I")
WINDOW = struct.Struct("<HH")
PIECE = 1 << 16  # of a file. A record may have twice that, which is Linux's limit of a word


@dataclasses.dataclass
class Job:
    """What the guest is to run."""

    arguments: list  # empty: a shell
    environment: dict = dataclasses.field(default_factory=dict)
    directory: str = ""  # "": where the guest begins
    puts: list = dataclasses.field(default_factory=list)  # (file here, path there)
    gets: list = dataclasses.field(default_factory=list)  # (path there, file here)
    window: tuple = ()  # (rows, columns) of the terminal that the job gets; (): it gets none


def record(kind, data=b""):
    return HEADER.pack(ord(kind), len(data)) + data


def number(kind, value, data=b""):
    return record(kind, NUMBER.pack(value) + data)


def window(rows, columns):
    return record("w", WINDOW.pack(rows, columns))


def contents(file):
    """The records of a file's contents."""
    while data := file.read(PIECE):
        yield record("D", data)
    yield record("E")


def words(job):
    """All that is said before the files."""
    said = [record("a", os.fsencode(word)) for word in job.arguments]
    said += [record("e", os.fsencode(f"{key}={value}")) for key, value in job.environment.items()]
    if job.directory:
        said.append(record("d", os.fsencode(job.directory)))
    said += [record("g", os.fsencode(path)) for path, _ in job.gets]
    if job.window:
        said += [record("t"), window(*job.window)]
    return b"".join(said)


def file_records(job):
    for name, path in job.puts:
        with open(name, "rb") as file:
            mode = os.fstat(file.fileno()).st_mode & 0o7777
            yield number("p", mode, os.fsencode(path))
            yield from contents(file)


class Parser:
    """Records out of bytes that come in pieces of any size."""

    def __init__(self):
        self._bytes = bytearray()

    def feed(self, data):
        """The records that are complete by now: (type, bytes) each."""
        self._bytes += data
        at = 0
        while len(self._bytes) - at >= HEADER.size:
            kind, size = HEADER.unpack_from(self._bytes, at)
            if len(self._bytes) - at < HEADER.size + size:
                break
            at += HEADER.size
            yield chr(kind), bytes(self._bytes[at:at + size])
            at += size
        del self._bytes[:at]


class Results:
    """What the guest says: files, the status, complaints."""

    def __init__(self, job, complain):
        self.status = None
        self.file_missing = False
        self._parser = Parser()
        self._gets = list(job.gets)
        self._complain = complain
        self._file = None  # the one that is being received

    def feed(self, data):
        for kind, body in self._parser.feed(data):
            if kind == "S":
                self.status = NUMBER.unpack(body)[0] & 0xff
            elif kind == "R":
                path = os.fsdecode(body[NUMBER.size:])
                self._complain(f"{path}: {os.strerror(NUMBER.unpack_from(body)[0])}")
            elif kind in "FDEA" and self._gets:
                self._receive(kind, body)

    def close(self):
        """What has not come to its end is not kept."""
        if self._file:
            self._file.abandon()
        self._file = None

    def _receive(self, kind, body):
        path, name = self._gets[0]
        if kind == "F":
            self._file = Received(name, NUMBER.unpack(body)[0])
        elif kind == "D" and self._file:
            self._file.write(body)
        elif kind == "E" and self._file:
            self._done(self._file.finish())
        elif kind == "A":
            self.close()
            self._done(f"{path}: {os.strerror(NUMBER.unpack(body)[0])}")

    def _done(self, complaint):
        self._gets.pop(0)
        self._file = None
        if complaint:
            self.file_missing = True
            self._complain(complaint)


class Received:
    """A file that appears under its name when it is complete."""

    def __init__(self, name, mode):
        self.name = pathlib.Path(name)
        self.mode = mode
        self.complaint = ""
        self.work = self.name.with_name(f".{self.name.name}.{os.getpid()}")
        try:
            self.file = open(self.work, "xb")
        except OSError as error:
            self.file = None
            self._failed(error)

    def _failed(self, error):
        self.complaint = self.complaint or f"{self.name}: {error.strerror}"

    def write(self, data):
        if self.file and not self.complaint:
            try:
                self.file.write(data)
            except OSError as error:
                self._failed(error)

    def finish(self):
        """"" or what is wrong."""
        if not self.file:
            return self.complaint
        try:
            self.file.close()
            umask = os.umask(0)
            os.umask(umask)
            os.chmod(self.work, self.mode & ~umask)
            if not self.complaint:
                self.work.replace(self.name)
        except OSError as error:
            self._failed(error)
        if self.complaint:
            self.abandon()
        return self.complaint

    def abandon(self):
        if self.file:
            try:
                self.file.close()
            except OSError:
                pass
            self.work.unlink(missing_ok=True)
