/*
 * The interrupt controller ("RISC-V Platform-Level Interrupt Controller Specification").
 *
 *     source --> gateway --> pending --> enabled for a context? --> that hart's interrupt
 *                   ^                                                      |
 *                   |                                                   claim
 *                   +---- complete <---- handler <---- hart.work <---------+
 *
 * A claim takes the source out of circulation until it is completed. So the interrupt handler
 * does no more than claim, and whatever the device needs is done later, with interrupts
 * open and locks allowed; that its line is still raised meanwhile does no harm. A source that
 * is claimed and has no handler is never completed, which keeps it quiet.
 *
 * Each source is enabled for one hart. Were it several, all would be interrupted and all but
 * one in vain. Devices are spread over the harts as they come.
 *
 * Locks: plic.adding. The list of claimed handlers belongs to its hart: interrupts of that
 * hart push, hart_device_work() takes all of it at once.
 */
#include "drivers/plic.h"

#include "arch/riscv/hart.h"
#include "arch/riscv/mmio.h"
#include "lib/errno.h"
#include "lib/log.h"
#include "mm/kspace.h"
#include "mm/slab.h"
#include "sched/mutex.h"

enum {
    PRIORITY = 0, /* a word for each source */
    ENABLE = 0x2000,
    ENABLE_CONTEXT = 0x80,
    CONTEXT = 0x200000,
    CONTEXT_SIZE = 0x1000,
    CONTEXT_THRESHOLD = 0,
    CONTEXT_CLAIM = 4,
    MAX_SOURCES = 1023,
    MAX_CONTEXTS = 15872,
};

static struct {
    volatile uint8_t *regs; /* NULL: there is none */
    uint32_t nsources;      /* 1 to so many */

    struct mutex adding;
    unsigned next_hart;            /* whose turn it is; under adding */
    struct irq_handler **handlers; /* by source. Atomic: written under adding */

    int32_t context[MAX_HARTS];             /* set once; -1: none */
    struct irq_handler *claimed[MAX_HARTS]; /* atomic */
} plic;

static volatile uint8_t *context_reg(unsigned hart, uint32_t reg)
{
    return plic.regs + CONTEXT + (size_t)plic.context[hart] * CONTEXT_SIZE + reg;
}

static volatile uint8_t *enable_reg(unsigned hart, uint32_t source)
{
    return plic.regs + ENABLE + (size_t)plic.context[hart] * ENABLE_CONTEXT +
           source / 32 * sizeof(uint32_t);
}

/* What firmware left enabled would go to nobody. */
static void quiet_context(unsigned hart)
{
    for (uint32_t source = 0; source <= plic.nsources; source += 32) {
        mmio_write32(enable_reg(hart, source), 0);
    }
    mmio_write32(context_reg(hart, CONTEXT_THRESHOLD), 0);
}

/* Takes the contexts that are within the registers; false if there are none. */
static bool find_contexts(const struct devtree *dt)
{
    uint64_t size = phys_range_size(dt->plic.regs);
    bool any = false;

    for (unsigned i = 0; i < nharts; i++) {
        int32_t context = dt->harts[i].plic_context;
        plic.context[i] = -1;
        if (context < 0) continue;
        if (context >= MAX_CONTEXTS ||
            CONTEXT + ((uint64_t)context + 1) * CONTEXT_SIZE > size) {
            log_warn("plic: context %d is outside of its registers; ignored", context);
            continue;
        }
        plic.context[i] = context;
        any = true;
    }
    return any;
}

static void open_hart(void *unused)
{
    (void)unused;
    preempt_off();
    unsigned hart = this_hart()->index;
    if (plic.context[hart] >= 0) {
        quiet_context(hart);
        hart_open_devices();
    }
    preempt_on();
}

int plic_init(const struct devtree *dt)
{
    const struct devtree_device *dev = &dt->plic;
    uint32_t nsources = dt->plic_sources < MAX_SOURCES ? dt->plic_sources : MAX_SOURCES;

    if (!devtree_device_present(dev) || nsources == 0 || !find_contexts(dt))
        return -ENODEV;
    struct irq_handler **handlers = kzalloc((nsources + 1) * sizeof(*handlers));
    if (!handlers) return -ENOMEM;
    void *regs = kspace_map_device(dev->regs.start, phys_range_size(dev->regs));
    if (!regs) {
        kfree(handlers);
        return -ENOMEM;
    }
    mutex_init(&plic.adding);
    plic.handlers = handlers;
    plic.nsources = nsources;
    plic.regs = regs;
    hart_call_all(open_hart, NULL);
    return 0;
}

/* The next hart that can be interrupted, or -1. */
static int choose_hart(void)
{
    for (unsigned i = 0; i < nharts; i++) {
        unsigned hart = plic.next_hart++ % nharts;
        if (plic.context[hart] >= 0 && (harts_online() >> hart & 1)) return (int)hart;
    }
    return -1;
}

static int add(struct irq_handler *h, uint32_t source)
{
    if (plic.handlers[source]) return -EBUSY;
    int hart = choose_hart();
    if (hart < 0) return -ENODEV;
    h->source = source;
    h->claim = context_reg((unsigned)hart, CONTEXT_CLAIM);
    /* With the interrupt that reads it. */
    __atomic_store_n(&plic.handlers[source], h, __ATOMIC_RELEASE);
    mmio_release();
    volatile void *enable = enable_reg((unsigned)hart, source);
    mmio_write32(enable, mmio_read32(enable) | 1u << source % 32);
    mmio_write32(plic.regs + PRIORITY + source * sizeof(uint32_t), 1);
    return 0;
}

int plic_add(struct irq_handler *h, uint32_t source)
{
    if (!plic.regs || source == 0 || source > plic.nsources) return -ENODEV;
    mutex_lock(&plic.adding);
    int err = add(h, source);
    mutex_unlock(&plic.adding);
    return err;
}

void hart_device_interrupt(void)
{
    unsigned hart = this_hart()->index;
    volatile void *claim = context_reg(hart, CONTEXT_CLAIM);
    uint32_t source;

    /* It ends: a source that has been claimed does not come again before it is completed. */
    while ((source = mmio_read32(claim)) != 0) {
        mmio_acquire();
        struct irq_handler *h =
            source <= plic.nsources
                ? __atomic_load_n(&plic.handlers[source], __ATOMIC_ACQUIRE)
                : NULL;
        if (!h) {
            log_warn("interrupt %u is nobody's; it is ignored from now on", source);
            continue;
        }
        h->next = __atomic_load_n(&plic.claimed[hart], __ATOMIC_RELAXED);
        __atomic_store_n(&plic.claimed[hart], h, __ATOMIC_RELAXED);
    }
}

void hart_device_work(void)
{
    struct irq_handler *h =
        __atomic_exchange_n(&plic.claimed[this_hart()->index], NULL, __ATOMIC_RELAXED);

    while (h) {
        struct irq_handler *next = h->next; /* completed, it may be claimed again */
        h->handle(h);
        mmio_order(); /* what the handler told its device comes before */
        mmio_write32(h->claim, h->source);
        h = next;
    }
}
