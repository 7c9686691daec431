/*
 * The other side of virtio's registers and rings, for host tests and the fuzzer.
 *
 * The model keeps to the rules and insists that the driver does: a chain that is not well
 * formed, or memory that is not the driver's, ends the test. Who wants a device that breaks
 * the rules does so by hand, through the pointers into the rings.
 *
 * It also is the rest of the kernel, as far as drivers need it: a heap with red zones whose
 * allocations can fail, interrupts, timers, and threads: one that blocks lets `when_blocked` run.
 */
#pragma once

#include "drivers/virtio.h"

enum { MODEL_QUEUES = 40, MODEL_ENTRIES = 256, MODEL_REGISTERS = 0x200 };

/* As the specification has them. */
struct model_descriptor {
    uint64_t at;
    uint32_t len;
    uint16_t flags, next;
};
struct model_used {
    uint16_t flags, index;
    struct {
        uint32_t head, written;
    } ring[];
};
struct model_available {
    uint16_t flags, index, ring[];
};

struct model_chain {
    unsigned queue, head, nread, nwrite;
    struct virtio_piece pieces[MODEL_ENTRIES];
};

struct model_queue {
    uint32_t most, size, ready;
    uint64_t descriptors, available, used;
    uint16_t seen; /* chains taken */
};

struct model {
    uint32_t magic, version, id;
    uint64_t features; /* offered */
    uint32_t config[64];

    uint64_t driver_features;
    uint32_t features_sel, driver_sel, queue_sel, status, interrupts;
    bool no_reset, no_agreement; /* it will not */
    bool wild; /* it breaks rules, and rings need not make sense to it any more */
    unsigned resets, kicks;
    unsigned kicked; /* queues, a bit each modulo 32 */
    struct model_queue queue[MODEL_QUEUES];
};
extern struct model model;
extern void (*model_when_blocked)(void);

/* A device of this kind with `nqueues` queues; nothing is allocated, nothing is set. */
void model_begin(uint32_t id, uint64_t features, unsigned nqueues);
/* Everything has been given back. */
void model_end(void);

/* The slot that the model is in. */
extern const struct devtree_device model_slot;

/* The rings, for those who know what they do. */
struct model_descriptor *model_descriptors(unsigned queue);
struct model_available *model_available(unsigned queue);
struct model_used *model_used(unsigned queue);

/* Takes the next chain that the driver has made available. False if there is none. */
bool model_take(unsigned queue, struct model_chain *out);
/* Returns it. */
void model_return(const struct model_chain *c, uint32_t written);
/* Raises the interrupt for used buffers (1), the configuration (2), and lets it be handled. */
void model_interrupt(unsigned why);

/* Memory of a piece, checked. */
void *model_memory(const struct virtio_piece *piece);

/* After `n` more allocations of kmalloc() all fail; -1: none does. */
extern int model_allocations_left;

/* The timer that was set last, or NULL; and firing it. */
bool model_timer_is_set(void);
void model_fire_timer(void);
