"""Makes archives that the kernel reads (kernel/lib/cpio.c): cpio's newc form.

The data of each file begins on a page, so that the kernel can map it where it lies. What
moves it there is its name, which is padded with zero bytes.
"""
import stat

PAGE = 4096
HEADER = 110
REGULAR = 0o100755


def entry(at, name, data, mode, alignment):
    """The bytes of an entry that begins at offset `at`, a multiple of 4."""
    name = name.encode(errors="surrogateescape") + b"\0"
    name += bytes(-(at + HEADER + len(name)) % alignment)
    inode = at // 4 + 1  # some number that no other entry has
    numbers = [inode, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name), 0]
    header = "070701" + "".join(f"{n:08x}" for n in numbers)
    return header.encode() + name + data + bytes(-len(data) % 4)


def write_entries(out, entries):
    """`entries`: a name, its bytes (of a link: where it leads) and st_mode each. A directory
    comes before what is in it."""
    at = 0
    for name, data, mode in entries:
        aligned = PAGE if stat.S_ISREG(mode) and data else 4
        at += out.write(entry(at, name, data, mode, aligned))
    out.write(entry(at, "TRAILER!!!", b"", 0, 4))


def write_archive(out, files):
    """`files`: pairs of a name and its bytes, in the order in which they will be read."""
    write_entries(out, ((name, data, REGULAR) for name, data in files))
