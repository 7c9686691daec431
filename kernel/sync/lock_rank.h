/*
 * Lock order, outermost first. A hart may take a lock only if its rank is
 * greater than that of every lock it already holds; checked builds assert it.
 * To add a lock, add a line here and say why it sits where it does.
 */
#pragma once

#include "lib/assert.h"

enum lock_rank {
    RANK_PROCESSES, /* the list of all processes: each is looked at under it */
    RANK_PROCESS, /* threads of a process: they are told to leave, and woken, under it */
    RANK_FILES,   /* a table of descriptors: only files' references are taken under it */
    RANK_DEVICES, /* the table of character devices: nothing is called under it */
    RANK_LOCKS,   /* file locks: waking, and memory for records */
    RANK_TREE, /* the tree of names and mounts: a rename takes names out of buckets and in */
    RANK_DENTRY,      /* a bucket of the table of names; one at a time */
    RANK_OBJECT_MAPS, /* mutex of a memory object's mappings: truncation takes table locks */
    RANK_TABLE, /* page tables; many at once, in the order of one-level-store.md section 5 */
    RANK_LEGEND, /* the legend of a space: tags are made and dropped under table locks too */
    RANK_OBJECTS, /* the list of objects that memory can be taken from: nothing under it */
    RANK_OBJECT,  /* pages of a memory object */
    RANK_BLOCK,   /* a 2 MiB block that is being broken into frames */
    RANK_KSPACE,  /* free addresses of the kernel's mapping area */
    RANK_TLB,     /* handing out address space identifiers */
    RANK_GRACE,   /* batches that wait for a grace period */
    RANK_DEVICE, /* a device and its queues: it takes frames, and wakes who waited for it */
    RANK_TTY, /* a terminal: those who wait for it are woken, and a serial port is written */
    RANK_INODES, /* the table of inodes of a mounted image: nothing is called under it */
    RANK_SLAB,   /* slab lists: everybody above allocates */
    RANK_BUDDY,  /* the frame allocator: slabs take frames */
    RANK_SOCKET, /* a socket, or a listener and one that waits there: wakes under it */
    RANK_EVENTS, /* an eventfd or timerfd: allocates nothing, wakes after it, sets a timer */
    RANK_EPOLL, /* what an epoll has ready: who wakes somebody may hold anything above */
    RANK_FUTEX, /* words that threads wait for; of two the lower address first */
    RANK_WAIT,  /* wait queues: anybody above may wake, with its lock held */
    RANK_TIMER, /* a hart's timers: who waits on a queue sets one; nothing is called under it */
    RANK_RUNQUEUE, /* run queues, one at a time: waking ends here, whatever is held */
    RANK_FOLD,     /* a hart's counts go to the space it leaves, in a switch of threads */
    RANK_REGISTERS, /* a few instructions or registers that belong together: clock, random */
    RANK_CONSOLE, /* anybody may print, so nothing comes after */
    RANKS,
};
static_assert(RANKS <= 32, "a hart keeps the ranks it holds in 32 bits");
