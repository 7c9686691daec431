/*
 * Floating-point registers of programs. The kernel has none of its own. context.c says when
 * they are saved and loaded.
 */
#pragma once

#include "arch/riscv/context.h"
#include "arch/riscv/csr.h"

/* All 32 registers and fcsr. Floating point is on (FS is not Off). */
void fp_save(struct fp_state *to);
void fp_load(const struct fp_state *from);

/*
 * The running thread has met an illegal instruction. If its floating point was off, it is
 * on now, and the instruction may be tried again: true.
 */
must_check bool fp_first_use(struct context *c);

static inline uint64_t fp_status(const struct context *c)
{
    return c->sstatus & SSTATUS_FS;
}

/* c->fp is up to date, for whoever reads it. `c` is the running thread, and may have stopped, and so
 * been saved, before the look. */
void fp_sync_work(struct context *c);
static inline void fp_sync(struct context *c)
{
    if (unlikely(fp_status(c) == FS_DIRTY)) fp_sync_work(c);
}

/* c->fp was changed, and is what the program sees next. `c` is the running thread. Where floating
 * point is off, `fp` is what the first use loads. */
void fp_reload_work(struct context *c);
static inline void fp_reload(struct context *c)
{
    if (unlikely(fp_status(c) != FS_OFF)) fp_reload_work(c);
}
