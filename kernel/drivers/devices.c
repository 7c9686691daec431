/*
 * See devices.h. Virtio devices say themselves what they are, so each slot of the tree is
 * asked; most are empty. The interrupt controller is only looked at if something needs it.
 */
#include "drivers/devices.h"

#include "drivers/devtree.h"
#include "drivers/random.h"
#include "drivers/rtc.h"
#include "drivers/virtio.h"
#include "drivers/virtio_blk.h"
#include "drivers/virtio_console.h"
#include "drivers/virtio_rng.h"
#include "lib/errno.h"
#include "lib/log.h"
#include "mm/kspace.h"
#include "mm/slab.h"

/* One of those that this kernel knows. -ENODEV: the log has the reason. */
static int attach(struct virtio_device *dev)
{
    switch (dev->id) {
    case VIRTIO_BLOCK:
        return blk_attach(dev);
    case VIRTIO_CONSOLE:
        return ports_attach(dev);
    case VIRTIO_ENTROPY:
        return rng_attach(dev);
    default:
        log_info("virtio at 0x%lx: device %u is of no use here", dev->address, dev->id);
        return -ENODEV;
    }
}

bool devices_can_interrupt(const struct devtree *dt)
{
    static enum { UNKNOWN, WORKS, BROKEN } state;

    if (state == UNKNOWN) {
        int err = plic_init(dt);
        if (err) log_warn("no device can interrupt: error %d of the controller", err);
        state = err ? BROKEN : WORKS;
    }
    return state == WORKS;
}

/* Is there a device, and does it work? Then it keeps `dev` for ever. */
static bool start_slot(const struct devtree *dt, unsigned slot, struct virtio_device *dev)
{
    int err = virtio_open(dev, &dt->virtio[slot]);

    if (err == 0 && dev->id != VIRTIO_NONE && devices_can_interrupt(dt)) {
        err = attach(dev);
        if (err == 0) return true;
        if (err != -ENODEV)
            log_warn("virtio at 0x%lx: not used, error %d", dev->address, err);
    }
    if (dev->regs) kspace_unmap_device(dev->regs, dev->size);
    return false;
}

static void start_virtio(const struct devtree *dt)
{
    struct virtio_device *dev = NULL;

    for (unsigned slot = 0; slot < dt->nvirtio; slot++) {
        if (!dev) dev = kmalloc(sizeof(*dev));
        if (!dev) {
            log_warn("virtio: no memory for a device");
            return;
        }
        if (start_slot(dt, slot, dev)) dev = NULL;
    }
    kfree(dev);
}

void devices_start(struct devtree *dt)
{
    random_init(dt);
    rtc_init(dt);
    start_virtio(dt);
}
