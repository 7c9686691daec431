/* See devices.h. */
#include "fs/devices.h"

#include "lib/errno.h"

static struct list devices = {&devices, &devices};
static struct spinlock lock; /* RANK_DEVICES */

static bool overlaps(const struct char_device *a, const struct char_device *b)
{
    return a->number < b->number + b->count && b->number < a->number + a->count;
}

int device_register(struct char_device *d)
{
    struct list *it;
    int err = 0;

    spin_lock(&lock, RANK_DEVICES);
    list_for_each (it, &devices) {
        if (overlaps(list_entry(it, struct char_device, link), d)) err = -EBUSY;
    }
    if (!err) list_push_back(&devices, &d->link);
    spin_unlock(&lock, RANK_DEVICES);
    return err;
}

static const struct char_device *device_of(uint64_t number)
{
    const struct char_device *found = NULL;
    struct list *it;

    spin_lock(&lock, RANK_DEVICES);
    list_for_each (it, &devices) {
        const struct char_device *d = list_entry(it, struct char_device, link);
        if (number - d->number >= d->count) continue;
        found = d;
        break;
    }
    spin_unlock(&lock, RANK_DEVICES);
    return found;
}

int device_open(struct inode *i, struct file *f)
{
    const struct char_device *d = device_of(i->rdev);

    return d ? d->open(i, f) : -ENXIO;
}

const struct char_device *device_at(unsigned index)
{
    const struct char_device *found = NULL;
    struct list *it;

    spin_lock(&lock, RANK_DEVICES);
    list_for_each (it, &devices) {
        if (index-- > 0) continue;
        found = list_entry(it, struct char_device, link);
        break;
    }
    spin_unlock(&lock, RANK_DEVICES);
    return found;
}
