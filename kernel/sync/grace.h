/*
 * Grace periods: freeing what lock-free readers may still be looking at.
 *
 * A reader works with preemption off. Whoever takes something out of reach hands
 * it to grace_defer(); it is freed once every hart has been seen at a quiescent
 * point, that is outside any preempt_off section, after the hand-over. Quiescent
 * points are counted per hart (hart.quiescent): the idle loop, a thread switch,
 * an interrupt that arrives with preemption on, and the end of a section when
 * somebody has asked (HART_WORK_GRACE). Readers pay nothing.
 */
#pragma once

struct grace {
    struct grace *next;
    void (*free)(struct grace *); /* called with preemption on or off; may not sleep */
};

/* Calls g->free(g) after a grace period, at the latest in the next grace_drain(). */
void grace_defer(struct grace *g, void (*free)(struct grace *));

/* Waits until everything deferred so far, by any hart, has been freed. Preemption is on. */
void grace_drain(void);

/* This hart holds nothing: called at quiescent points with preemption depth 0. */
void grace_quiescent(void);
