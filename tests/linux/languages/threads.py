#!/usr/bin/python3
"""Threads: locks, conditions, queues, pools, and what they share."""
import concurrent.futures
import queue
import threading
import time

total, lock = 0, threading.Lock()


def add(n):
    global total
    for _ in range(n):
        with lock:
            total += 1


threads = [threading.Thread(target=add, args=(2000,)) for _ in range(8)]
for t in threads:
    t.start()
for t in threads:
    t.join()
print("counted", total)

turns, condition, seen = 0, threading.Condition(), []


def take_turns(me, others):
    global turns
    for _ in range(50):
        with condition:
            condition.wait_for(lambda: turns % others == me)
            seen.append(me)
            turns += 1
            condition.notify_all()


threads = [threading.Thread(target=take_turns, args=(i, 3)) for i in range(3)]
for t in threads:
    t.start()
for t in threads:
    t.join()
print("in turn", seen == [i % 3 for i in range(150)])

pipe = queue.Queue(maxsize=4)


def produce():
    for i in range(100):
        pipe.put(i)
    pipe.put(None)


threading.Thread(target=produce).start()
print("through a queue", sum(iter(pipe.get, None)))

with concurrent.futures.ThreadPoolExecutor(5) as pool:
    print("pool", list(pool.map(lambda x: x * x, range(10))))

event = threading.Event()
start = time.monotonic()
print("times out", event.wait(0.2), 0.2 <= time.monotonic() - start < 5)
barrier = threading.Barrier(4)
ranks = []
threads = [threading.Thread(target=lambda: ranks.append(barrier.wait())) for _ in range(4)]
for t in threads:
    t.start()
for t in threads:
    t.join()
print("barrier", sorted(ranks))
local = threading.local()
local.x = 1
found = []
t = threading.Thread(target=lambda: found.append(hasattr(local, "x")))
t.start()
t.join()
print("local", found)
deep = threading.Thread(target=lambda: found.append(sum(range(1000))))
threading.stack_size(256 * 1024)
deep.start()
deep.join()
print(found)
