/* See devfs.h. */
#include "fs/devfs/devfs.h"

#include "fs/cred.h"
#include "fs/devices.h"
#include "fs/tmpfs/tmpfs.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "uapi/stat.h"

/* A name in a directory, by whichever operation makes it. */
static int add_in(struct dentry *dir, const char *name, size_t len, const char *target,
                  uint32_t mode, uint64_t number)
{
    struct inode *i = dentry_inode(dir);
    struct dentry *d;

    mutex_lock(&i->lock);
    int err = dentry_lookup(dir, name, len, &d);
    if (!err) {
        if (dentry_inode(d)) {
            err = -EEXIST;
        } else if (target) {
            err = i->ops->symlink(i, d, target, &root_cred);
        } else {
            err = i->ops->create(i, d, mode, number, &root_cred);
        }
        dentry_put(d);
    }
    mutex_unlock(&i->lock);
    return err;
}

static int add(struct file_system *fs, const char *name, const char *target,
               uint32_t mode, uint64_t number)
{
    return add_in(fs->root, name, strlen(name), target, mode, number);
}

/* "port/in" is in a directory, which is made for the first of its devices. */
static int add_device(struct file_system *fs, const struct char_device *d)
{
    const char *slash = strchr(d->name, '/');

    if (!slash) return add(fs, d->name, NULL, S_IFCHR | d->mode, d->number);
    size_t len = (size_t)(slash - d->name);
    int err = add_in(fs->root, d->name, len, NULL, S_IFDIR | 0755, 0);
    if (err && err != -EEXIST) return err;
    struct dentry *dir = dentry_find(fs->root, d->name, len);
    err = add_in(dir, slash + 1, strlen(slash + 1), NULL, S_IFCHR | d->mode, d->number);
    dentry_put(dir);
    return err;
}

static int fill(struct file_system *fs)
{
    const struct char_device *d;
    int err = 0;

    for (unsigned i = 0; !err && (d = device_at(i)) != NULL; i++) {
        if (d->mode) err = add_device(fs, d);
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
