/*
 * Calls that change no register but t0: for what is rare in functions that are otherwise leaves.
 *
 * A C function that may call another one, be it in one case of a million, keeps what it needs
 * afterwards in s0 to s11, and saves and loads those each time. Waiting for a lock that somebody
 * has, and doing what came up while preemption was off, are such calls, and they are in every
 * function that takes a lock. Here they are instructions, not calls, to the compiler; aside.S
 * saves for them what C may change.
 */
#pragma once

struct spinlock;

/* spin_wait(l) */
static inline void spin_wait_aside(struct spinlock *l)
{
    register struct spinlock *a0 __asm__("a0") = l;

    __asm__ volatile("call t0, aside_spin_wait" ::"r"(a0) : "t0", "memory");
}

/* hart_do_work() */
static inline void hart_do_work_aside(void)
{
    __asm__ volatile("call t0, aside_hart_do_work" ::: "t0", "memory");
}
