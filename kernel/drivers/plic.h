/*
 * The platform-level interrupt controller: which device interrupts which hart.
 *
 * A device has one source, a source one hart and one handler, for ever. Between the
 * interrupt and the return of its handler the source is quiet.
 */
#pragma once

#include "drivers/devtree.h"

struct hart;

struct irq_handler {
    /* Runs on its hart at depth 1, with interrupts open and no lock held: it may take
     * spinlocks and wake threads. The device must be told to stop asking. */
    void (*handle)(struct irq_handler *h);
    uint32_t source;      /* the controller's; set once */
    volatile void *claim; /* the register of its hart; set once */
    struct irq_handler
        *next; /* in the list of its hart that wait for hart_device_work() */
};

/* After harts_start(). 0; -ENODEV if the machine has no such controller, or none of its
 * contexts is for one of our harts; -ENOMEM. */
must_check int plic_init(const struct devtree *dt);

/*
 * Interrupts from `source` call h->handle from now on. Harts take turns at being the one.
 * `h` stays for ever. 0; -ENODEV (no controller, or it has no such source); -EBUSY (the
 * source has a handler).
 */
must_check int plic_add(struct irq_handler *h, uint32_t source);
