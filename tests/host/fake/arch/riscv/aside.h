/* Plain calls: here nobody counts instructions. */
#pragma once

struct spinlock;

void spin_wait(struct spinlock *l);
static inline void spin_wait_aside(struct spinlock *l) { spin_wait(l); }
