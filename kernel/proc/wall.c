/* See wall.h. */
#include "proc/wall.h"

#include "arch/riscv/hart.h"
#include "drivers/rtc.h"
#include "fs/inode.h"
#include "fs/timerfd.h"
#include "proc/vdso.h"
#include "sched/timer.h"
#include "sync/spinlock.h"

static struct spinlock lock; /* RANK_REGISTERS: our word and the vDSO's change together */
static int64_t difference;   /* changed under lock, read without: atomic */

static void set_difference(int64_t ns)
{
    spin_lock(&lock, RANK_REGISTERS);
    __atomic_store_n(&difference, ns, __ATOMIC_RELAXED);
    vdso_set_wall(ns);
    spin_unlock(&lock, RANK_REGISTERS);
}

frameless int64_t clock_wall_ns(void)
{
    return (int64_t)clock_scaled(read_time()) +
           __atomic_load_n(&difference, __ATOMIC_RELAXED);
}

void clock_set_wall(int64_t ns)
{
    set_difference(ns - (int64_t)clock_ns());
    timerfd_clock_was_set();
}

void clock_wall_init(void)
{
    set_difference((int64_t)rtc_boot_ns());
    file_clock = clock_wall_ns;
}
