#!/usr/bin/python3
"""Processes: pipes, statuses, signals, timeouts, pools, and what children inherit."""
import multiprocessing
import os
import signal
import subprocess
import sys


def run(*words, **how):
    r = subprocess.run(words, capture_output=True, text=True, **how)
    print(words[0], r.returncode, repr(r.stdout), repr(r.stderr))


run("echo", "hello", "world")
run("cat", input="through a pipe\n")
run("sh", "-c", "echo out; echo err >&2; exit 3")
run("sh", "-c", "kill -TERM $$")
run("sh", "-c", "echo $A", env={"A": "from the environment", "PATH": os.environ["PATH"]})
run("pwd", cwd="/usr/bin")
try:
    subprocess.run(["/no/such/program"])
except OSError as e:
    print(type(e).__name__, e.errno)
try:
    subprocess.run(["sleep", "10"], timeout=0.3)
except subprocess.TimeoutExpired:
    print("timed out")

chain = subprocess.Popen(["seq", "1000"], stdout=subprocess.PIPE)
last = subprocess.Popen(["awk", "{ s += $1 } END { print s }"], stdin=chain.stdout,
                        stdout=subprocess.PIPE, text=True)
chain.stdout.close()
print("chain", last.communicate()[0].strip(), chain.wait(), last.returncode)

big = b"x" * 3_000_000
print("3 MB", subprocess.run(["cat"], input=big, capture_output=True).stdout == big)

r, w = os.pipe()
os.set_inheritable(w, True)
subprocess.run([sys.executable, "-c", f"import os; os.write({w}, b'inherited')"], close_fds=False)
print(os.read(r, 100))
print("session", subprocess.run([sys.executable, "-c", "import os; print(os.getsid(0)==os.getpid())"],
                                start_new_session=True, capture_output=True, text=True).stdout.strip())

pid = os.fork()
if pid == 0:
    os._exit(41)
print("forked", os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
pid = os.posix_spawn("/bin/sh", ["sh", "-c", "exit 9"], os.environ)
print("spawned", os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
pid = os.fork()
if pid == 0:
    signal.pause()
os.kill(pid, signal.SIGSTOP)
print("stopped", os.WIFSTOPPED(os.waitpid(pid, os.WUNTRACED)[1]))
os.kill(pid, signal.SIGCONT)
print("continued", os.WIFCONTINUED(os.waitpid(pid, os.WCONTINUED)[1]))
os.kill(pid, signal.SIGKILL)
print("killed", os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))


def square(x):
    return x * x


def serve(q, result):
    result.put(sum(q.get() for _ in range(10)))


if __name__ == "__main__":
    with multiprocessing.Pool(3) as pool:
        print("pool", pool.map(square, range(8)))
    q, result = multiprocessing.Queue(), multiprocessing.Queue()
    p = multiprocessing.Process(target=serve, args=(q, result))
    p.start()
    for i in range(10):
        q.put(i)
    print("queue", result.get(), p.join(), p.exitcode)
    shared = multiprocessing.Value("i", 0)

    def bump():
        for _ in range(500):
            with shared.get_lock():
                shared.value += 1

    ps = [multiprocessing.Process(target=bump) for _ in range(3)]
    [p.start() for p in ps]
    [p.join() for p in ps]
    print("shared", shared.value)
