/* See devices.h. */
#include "fs/devices.h"

#include "lib/errno.h"

static struct char_device *devices,
    **end = &devices;        /* atomic links; under lock to grow */
static struct spinlock lock; /* RANK_DEVICES */

static struct char_device *after(struct char_device *const *link)
{
    return __atomic_load_n(link, __ATOMIC_ACQUIRE);
}

static bool overlaps(const struct char_device *a, const struct char_device *b)
{
    return a->number < b->number + b->count && b->number < a->number + a->count;
}

int device_register(struct char_device *d)
{
    int err = 0;

    spin_lock(&lock, RANK_DEVICES);
    for (const struct char_device *at = devices; at; at = at->next) {
        if (overlaps(at, d)) err = -EBUSY;
    }
    if (!err) {
        d->next = NULL;
        __atomic_store_n(end, d, __ATOMIC_RELEASE);
        end = &d->next;
    }
    spin_unlock(&lock, RANK_DEVICES);
    return err;
}

static const struct char_device *device_of(uint64_t number)
{
    const struct char_device *d = after(&devices);

    while (d && number - d->number >= d->count) {
        d = after(&d->next);
    }
    return d;
}

int device_open(struct inode *i, struct file *f)
{
    const struct char_device *d = device_of(i->rdev);

    return d ? d->open(i, f) : -ENXIO;
}

const struct char_device *device_at(unsigned index)
{
    const struct char_device *d = after(&devices);

    while (d && index-- > 0) {
        d = after(&d->next);
    }
    return d;
}
