#!/usr/bin/python3
"""Mapped memory: shared, private, of files, across forks."""
import mmap
import os

anonymous = mmap.mmap(-1, 4 * mmap.PAGESIZE)
pid = os.fork()
if pid == 0:
    anonymous[100:105] = b"child"
    os._exit(0)
os.waitpid(pid, 0)
print("shared", anonymous[100:105])
private = mmap.mmap(-1, mmap.PAGESIZE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
pid = os.fork()
if pid == 0:
    private[0:5] = b"child"
    os._exit(0)
os.waitpid(pid, 0)
print("private", private[0:5])

with open("file", "wb+") as f:
    f.write(bytes(range(256)) * 64)
    f.flush()
    m = mmap.mmap(f.fileno(), 0)
    print("size", m.size(), m.find(b"\x10\x11\x12"), m.rfind(b"\xff"))
    m[0:4] = b"MMAP"
    m.flush()
    print("read", os.pread(f.fileno(), 6, 0))
    os.pwrite(f.fileno(), b"pwrite", 8)
    print("mapped", m[8:14])
    copy = mmap.mmap(f.fileno(), 0, access=mmap.ACCESS_COPY)
    copy[0:4] = b"COPY"
    print("copy", copy[0:4], m[0:4])
    m.resize(32768)
    print("resized", m.size(), os.fstat(f.fileno()).st_size, m[20000:20004])
    m.madvise(mmap.MADV_WILLNEED)
    m.move(100, 0, 4)
    print("moved", m[100:104])
    m.close()
try:
    with open("file", "rb") as f:
        mmap.mmap(f.fileno(), 0)
except OSError as e:
    print("read-only", e.errno)
with open("empty", "wb+") as f:
    try:
        mmap.mmap(f.fileno(), 0)
    except ValueError:
        print("empty files have nothing to map")
huge = mmap.mmap(-1, 1 << 36, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | 0x4000)
huge[1 << 35] = 7
print("64 GiB of nothing", huge[1 << 35], huge[(1 << 35) + 1])
blocks = [bytearray(1 << 20) for _ in range(40)]
for i, b in enumerate(blocks):
    b[::4096] = bytes([i]) * 256
print("blocks", all(b[4096 * 17] == i for i, b in enumerate(blocks)))
