/*
 * The model scheduler: runs two or three threads of kernel code under every
 * interleaving that a bound allows.
 *
 * Each thread is a coroutine and a hart of its own. Control changes hands only at
 * points: where the kernel's code says interleave(), and where the model says
 * schedule_point(). A thread that is about to take a lock which somebody holds
 * cannot be chosen; if nobody can, that is a deadlock.
 *
 *     a run is a list of choices       A A A B B A B ...
 *     the default                      the same thread goes on
 *     a preemption                     another one goes on, though this one could
 *
 * schedule_explore() tries all runs with at most `bound` preemptions, depth first.
 * Nothing is saved between runs: each starts from the beginning and repeats the
 * choices of the last one up to the one it changes, so a run must depend on nothing
 * but its choices. Most mistakes in locking need one or two preemptions to show.
 *
 * A failure ends the process, which is therefore a child of the test's: it prints
 * the interleaving, with source lines, and the choices that bring it back.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum { SCHEDULE_THREADS = 3 };

/* What is run. Everything here is called with fake_hart 0 but `thread`. */
struct model {
    unsigned threads;
    void (*begin)(void);             /* builds the same world each time */
    void (*thread)(unsigned number); /* on hart `number` */
    void (*end)(void);               /* looks at what came out, and tears down */
};

/* All runs with at most `bound` preemptions; how many there were. */
unsigned long schedule_explore(const struct model *m, unsigned bound);
/* All runs in which threads take turns only at schedule_operation(). */
unsigned long schedule_serial(const struct model *m);
/* `runs` runs with a random choice now and then. */
void schedule_random(const struct model *m, unsigned long runs, uint64_t (*random)(void));
/* The one run with these choices, printed whatever comes out: "A12 B3 A7". */
void schedule_replay(const struct model *m, const char *choices);

/* Runs `run` in a child; false if something failed there. */
bool schedule_in_child(void (*run)(void));

/* Another thread may go on here; does nothing outside a run. Names are literals. */
void schedule_point(const char *what, const void *where);
/* The same, between two operations of a thread. */
void schedule_operation(const char *name);
/* Is a thread running? */
bool schedule_running(void);

/* A broken rule: prints the run and ends the process. */
_Noreturn void schedule_fail(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Points under locks of this rank and behind are left out; at first RANK_TLB: what the
 * allocators do inside is of no interest. */
extern unsigned schedule_ranks;

/* Called when a run fails, before it is printed: to say what was run. */
extern void (*schedule_explain)(void);

/* Called for each point once the thread goes on, right before it does what it said.
 * Fails the run if what `where` points to is not there any more. */
extern void (*schedule_inspect)(const char *what, const void *where);

/* Called when another thread is about to go on. */
extern void (*schedule_switched)(unsigned thread);
