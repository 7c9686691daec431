#!/usr/bin/env python3
# Pseudo terminals as programs see them: what each call answers, row by row.
import errno
import fcntl
import os
import select
import signal
import stat
import struct
import sys
import termios
import time
import tty

TIOCGPTN, TIOCSPTLCK, TIOCGPTLCK, TIOCGPTPEER = 0x80045430, 0x40045431, 0x80045439, 0x5441
TIOCPKT, TIOCEXCL, TIOCNXCL, TIOCGEXCL = 0x5420, 0x540c, 0x540d, 0x80045440
TIOCGSID, TCGETS2, TIOCOUTQ, TIOCINQ, TIOCSIG = 0x5429, 0x802c542a, 0x5411, 0x541b, 0x40045436
NAMES = {select.POLLIN: "in", select.POLLPRI: "pri", select.POLLOUT: "out",
         select.POLLERR: "err", select.POLLHUP: "hup"}


def answer(call, *args):
    try:
        return call(*args)
    except OSError as e:
        return errno.errorcode[e.errno]
    except termios.error as e:
        return errno.errorcode[e.args[0]]


def row(what, call, *args):
    print(f"{what}: {answer(call, *args)!r}", flush=True)


def poll(fd):
    p = select.poll()
    p.register(fd, select.POLLIN | select.POLLPRI | select.POLLOUT)
    return "+".join(NAMES[n] for _, bits in p.poll(0) for n in sorted(NAMES) if bits & n)


def settle():
    """Linux carries bytes from one end to the other by a worker."""
    time.sleep(0.05)


def number(fd, request):
    return struct.unpack("i", fcntl.ioctl(fd, request, bytes(4)))[0]


def set_number(fd, request, n):
    return fcntl.ioctl(fd, request, struct.pack("i", n))[0]


def pair(flags=os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK):
    master = os.open("/dev/ptmx", flags)
    set_number(master, TIOCSPTLCK, 0)
    slave = os.open(name(master), flags)
    return master, slave


def name(master):
    return f"/dev/pts/{number(master, TIOCGPTN)}"


def kinds_and_names():
    master = os.open("/dev/ptmx", os.O_RDWR | os.O_NOCTTY)
    row("locked at first", number, master, TIOCGPTLCK)
    row("open a locked slave", os.open, name(master), os.O_RDWR | os.O_NOCTTY)
    set_number(master, TIOCSPTLCK, 0)
    st = os.stat(name(master))
    print("slave", oct(stat.S_IFMT(st.st_mode)), os.major(st.st_rdev),
          os.minor(st.st_rdev) == number(master, TIOCGPTN),
          st.st_ino == number(master, TIOCGPTN) + 3)
    st = os.fstat(master)
    print("master", oct(st.st_mode), os.major(st.st_rdev), os.minor(st.st_rdev))
    print("tty", oct(os.stat("/dev/tty").st_mode), os.stat("/dev/tty").st_rdev)
    row("statfs", lambda: hex(os.statvfs("/dev/pts").f_bsize))
    peer = fcntl.ioctl(master, TIOCGPTPEER, os.O_RDWR | os.O_NOCTTY)
    row("ttyname of the peer", lambda: os.ttyname(peer) == name(master))
    row("isatty", lambda: (os.isatty(peer), os.isatty(master)))
    row("seek", os.lseek, peer, 0, os.SEEK_CUR)
    row("pread", os.pread, peer, 1, 0)
    row("truncate", os.ftruncate, peer, 0)
    other = os.open("/dev/ptmx", os.O_RDWR | os.O_NOCTTY)
    row("another number", lambda: number(other, TIOCGPTN) != number(master, TIOCGPTN))
    gone = name(other)
    os.close(other)
    row("a name that has gone", os.stat, gone)
    row("a name that never was", os.stat, "/dev/pts/x")
    os.chmod(name(master), 0o600)
    row("chmod", lambda: oct(os.stat(name(master)).st_mode))
    for fd in (peer, master):
        os.close(fd)


def modes():
    master, slave = pair()
    row("modes", lambda: termios.tcgetattr(slave)[:6])
    row("the master's are the slave's", lambda: termios.tcgetattr(master) == termios.tcgetattr(slave))
    row("speeds", lambda: struct.unpack("II", fcntl.ioctl(slave, TCGETS2, bytes(44))[36:]))
    new = termios.tcgetattr(slave)
    new[:4] = [termios.IXANY, termios.OPOST | termios.OCRNL, termios.CS5, termios.ICANON]
    termios.tcsetattr(slave, termios.TCSADRAIN, new)
    row("others", lambda: termios.tcgetattr(slave)[:4])
    row("window", lambda: os.get_terminal_size(slave))
    fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("4H", 40, 132, 7, 8))
    row("window", lambda: struct.unpack("4H", fcntl.ioctl(slave, termios.TIOCGWINSZ, bytes(8))))
    for request in (TIOCGPTN, TIOCSPTLCK, TIOCPKT, 0x5499, termios.TIOCMGET):
        row(f"slave {request:#x}", fcntl.ioctl, slave, request, bytes(4))
    row("exclusive", fcntl.ioctl, slave, TIOCEXCL)
    row("exclusive?", number, slave, TIOCGEXCL)
    row("not exclusive", fcntl.ioctl, slave, TIOCNXCL)
    row("drain", termios.tcdrain, slave)
    row("break", termios.tcsendbreak, slave, 0)
    row("flush nothing", termios.tcflush, slave, 7)
    row("flow nothing", termios.tcflow, slave, 7)
    row("discipline", lambda: number(slave, termios.TIOCGETD))
    row("another discipline", set_number, slave, termios.TIOCSETD, 99)
    row("not a terminal", termios.tcgetattr, os.open("/dev/null", os.O_RDWR))
    for fd in (slave, master):
        os.close(fd)


def bytes_both_ways():
    master, slave = pair()
    row("poll both", lambda: (poll(master), poll(slave)))
    row("nothing to read", os.read, slave, 10)
    row("nothing on the screen", os.read, master, 10)
    os.write(master, b"one\x7f\x7fn\ntwo\nrest")
    settle()
    row("poll both", lambda: (poll(master), poll(slave)))
    row("to be read", number, slave, TIOCINQ)
    row("a part", os.read, slave, 2)
    row("a line", os.read, slave, 100)
    row("a line", os.read, slave, 100)
    row("no line", os.read, slave, 100)
    row("screen", os.read, master, 100)
    os.write(master, b"\x04")
    settle()
    row("what was typed so far", os.read, slave, 100)
    os.write(master, b"\x04")
    settle()
    row("end of file", os.read, slave, 100)
    row("and no more", os.read, slave, 100)
    row("write", os.write, slave, b"a\tb\n")
    settle()
    row("output queue", number, slave, TIOCOUTQ)
    row("screen", os.read, master, 100)
    tty.setraw(slave)
    new = termios.tcgetattr(slave)
    for vmin, vtime in ((1, 0), (0, 0), (0, 1), (3, 0), (3, 1)):
        new[6][termios.VMIN], new[6][termios.VTIME] = vmin, vtime
        termios.tcsetattr(slave, termios.TCSANOW, new)
        row(f"vmin {vmin} vtime {vtime}: nothing", os.read, slave, 9)
        os.write(master, b"ab")
        settle()
        row("poll", poll, slave)
        os.set_blocking(slave, vmin != 3 or vtime != 0)
        row("two bytes", os.read, slave, 9)
        os.set_blocking(slave, False)
        termios.tcflush(slave, termios.TCIFLUSH)
    new[6][termios.VMIN], new[6][termios.VTIME] = 0, 2
    termios.tcsetattr(slave, termios.TCSANOW, new)
    os.set_blocking(slave, True)
    before = time.monotonic()
    row("after a time", os.read, slave, 9)
    print("took it", 0.15 < time.monotonic() - before < 2)
    for fd in (slave, master):
        os.close(fd)


def packets():
    master, slave = pair()
    set_number(master, TIOCPKT, 1)
    os.write(slave, b"data")
    settle()
    row("a packet", os.read, master, 100)
    termios.tcflush(slave, termios.TCIFLUSH)
    row("poll", poll, master)
    row("a packet", os.read, master, 100)
    new = termios.tcgetattr(slave)
    new[0] &= ~termios.IXON
    termios.tcsetattr(slave, termios.TCSANOW, new)
    row("a packet", os.read, master, 100)
    row("no packet", os.read, master, 100)
    for fd in (slave, master):
        os.close(fd)


def hang_ups():
    master, slave = pair()
    os.write(slave, b"last words")
    os.close(slave)
    settle()
    row("poll", poll, master)
    row("what is left", os.read, master, 100)
    row("nobody there", os.read, master, 100)
    row("poll", poll, master)
    slave = os.open(name(master), os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
    row("somebody again", os.read, master, 100)
    again = name(master)
    os.close(master)
    row("poll the dead", poll, slave)
    row("read the dead", os.read, slave, 100)
    row("write to the dead", os.write, slave, b"x")
    row("ask the dead", termios.tcgetattr, slave)
    row("its group", os.tcgetpgrp, slave)
    row("set its group", os.tcsetpgrp, slave, os.getpgrp())
    row("its name", os.stat, again)
    os.close(slave)
    master, slave = pair()
    os.set_blocking(slave, True)
    if os.fork() == 0:
        time.sleep(0.2)
        os._exit(0)
    pid = os.fork()
    if pid == 0:
        os.close(master)
        row("a reader when the master goes", os.read, slave, 100)
        os._exit(0)
    time.sleep(0.2)
    os.close(master)
    os.waitpid(pid, 0)


def in_session(act):
    """A session with a terminal of its own; what the session's leader writes is passed on."""
    r, w = os.pipe()
    master = os.open("/dev/ptmx", os.O_RDWR | os.O_NOCTTY)
    set_number(master, TIOCSPTLCK, 0)
    sys.stdout.flush()
    pid = os.fork()
    if pid == 0:
        os.close(r)
        os.dup2(w, 1)
        os.setsid()
        row("tty without one", os.open, "/dev/tty", os.O_RDWR)
        slave = os.open(name(master), os.O_RDWR)
        row("tty with one", lambda: os.ttyname(os.open("/dev/tty", os.O_RDWR)))
        act(master, slave)
        os._exit(0)
    os.close(w)
    with os.fdopen(r) as said:
        print(said.read(), end="")
    row("status", lambda: os.waitpid(pid, 0)[1])
    return master


def child(act):
    """Runs in a process group of its own, from the background."""
    sys.stdout.flush()
    pid = os.fork()
    if pid == 0:
        os.setpgid(0, 0)
        act()
        os._exit(0)
    pid, status = os.waitpid(pid, os.WUNTRACED)
    if os.WIFSTOPPED(status):
        print("  stopped by", signal.Signals(os.WSTOPSIG(status)).name, flush=True)
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def ignoring(sig, act):
    def run():
        signal.signal(sig, signal.SIG_IGN)
        act()
    return run


def orphans():
    """Who is stopped, and whose only tie to the session exits, is hung up and goes on."""
    r, w = os.pipe()
    sys.stdout.flush()
    middle = os.fork()
    if middle == 0:
        os.setpgid(0, 0)
        stopped = os.fork()
        if stopped == 0:
            os.setpgid(0, 0)
            for sig in (signal.SIGHUP, signal.SIGCONT):
                signal.signal(sig, lambda n, _: os.write(w, signal.Signals(n).name.encode() + b" "))
            os.kill(os.getpid(), signal.SIGSTOP)
            os._exit(0)
        os.waitpid(stopped, os.WUNTRACED)
        os._exit(0)
    os.close(w)
    os.waitpid(middle, 0)
    with os.fdopen(r) as heard:
        print(sorted(heard.read().split()))


def session_rows(master, slave):
    mine = os.getpid()
    row("foreground", lambda: os.tcgetpgrp(slave) == mine)
    row("session", lambda: number(slave, TIOCGSID) == mine)
    row("asked by the master", lambda: os.tcgetpgrp(master) == mine)
    row("no such group", os.tcsetpgrp, slave, 32000)
    row("group of another session", os.tcsetpgrp, slave, os.getpgid(os.getppid()))
    print("read from the background")
    child(lambda: os.read(slave, 1))
    child(ignoring(signal.SIGTTIN, lambda: row("  ignored", os.read, slave, 1)))
    print("write from the background")
    child(lambda: row("  written", os.write, slave, b"x"))
    new = termios.tcgetattr(slave)
    new[3] |= termios.TOSTOP
    termios.tcsetattr(slave, termios.TCSANOW, new)
    child(lambda: os.write(slave, b"x"))
    child(ignoring(signal.SIGTTOU, lambda: row("  ignored", os.write, slave, b"x")))
    print("change from the background")
    child(lambda: termios.tcsetattr(slave, termios.TCSANOW, new))
    child(lambda: os.tcsetpgrp(slave, os.getpgrp()))
    child(lambda: termios.tcflush(slave, termios.TCIFLUSH))
    child(ignoring(signal.SIGTTOU, lambda: row("  window", fcntl.ioctl, slave,
                                               termios.TIOCSWINSZ, bytes(8))))
    child(ignoring(signal.SIGTTOU, lambda: row("  to the front", os.tcsetpgrp, slave,
                                               os.getpgrp())))
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    os.tcsetpgrp(slave, mine)
    got = []
    for sig in (signal.SIGINT, signal.SIGQUIT, signal.SIGTSTP, signal.SIGWINCH, signal.SIGTERM):
        signal.signal(sig, lambda n, _: got.append(signal.Signals(n).name))
    for keys in (b"\x03", b"\x1c", b"\x1a"):
        os.write(master, keys)
        settle()
    fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("4H", 10, 20, 0, 0))
    settle()
    fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("4H", 10, 20, 0, 0))
    settle()
    fcntl.ioctl(master, TIOCSIG, int(signal.SIGQUIT))
    settle()
    row("another signal", fcntl.ioctl, master, TIOCSIG, int(signal.SIGTERM))
    print(got)
    row("take it again", fcntl.ioctl, slave, termios.TIOCSCTTY, 0)
    signal.signal(signal.SIGHUP, lambda n, _: got.append("HUP"))
    signal.signal(signal.SIGCONT, lambda n, _: got.append("CONT"))
    row("give it up", fcntl.ioctl, slave, termios.TIOCNOTTY)
    settle()
    print(got[5:])
    row("tty without one", os.open, "/dev/tty", os.O_RDWR)
    row("foreground", os.tcgetpgrp, slave)
    row("take it back", fcntl.ioctl, slave, termios.TIOCSCTTY, 0)
    row("another", lambda: fcntl.ioctl(pair()[1], termios.TIOCSCTTY, 0))


def left_behind_rows(master, slave):
    """The leader exits: who is in the foreground gets SIGHUP, and has no terminal any more."""
    r, w = os.pipe()
    if os.fork() == 0:
        got = []
        signal.signal(signal.SIGHUP, lambda n, _: got.append("HUP"))
        os.setpgid(0, 0)
        signal.signal(signal.SIGTTOU, signal.SIG_IGN)
        os.tcsetpgrp(slave, os.getpgrp())
        os.write(w, b"x")
        end = time.monotonic() + 5
        while not got and time.monotonic() < end:
            time.sleep(0.01)
        print(got)
        row("tty", os.open, "/dev/tty", os.O_RDWR)
        row("write", os.write, slave, b"x")
        os._exit(0)
    os.read(r, 1)


for part in (kinds_and_names, modes, bytes_both_ways, packets, hang_ups, orphans):
    print(f"== {part.__name__}", flush=True)
    part()
print("== session_rows", flush=True)
os.close(in_session(session_rows))
print("== left_behind_rows", flush=True)
os.close(in_session(left_behind_rows))
