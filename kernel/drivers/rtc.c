/* See rtc.h. Reading the lower half of the time keeps the upper half that belongs to it. */
#include "drivers/rtc.h"

#include "arch/riscv/mmio.h"
#include "lib/log.h"
#include "mm/kspace.h"
#include "sched/timer.h"
#include "sync/spinlock.h"

enum { TIME_LOW = 0, TIME_HIGH = 4, REGISTERS = 8 };

static volatile uint8_t *regs;
static struct spinlock latch; /* RANK_REGISTERS: between the two halves */
static uint64_t boot_ns;

uint64_t rtc_read_ns(void)
{
    if (!regs) return 0;
    spin_lock(&latch, RANK_REGISTERS);
    uint64_t low = mmio_read32(regs + TIME_LOW);
    uint64_t high = mmio_read32(regs + TIME_HIGH);
    spin_unlock(&latch, RANK_REGISTERS);
    return high << 32 | low;
}

void rtc_init(const struct devtree *dt)
{
    uint64_t size = phys_range_size(dt->rtc.regs);

    if (size < REGISTERS) return;
    regs = kspace_map_device(dt->rtc.regs.start, size);
    if (!regs) {
        log_warn("rtc: no memory to map its registers; the year is 1970");
        return;
    }
    boot_ns = rtc_read_ns() - clock_ns();
}

uint64_t rtc_boot_ns(void) { return boot_ns; }
