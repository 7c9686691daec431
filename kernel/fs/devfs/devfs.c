/* See devfs.h. */
#include "fs/devfs/devfs.h"

#include "fs/cred.h"
#include "fs/devices.h"
#include "fs/tmpfs/tmpfs.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "uapi/stat.h"

/* A name in the root, by whichever operation makes it. */
static int add(struct file_system *fs, const char *name, const char *target,
               uint32_t mode, uint64_t number)
{
    struct inode *root = dentry_inode(fs->root);
    struct dentry *d;

    mutex_lock(&root->lock);
    int err = dentry_lookup(fs->root, name, strlen(name), &d);
    if (!err) {
        err = target ? root->ops->symlink(root, d, target, &root_cred)
                     : root->ops->create(root, d, mode, number, &root_cred);
        dentry_put(d);
    }
    mutex_unlock(&root->lock);
    return err;
}

static int fill(struct file_system *fs)
{
    const struct char_device *d;
    int err = 0;

    for (unsigned i = 0; !err && (d = device_at(i)) != NULL; i++) {
        if (d->mode) err = add(fs, d->name, NULL, S_IFCHR | d->mode, d->number);
    }
    if (!err) err = add(fs, "pts", NULL, S_IFDIR | 0755, 0);
    if (!err) err = add(fs, "shm", NULL, S_IFDIR | S_ISVTX | 0777, 0);
    if (!err) err = add(fs, "fd", "/proc/self/fd", 0, 0);
    if (!err) err = add(fs, "stdin", "/proc/self/fd/0", 0, 0);
    if (!err) err = add(fs, "stdout", "/proc/self/fd/1", 0, 0);
    if (!err) err = add(fs, "stderr", "/proc/self/fd/2", 0, 0);
    return err;
}

struct file_system *devfs_create(void)
{
    struct tmpfs_options options = {.mode = 0755};
    struct file_system *fs = tmpfs_create(&options);

    if (fs && fill(fs)) {
        file_system_abandon(fs);
        return NULL;
    }
    return fs;
}
