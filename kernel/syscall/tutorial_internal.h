/* What the files of the tutorial personality share. */
#pragma once

#include "proc/process.h"
#include "sched/mutex.h"

/* Things that a program is told about in the log once, and not each time. */
enum tutorial_said { SAID_UNKNOWN = 1, SAID_FD = 2, SAID_POINTER = 4 };

/* Of each process. */
struct tutorial {
    struct mutex heap_lock;
    vaddr_t brk; /* under heap_lock: bytes [heap_start, brk) are the heap */

    vaddr_t heap_start;          /* set once */
    uint32_t said;               /* enum tutorial_said. Atomic. */
    uint32_t counts[CALL_SLOTS]; /* calls made, by number. Atomic. */
};

static inline struct tutorial *current_tutorial(void)
{
    return process_data(current_process());
}

/* True the first time for `what`. */
bool tutorial_first(enum tutorial_said what);

#define CALL(number, name, arguments) long tutorial_##name arguments;
#include "syscall/tutorial.def"
#undef CALL
