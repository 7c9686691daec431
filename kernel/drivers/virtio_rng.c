/*
 * Virtio entropy devices ("Virtual I/O Device Version 1.2", section 5.4): a queue of buffers
 * that the device fills with as many random bytes as it likes.
 *
 * One buffer is out at a time. Locks: dev->lock.
 */
#include "drivers/virtio_rng.h"

#include "arch/riscv/directmap.h"
#include "drivers/random.h"
#include "lib/errno.h"
#include "lib/log.h"
#include "lib/string.h"
#include "mm/slab.h"

enum { ANSWER = 64, QUEUE_ENTRIES = 2 };

struct rng {
    struct virtio_device *dev;
    struct virtio_queue *queue;

    /* Protected by dev->lock. */
    uint8_t *buf;
    bool asked;

    uint64_t answers; /* atomic */
};

static struct rng *the_rng; /* atomic: set once. More than one device is no better. */

static void ask(struct rng *rng)
{
    struct virtio_piece piece = {ptr_to_pa(rng->buf), ANSWER};

    spin_lock(&rng->dev->lock, RANK_DEVICE);
    if (!rng->asked && virtio_queue_add(rng->queue, &piece, 0, 1, rng) == 0) {
        rng->asked = true;
        virtio_queue_kick(rng->queue);
    }
    spin_unlock(&rng->dev->lock, RANK_DEVICE);
}

void rng_ask(void)
{
    struct rng *rng = __atomic_load_n(&the_rng, __ATOMIC_ACQUIRE);
    if (rng) ask(rng);
}

uint64_t rng_answers(void)
{
    struct rng *rng = __atomic_load_n(&the_rng, __ATOMIC_ACQUIRE);
    return rng ? __atomic_load_n(&rng->answers, __ATOMIC_RELAXED) : 0;
}

static void device_has_worked(struct virtio_device *dev)
{
    struct rng *rng = dev->owner;
    struct virtio_done done = {0};

    spin_lock(&dev->lock, RANK_DEVICE);
    if (virtio_queue_take(rng->queue, &done)) {
        rng->asked = false;
        if (!done.failed) random_add(rng->buf, done.written);
        memset(rng->buf, 0, ANSWER);
    }
    spin_unlock(&dev->lock, RANK_DEVICE);
    if (done.written) __atomic_fetch_add(&rng->answers, 1, __ATOMIC_RELAXED);
}

static int set_up(struct rng *rng)
{
    struct virtio_device *dev = rng->dev;

    rng->buf = kzalloc(ANSWER);
    if (!rng->buf) return -ENOMEM;
    int err = virtio_negotiate(dev, 0);
    if (err) return err;
    err = virtio_queue_create(dev, 0, QUEUE_ENTRIES, &rng->queue);
    if (err) return err;
    dev->owner = rng;
    dev->work = device_has_worked;
    return virtio_go(dev);
}

int rng_attach(struct virtio_device *dev)
{
    if (the_rng) return -EEXIST;
    struct rng *rng = kzalloc(sizeof(*rng));
    if (!rng) return -ENOMEM;
    rng->dev = dev;
    int err = set_up(rng);
    if (err) {
        virtio_give_up(dev);
        kfree(rng->buf);
        kfree(rng);
        return err;
    }
    __atomic_store_n(&the_rng, rng, __ATOMIC_RELEASE);
    ask(rng);
    return 0;
}
