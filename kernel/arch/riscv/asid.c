/*
 * See asid.h for what an identifier is.
 *
 * There are fewer identifiers than spaces: they are handed out in epochs. When one
 * epoch's are used up the next begins, every space needs a new one, and every hart
 * forgets everything before it uses an identifier of the new epoch for the first time.
 * A space's epoch and identifier are one word, so that nobody pairs the one with
 * another's other.
 *
 * A hart that goes on running a space across the change of epochs keeps the old
 * identifier until it switches: translations are private to a hart, so another hart
 * may use the same number for another space. Therefore a flush never says which
 * identifier; each hart asked looks in its own satp.
 *
 * Pairs are two numbers in a row, the first one even; a context has the first.
 */
#include "arch/riscv/asid.h"

#include "arch/riscv/entry.h"
#include "arch/riscv/fence.h"
#include "arch/riscv/ipi.h"

static uint64_t step;       /* identifiers that a space takes */
static uint64_t asid_limit; /* they are step .. asid_limit - 1; or there are none */
static uint32_t asid_lock;  /* guards the two below; a word of its own, see lock_rank.h */
static uint64_t asid_next;  /* the next to hand out */
static uint64_t asid_epoch = 1; /* written under the lock, read by anybody. Atomic. */

void asid_init(uint64_t limit)
{
    step = isolation_split ? 2 : 1;
    asid_limit = limit;
    asid_next = step;
}

bool asid_in_use(void) { return asid_limit > step; }

static uint64_t epoch_now(void) { return __atomic_load_n(&asid_epoch, __ATOMIC_ACQUIRE); }

/* A context of the present epoch for `tlb`, made if need be. */
static noinline uint64_t context_assign(struct tlb *tlb)
{
    while (__atomic_exchange_n(&asid_lock, 1, __ATOMIC_ACQUIRE)) {
        ipi_poll(); /* switching may happen with interrupts closed */
        cpu_relax();
    }
    uint64_t context = tlb->context;
    if (context >> CONTEXT_SHIFT != asid_epoch) {
        if (asid_next == asid_limit) {
            __atomic_store_n(&asid_epoch, asid_epoch + 1, __ATOMIC_RELEASE);
            asid_next = step;
        }
        context = asid_epoch << CONTEXT_SHIFT | asid_next;
        asid_next += step;
        __atomic_store_n(&tlb->context, context, __ATOMIC_RELAXED);
    }
    __atomic_store_n(&asid_lock, 0, __ATOMIC_RELEASE);
    return context;
}

uint64_t asid_for(struct tlb *tlb)
{
    struct hart *h = this_hart();

    if (!asid_in_use()) return 0;
    uint64_t context = __atomic_load_n(&tlb->context, __ATOMIC_RELAXED);
    if (context >> CONTEXT_SHIFT != epoch_now()) context = context_assign(tlb);
    if (h->asid_epoch != context >> CONTEXT_SHIFT) {
        h->asid_epoch = context >> CONTEXT_SHIFT;
        fence_everything();
    }
    return context & CONTEXT_ASID;
}
