/* What the files of proc/ share. */
#pragma once

#include "proc/process.h"

/* The calling thread leaves its process, which has a reason to end, and ends. */
_Noreturn void process_leave(void);

/* How many processes have given their memory back: it changes when there may be some again. */
uint32_t process_memory_given(void);

/* Waits until that is not `given` any more, if a process is on its way there, or until the
 * calling thread must leave. False, at once, if none is and it is `given` still. */
must_check bool process_await_memory(uint32_t given);

/*
 * There was no memory for a page of the calling thread's program, in an attempt that began when
 * process_memory_given() was `given`. Ends the process that has most, if none is ending, and waits
 * until its memory is there. False if that is its own, or if it must leave anyway: nobody else
 * can be asked.
 */
must_check bool process_make_room(uint32_t given);

/* The running process for which measure() gives most, with a reference; it is called with
 * process.lock held, and may not sleep. NULL if there is none, or it is just going. */
must_check struct process *process_get_most(uint64_t (*measure)(struct process *,
                                                                uint64_t arg),
                                            uint64_t arg);

static inline bool process_is_over(const struct process *p)
{
    return __atomic_load_n(&p->over, __ATOMIC_ACQUIRE);
}

/* process_create() with a program of the caller's, whose reference it takes in any case. */
must_check struct process *process_create_with(const char *name,
                                               const struct personality *how,
                                               struct program *program);

/* Brings those harts into the kernel that run p's program now. process.lock is held, and p has
 * threads. */
void process_kick(struct process *p);

/* Is it so for any process? families_lock is held. */
must_check bool process_any(bool (*is)(struct process *, int), int n);

/* Calls fn for each process. families_lock is held; fn may take locks that rank below. */
void process_for_all(void (*fn)(struct process *, void *), void *arg);
