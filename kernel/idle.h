/*
 * What idle harts do in the background, and stopping them from it.
 */
#pragma once

/* After this no hart does background work until idle_resume(). By tests that count frames,
 * which idle harts take and give back. Preemption is on; the other harts idle. */
void idle_pause(void);
void idle_resume(void);
