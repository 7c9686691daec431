/* Which way to clear a frame; frame.S has the loops. */
#include "arch/riscv/frame.h"

#include "lib/compiler.h"

enum { BLOCK = 64 }; /* the only size of cbo.zero that frame.S knows */

void frame_clear_stores(void *frame);
void frame_clear_blocks(void *frame);
must_check int frame_try_block(void *block);

static bool use_blocks;

bool frame_use_cbo_zero(uint32_t block)
{
    static char sample[BLOCK] __attribute__((aligned(BLOCK)));

    /* The firmware may not have allowed it (menvcfg.CBZE), whatever the tree says. */
    use_blocks = block == BLOCK && frame_try_block(sample) == 0;
    return use_blocks;
}

void frame_clear(void *frame)
{
    if (use_blocks) {
        frame_clear_blocks(frame);
    } else {
        frame_clear_stores(frame);
    }
}
