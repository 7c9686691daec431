#!/usr/bin/python3
"""Signals as an interpreter sees them."""
import faulthandler
import os
import select
import signal
import subprocess
import sys
import time

got = []
for n in (signal.SIGUSR1, signal.SIGUSR2, signal.SIGALRM, signal.SIGCHLD):
    signal.signal(n, lambda s, f: got.append(signal.Signals(s).name))
os.kill(os.getpid(), signal.SIGUSR1)
signal.raise_signal(signal.SIGUSR2)
print(got)
signal.setitimer(signal.ITIMER_REAL, 0.05)
signal.pause()
print(got[-1], signal.getitimer(signal.ITIMER_REAL))
got.clear()
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})
os.kill(os.getpid(), signal.SIGUSR1)
print("blocked", got, sorted(s.name for s in signal.sigpending()))
print("taken", signal.sigwait({signal.SIGUSR1}).name, got)
print("in time", signal.sigtimedwait({signal.SIGUSR1}, 0.1))
os.kill(os.getpid(), signal.SIGUSR1)
signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGUSR1})
print("unblocked", got)
got.clear()
if os.fork() == 0:
    os._exit(0)
while not got:
    time.sleep(0.01)
print(got, os.wait()[1])
signal.signal(signal.SIGALRM, lambda s, f: (_ for _ in ()).throw(TimeoutError("rang")))
signal.setitimer(signal.ITIMER_REAL, 0.1)
try:
    os.read(os.pipe()[0], 1)
except TimeoutError as e:
    print("a read ends by", e)
r, w = os.pipe()
os.set_blocking(w, False)
signal.set_wakeup_fd(w)
os.kill(os.getpid(), signal.SIGUSR2)
print("wakes", select.select([r], [], [], 5)[0] == [r], os.read(r, 8))
signal.set_wakeup_fd(-1)
ticks = []
signal.signal(signal.SIGVTALRM, lambda s, f: ticks.append(1))
signal.setitimer(signal.ITIMER_VIRTUAL, 0.02, 0.02)
end = time.monotonic() + 20
while len(ticks) < 3 and time.monotonic() < end:
    pass
signal.setitimer(signal.ITIMER_VIRTUAL, 0)
print("time of its own", len(ticks) >= 3)
for code in ("import os; os.abort()", "import ctypes; ctypes.string_at(8)",
             "import signal; signal.signal(signal.SIGPIPE, signal.SIG_DFL); import os;"
             "r, w = os.pipe(); os.close(r); os.write(w, b'x')"):
    print(subprocess.run([sys.executable, "-c", code], stderr=subprocess.DEVNULL).returncode)
child = subprocess.Popen([sys.executable, "-c", "print('up', flush=True); import time; time.sleep(60)"],
                         stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
child.stdout.readline()
child.send_signal(signal.SIGINT)
print("interrupted", child.wait())
