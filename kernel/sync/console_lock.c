/*
 * The console lock, made of a spinlock word and the rank CONSOLE.
 *
 * Closed interrupts already keep the hart where it is, so the preemption depth is
 * left alone: its end would run deferred work with interrupts closed. A waiter
 * has its interrupts closed as well; it waits only for somebody who is printing,
 * and who waits for nobody.
 */
#include "sync/console_lock.h"

#include "lib/log.h"
#include "sync/spinlock.h"

static struct spinlock console;

uint64_t console_lock(void)
{
    uint64_t interrupts = irq_save();

    rank_enter(RANK_CONSOLE);
    spin_acquire(&console);
    return interrupts;
}

void console_unlock(uint64_t interrupts)
{
    spin_release(&console);
    rank_leave(RANK_CONSOLE);
    irq_restore(interrupts);
}

void console_lock_init(void) { log_set_lock(console_lock, console_unlock); }
