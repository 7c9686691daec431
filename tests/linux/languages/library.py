#!/usr/bin/python3
"""A walk through the standard library's ways to the system."""
import ctypes
import datetime
import fcntl
import glob
import hashlib
import json
import os
import pathlib
import pwd
import random
import re
import resource
import shutil
import sqlite3
import stat
import struct
import tarfile
import tempfile
import time
import zlib

home = pathlib.Path(tempfile.mkdtemp(dir="."))
(home / "a").mkdir()
for i in range(20):
    (home / "a" / f"file {i:02}").write_text("x" * i)
os.symlink("a", home / "link")
os.link(home / "a/file 05", home / "hard")
print(sorted(p.name for p in home.iterdir()), len(glob.glob(f"{home}/link/*")))
print(os.stat(home / "hard").st_nlink, stat.filemode(os.lstat(home / "link").st_mode))
os.chmod(home / "hard", 0o640)
os.utime(home / "hard", (1e9, 1.5e9))
s = os.stat(home / "a/file 05")
print(oct(s.st_mode), s.st_mtime, s.st_atime, s.st_size)
os.rename(home / "hard", home / "renamed")
with tarfile.open("all.tar.gz", "w:gz") as t:
    t.add(home, arcname="top")
with tarfile.open("all.tar.gz") as t:
    print(len(t.getnames()), t.getmember("top/a/file 07").size)
shutil.copytree(home, "copy", symlinks=True)
print(sum(len(f) for _, _, f in os.walk("copy")))
shutil.rmtree(home)
print(os.path.exists(home))
with open("locked", "w") as f:
    fcntl.flock(f, fcntl.LOCK_EX)
    with open("locked") as g:
        try:
            fcntl.flock(g, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as e:
            print("locked", e.errno)
print(pwd.getpwuid(0).pw_name, os.getcwd().startswith("/"), os.access("/etc/passwd", os.R_OK))
soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (64, hard))
kept = []
try:
    while True:
        kept.append(open("/dev/null"))
except OSError as e:
    print("descriptors", e.errno)
[f.close() for f in kept]
print(hashlib.sha256(b"abc").hexdigest()[:16], zlib.crc32(b"abc"), struct.pack("<Q", 1))
print(json.loads(json.dumps({"a": [1, 2.5, None]})), re.findall(r"\d+", "a1b22"))
random.seed(1)
print(random.randrange(10**9), datetime.date(2024, 2, 29).isoformat())
os.environ["TZ"] = "UTC"
time.tzset()
print(time.strftime("%F %T", time.gmtime(1e9)), time.time() > 1.7e9)
libc = ctypes.CDLL(None)
print(libc.strlen(b"four"), ctypes.sizeof(ctypes.c_long))
for mode in ("delete", "wal"):
    db = sqlite3.connect(f"{mode}.db")
    print(db.execute(f"pragma journal_mode={mode}").fetchone())
    db.execute("create table t(a integer primary key, b text)")
    db.executemany("insert into t(b) values(?)", [(f"row {i}",) for i in range(500)])
    db.commit()
    other = sqlite3.connect(f"{mode}.db")
    print(other.execute("select count(*), sum(a), max(b) from t").fetchone())
    db.execute("delete from t where a % 2")
    db.rollback()
    print(other.execute("select count(*) from t").fetchone())
    other.close()
    db.close()
