/* Which way to clear a frame; frame.S has the loops. */
#include "arch/riscv/frame.h"

#include "lib/compiler.h"

enum { BLOCK = 64 }; /* the only size of cbo.zero that frame.S knows */

must_check int frame_try_block(void *block);

/* frame_clear() reads it each time. */
extern bool frame_has_blocks;
bool frame_has_blocks;

bool frame_use_cbo_zero(uint32_t block)
{
    static char sample[BLOCK] __attribute__((aligned(BLOCK)));

    /* The firmware may not have allowed it (menvcfg.CBZE), whatever the tree says. */
    frame_has_blocks = block == BLOCK && frame_try_block(sample) == 0;
    return frame_has_blocks;
}
