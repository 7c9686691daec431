/*
 * The machine that host tests run on: its memory, harts and grace periods.
 *
 *     fake_machine()     four harts and 64 MiB from 0x80000000, once per program;
 *                        enough for whoever needs an allocator and no more
 *
 * Tests about banks themselves choose them with page_add_bank(), in a child process
 * of their own, since banks are never taken away again.
 */
#pragma once

#include "lib/addr.h"

enum { FAKE_HARTS = 4 };

/* Frames [FAKE_START, FAKE_START + FAKE_FRAMES) are the bank of fake_machine(). */
#define FAKE_START  0x80000ul
#define FAKE_FRAMES 0x4000ul

void fake_machine(void);

/* While true, grace_defer() keeps what it is given until grace_drain(), or until this is
 * false again and the next one comes. Otherwise it frees at once, or, if another hart has preemption
 * off, with the next one that finds none such. */
extern bool fake_grace_hold;

/* Calls of grace_defer() that wait. */
unsigned fake_grace_waiting(void);

/* With fake/reclaim.c: caches that grow take pages from others first. */
extern bool fake_memory_is_short;
