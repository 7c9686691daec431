/* clone(2) (linux/sched.h). */
#pragma once

#include "lib/assert.h"

#include <stdint.h>

enum {
    CSIGNAL = 0xff,
    CLONE_VM = 0x100,
    CLONE_FS = 0x200,
    CLONE_FILES = 0x400,
    CLONE_SIGHAND = 0x800,
    CLONE_PIDFD = 0x1000,
    CLONE_PTRACE = 0x2000,
    CLONE_VFORK = 0x4000,
    CLONE_PARENT = 0x8000,
    CLONE_THREAD = 0x10000,
    CLONE_NEWNS = 0x20000,
    CLONE_SYSVSEM = 0x40000,
    CLONE_SETTLS = 0x80000,
    CLONE_PARENT_SETTID = 0x100000,
    CLONE_CHILD_CLEARTID = 0x200000,
    CLONE_DETACHED = 0x400000,
    CLONE_UNTRACED = 0x800000,
    CLONE_CHILD_SETTID = 0x1000000,
    CLONE_NEWCGROUP = 0x2000000,
    CLONE_NEWUTS = 0x4000000,
    CLONE_NEWIPC = 0x8000000,
    CLONE_NEWUSER = 0x10000000,
    CLONE_NEWPID = 0x20000000,
    CLONE_NEWNET = 0x40000000,
};
#define CLONE_IO            0x80000000u
#define CLONE_CLEAR_SIGHAND 0x100000000u
#define CLONE_INTO_CGROUP   0x200000000u

/* clone3(2). Later members are there if the caller's size says so. */
struct clone_args {
    uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls;
    uint64_t set_tid, set_tid_size, cgroup;
};
enum { CLONE_ARGS_SIZE_0 = 64 };
static_assert(sizeof(struct clone_args) == 88, "struct clone_args of the ABI");

/* sched_setscheduler(2) and its relatives (linux/sched/types.h). */
enum {
    SCHED_NORMAL = 0,
    SCHED_FIFO = 1,
    SCHED_RR = 2,
    SCHED_BATCH = 3,
    SCHED_IDLE = 5,
    SCHED_DEADLINE = 6,
};
#define SCHED_RESET_ON_FORK      0x40000000
#define SCHED_FLAG_RESET_ON_FORK 1ul
#define SCHED_FLAG_KEEP_POLICY   0x08ul
#define SCHED_FLAG_KEEP_PARAMS   0x10ul
enum { RT_PRIORITY_LEAST = 1, RT_PRIORITY_MOST = 99, NICE_LEAST = -20, NICE_MOST = 19 };

struct sched_attr {
    uint32_t size, policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime, deadline, period;
    uint32_t util_min, util_max;
};
enum { SCHED_ATTR_SIZE_0 = 48 };
static_assert(sizeof(struct sched_attr) == 56, "struct sched_attr of the ABI");

/* getpriority(2) */
enum { PRIO_PROCESS, PRIO_PGRP, PRIO_USER };
