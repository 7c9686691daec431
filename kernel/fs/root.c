/* See root.h. */
#include "fs/root.h"

#include "drivers/virtio_blk.h"
#include "fs/erofs/block.h"
#include "fs/erofs/vfs.h"
#include "fs/overlay/overlay.h"
#include "fs/path.h"
#include "fs/tmpfs/tmpfs.h"
#include "lib/errno.h"
#include "mm/page.h"

/* As much as Linux lets a tmpfs have: half of what there is. */
static struct tmpfs_options options(void)
{
    return (struct tmpfs_options){.npages = page_free_count() / 2, .mode = 0755};
}

static int mount_or_abandon(struct file_system *fs, const char *source, const char *type)
{
    int err = mount_root(fs, 0, source, type);

    if (err) file_system_abandon(fs);
    return err;
}

int root_mount_memory(void)
{
    struct tmpfs_options o = options();
    struct file_system *fs = tmpfs_create(&o);

    return fs ? mount_or_abandon(fs, "rootfs", "tmpfs") : -ENOMEM;
}

static int open_image(struct blk *disk, struct file_system **out, const char **reason)
{
    struct erofs_device *device = erofs_block_create(disk);

    if (!device) return -ENOMEM;
    int err = erofs_create(device, out, reason);
    if (err) erofs_block_destroy(device);
    return err;
}

int root_mount_erofs(const char *disk, const char **reason)
{
    struct tmpfs_options o = options();
    struct blk *b = blk_find(disk);
    struct file_system *lower;

    *reason = "there is no such disk";
    if (!b) return -ENODEV;
    *reason = "no memory";
    int err = open_image(b, &lower, reason);
    if (err) return err;
    *reason = "no memory";
    struct file_system *fs = overlay_create(lower, &o);
    if (!fs) {
        file_system_abandon(lower);
        return -ENOMEM;
    }
    return mount_or_abandon(fs, disk, "overlay");
}
