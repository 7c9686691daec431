/*
 * Virtio devices over memory-mapped registers, as far as it is the same for all of them:
 * finding them, agreeing on features, and their queues.
 *
 *     attach:  virtio_negotiate()  virtio_queue_create() ...  virtio_go()
 *     work:    virtio_queue_add() ...  virtio_queue_kick()      dev->lock held
 *              virtio_queue_take() until there is no more       dev->lock held
 *
 * A device is believed no more than a file. One that breaks a rule of the queues, or says
 * itself that it is lost, has failed: it is reset, takes no more requests, and every
 * request that it had comes out of virtio_queue_take() as failed. It stays so.
 */
#pragma once

#include "drivers/devtree.h"
#include "drivers/plic.h"
#include "sync/spinlock.h"

enum virtio_id {
    VIRTIO_NONE = 0,
    VIRTIO_BLOCK = 2,
    VIRTIO_CONSOLE = 3,
    VIRTIO_ENTROPY = 4
};

#define VIRTIO_VERSION_1 (1ul << 32)

struct virtio_queue;

struct virtio_device {
    /* Set once, by virtio_open(). */
    volatile uint8_t *regs;
    size_t size;      /* of the registers */
    uint64_t address; /* physical, for the log */
    uint32_t source;  /* of its interrupt */
    uint32_t id;      /* enum virtio_id */

    uint64_t features;           /* agreed; set once */
    bool failed;                 /* atomic; changes under lock */
    struct spinlock lock;        /* RANK_DEVICE: its queues, and what its driver has */
    struct virtio_queue *queues; /* all of them; set once */

    void *owner; /* its driver's own; set before virtio_go() */
    /* Its driver's, set before virtio_go(). Called at depth 1 without locks: requests may
     * have come back; the configuration may have changed. NULL: not interested. */
    void (*work)(struct virtio_device *dev);
    void (*config_changed)(struct virtio_device *dev);
    struct irq_handler irq;
};

/* What a registers page says about the device behind it: 0 and its id in dev->id, which is
 * VIRTIO_NONE where there is none; -ENODEV with the reason logged, if it is one that we
 * cannot use; -ENOMEM. */
must_check int virtio_open(struct virtio_device *dev, const struct devtree_device *at);

/* Resets the device and agrees on those of `wanted` that it offers, in dev->features.
 * VIRTIO_VERSION_1 is always among them. 0, or -EIO with the reason logged. */
must_check int virtio_negotiate(struct virtio_device *dev, uint64_t wanted);

/*
 * Makes queue `index`, of at most `most` entries (a power of 2; fewer if the device has
 * fewer). It lives until virtio_give_up(). 0; -ENODEV if the device has no such queue, with the reason logged; -ENOMEM.
 */
must_check int virtio_queue_create(struct virtio_device *dev, unsigned index,
                                   unsigned most, struct virtio_queue **out);

/* The device works, and interrupts us. 0, or -ENODEV with the reason logged. */
must_check int virtio_go(struct virtio_device *dev);

/* Instead of virtio_go(): resets the device and frees its queues. */
void virtio_give_up(struct virtio_device *dev);

/* The configuration; 0 behind its end. 64-bit values are read as one. */
uint8_t virtio_config8(const struct virtio_device *dev, unsigned offset);
uint16_t virtio_config16(const struct virtio_device *dev, unsigned offset);
uint32_t virtio_config32(const struct virtio_device *dev, unsigned offset);
uint64_t virtio_config64(const struct virtio_device *dev, unsigned offset);

/* A piece of memory of a request. */
struct virtio_piece {
    paddr_t at;
    uint32_t len; /* not 0 */
};

/* The entries of a queue: as many pieces can be in it. */
unsigned virtio_queue_size(const struct virtio_queue *q);
/* Pieces that can be added now. */
unsigned virtio_queue_room(const struct virtio_queue *q);

/*
 * Hands over a request: `nread` pieces for the device to read, then `nwrite` that it
 * writes; at least one in all. `token` comes back with it. 0; -EAGAIN if there is no room; -EIO.
 */
must_check int virtio_queue_add(struct virtio_queue *q, const struct virtio_piece *pieces,
                                unsigned nread, unsigned nwrite, void *token);

/* Tells the device that something was added. */
void virtio_queue_kick(struct virtio_queue *q);

struct virtio_done {
    void *token;
    uint32_t written; /* bytes, no more than the pieces had room for */
    bool failed;      /* the device was reset: what it did with the request is unknown */
};

/* The next request that came back; false if there is none. */
bool virtio_queue_take(struct virtio_queue *q, struct virtio_done *out);

/*
 * How long a device may take. Clocks jump ahead under an emulator that counts instructions
 * while everybody waits; so what counts is the real-time clock, if there is one. 0: devices
 * may take for ever, and no timer is set for them. One minute at first; changes at boot only.
 */
extern uint64_t virtio_timeout_ns;

/* Has more than half of `ns` passed in the world since rtc_read_ns() said `since`? For
 * somebody who has been told so by a timer. */
bool virtio_time_has_passed(uint64_t since, uint64_t ns);

/* The device cannot be trusted: resets it. dev->lock is held. */
void virtio_fail(struct virtio_device *dev, const char *why);
static inline bool virtio_has_failed(const struct virtio_device *dev)
{
    return __atomic_load_n(&dev->failed, __ATOMIC_RELAXED);
}

static inline bool virtio_has(const struct virtio_device *dev, uint64_t feature)
{
    return dev->features & feature;
}
