/* Traps, requests between harts and translation caches, on the real machine. */
#include "arch/riscv/csr.h"
#include "arch/riscv/hart.h"
#include "arch/riscv/image.h"
#include "arch/riscv/ipi.h"
#include "arch/riscv/symbols.h"
#include "arch/riscv/tlb.h"
#include "arch/riscv/trap.h"
#include "lib/errno.h"
#include "lib/ktest.h"
#include "lib/string.h"

KTEST(a_fault_in_a_probe_is_recovered_and_its_cause_known)
{
    uint8_t byte = 0;

    assert(probe_load8(&byte) == 0);
    assert(probe_load8((void *)0x1000) == -EFAULT);
    assert(this_hart()->fault_cause == CAUSE_LOAD_PAGE);
}

static void count_me(void *count)
{
    __atomic_fetch_add((uint64_t *)count, 1, __ATOMIC_RELAXED);
}

KTEST(a_call_runs_once_on_every_hart)
{
    uint64_t count = 0;

    hart_call_all(count_me, &count);
    assert(count == (uint64_t)__builtin_popcountl(harts_online()));
}
