/*
 * Floating-point registers of programs. The kernel has none of its own. context.c says when
 * they are saved and loaded.
 */
#pragma once

#include "arch/riscv/context.h"

/* All 32 registers and fcsr. Floating point is on (FS is not Off). */
void fp_save(struct fp_state *to);
void fp_load(const struct fp_state *from);

/*
 * The running thread has met an illegal instruction. If its floating point was off, it is
 * on now, and the instruction may be tried again: true.
 */
must_check bool fp_first_use(struct context *c);

/* c->fp is up to date, for whoever reads it. `c` is the running thread. */
void fp_sync(struct context *c);

/* c->fp was changed, and is what the program sees next. `c` is the running thread. */
void fp_reload(struct context *c);
