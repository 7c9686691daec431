/*
 * What the monitor keeps for each hart, and the numbers entry.S needs of it.
 */
#pragma once

#define MONITOR_HARTS       64
#define MONITOR_STACK_SIZE  1024
#define MONITOR_STACK_SHIFT 10

/* Where a test puts "boothart" and a number of 8 bytes, before the first instruction. */
#define BOOT_HART_ORDER 0x800ffff0

#ifndef __ASSEMBLER__

#include <stdbool.h>
#include <stdint.h>

/* Saved registers by number; x[0] is not written. */
struct registers {
    uint64_t x[32];
};

/* One more than what SBI calls them; a hart that has not come here yet is absent. */
enum hart_state { HART_ABSENT, HART_STARTED, HART_STOPPED, HART_START_PENDING };

/* Requests from other harts, announced by a machine software interrupt. */
enum request {
    REQUEST_IPI = 1,    /* raise the supervisor's software interrupt */
    REQUEST_FENCE = 2,  /* forget all translations, then count down `*acknowledge` */
    REQUEST_FENCE_I = 4 /* see new instructions, then count down `*acknowledge` */
};

struct hart {
    uint32_t requests; /* enum request. Atomic. */
    uint32_t state;    /* enum hart_state. Atomic. */
    uint64_t entry;    /* where to start, and with what in a1 */
    uint64_t opaque;
    uint32_t *acknowledge; /* of the fence asked for; valid until counted down */
};

/* entry.S: gives the hart to supervisor mode at `entry`. */
_Noreturn void enter_supervisor(uint64_t entry, uint64_t hartid, uint64_t a1);

/* Called by entry.S. */
_Noreturn void monitor_boot(uint64_t hartid, uint64_t dtb);
_Noreturn void monitor_park(uint64_t hartid);
void monitor_trap(struct registers *r);

#endif
