/* See inode.h. */
#include "fs/inode.h"

#include "fs/cred.h"
#include "fs/pagecache.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/slab.h"
#include "uapi/capability.h"
#include "uapi/stat.h"

file_time_t (*file_clock)(void);
bool (*file_wait_interrupted)(void);

static const uint32_t kind_modes[] = {
    [INODE_REGULAR] = S_IFREG, [INODE_DIRECTORY] = S_IFDIR, [INODE_SYMLINK] = S_IFLNK,
    [INODE_CHAR] = S_IFCHR,    [INODE_BLOCK] = S_IFBLK,     [INODE_FIFO] = S_IFIFO,
    [INODE_SOCKET] = S_IFSOCK,
};

uint32_t inode_kind_mode(enum inode_kind kind) { return kind_modes[kind]; }

bool inode_kind_of(uint32_t mode, enum inode_kind *out)
{
    for (unsigned kind = 0; kind < ARRAY_SIZE(kind_modes); kind++) {
        if (kind_modes[kind] != (mode & S_IFMT)) continue;
        *out = (enum inode_kind)kind;
        return true;
    }
    return false;
}

void file_system_init(struct file_system *fs, const struct file_system_ops *ops,
                      uint32_t magic)
{
    static uint32_t last; /* atomic */
    uint32_t minor = __atomic_add_fetch(&last, 1, __ATOMIC_RELAXED);

    *fs = (struct file_system){.ops = ops, .magic = magic, .refs = 1};
    fs->device = device_number(0, minor);
}

void file_system_get(struct file_system *fs)
{
    __atomic_fetch_add(&fs->refs, 1, __ATOMIC_RELAXED);
}

void file_system_put(struct file_system *fs)
{
    if (__atomic_fetch_sub(&fs->refs, 1, __ATOMIC_ACQ_REL) == 1) fs->ops->destroy(fs);
}

void inode_init(struct inode *i, const struct inode_ops *ops, struct file_system *fs,
                enum inode_kind kind, uint32_t mode)
{
    memset(i, 0, sizeof(*i));
    i->ops = ops;
    i->fs = fs;
    i->refs = 1;
    i->kind = (uint8_t)kind;
    i->mode = mode & 07777;
    i->nlink = kind == INODE_DIRECTORY ? 2 : 1;
    mutex_init(&i->lock);
    file_system_get(fs);
    inode_touch(i, TIME_ATIME | TIME_MTIME | TIME_CTIME);
}

void inode_get(struct inode *i) { __atomic_fetch_add(&i->refs, 1, __ATOMIC_RELAXED); }

void inode_destroy(struct inode *i)
{
    struct file_system *fs = i->fs;

    i->ops->destroy(i);
    file_system_put(fs);
}

static void free_memory(struct grace *g) { kfree(container_of(g, struct inode, grace)); }

void inode_free(struct inode *i) { grace_defer(&i->grace, free_memory); }

/* Mappings may outlive all else that refers to the file: then its object is the last to go, unless
 * it shows another one's. */
void inode_put(struct inode *i)
{
    if (__atomic_fetch_sub(&i->refs, 1, __ATOMIC_ACQ_REL) != 1) return;
    if (i->pages && pages_of(i->pages)->inode == i) {
        object_put(i->pages);
    } else {
        inode_destroy(i);
    }
}

/* What capabilities permit whatever the mode says. */
static bool overridden(const struct inode *i, unsigned wanted, const struct cred *who)
{
    bool directory = inode_is(i, INODE_DIRECTORY);
    bool runnable = directory || (inode_read(&i->mode) & 0111);

    if (cred_can(who, CAP_DAC_OVERRIDE) && (runnable || !(wanted & MAY_EXEC)))
        return true;
    unsigned reading = directory ? MAY_READ | MAY_EXEC : MAY_READ;
    return cred_can(who, CAP_DAC_READ_SEARCH) && !(wanted & ~reading);
}

int inode_permission_of(const struct inode *i, unsigned wanted, const struct cred *who)
{
    uint32_t mode = inode_read(&i->mode);

    if (wanted & MAY_WRITE && i->fs->read_only && i->kind <= INODE_SYMLINK) return -EROFS;
    if (who->fsuid == inode_read(&i->uid)) {
        mode >>= 6;
    } else if (cred_in_group(who, inode_read(&i->gid))) {
        mode >>= 3;
    }
    if (!(wanted & ~mode)) return 0;
    return overridden(i, wanted, who) ? 0 : -EACCES;
}

bool inode_owned(const struct inode *i, const struct cred *who)
{
    return who->fsuid == inode_read(&i->uid) || cred_can(who, CAP_FOWNER);
}

uint32_t inode_new_group(const struct inode *dir, const struct cred *who)
{
    return inode_read(&dir->mode) & S_ISGID ? inode_read(&dir->gid) : who->fsgid;
}

/* Nobody gets a program that runs as a group that is not its maker's, by way of the
 * directory. */
uint32_t inode_new_mode(const struct inode *dir, uint32_t mode, uint32_t umask,
                        const struct cred *who)
{
    bool directory = (mode & S_IFMT) == S_IFDIR,
         inherits = inode_read(&dir->mode) & S_ISGID;
    bool lifted = (mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP);
    bool keeps = cred_in_group(who, inode_read(&dir->gid)) || cred_can(who, CAP_FSETID);

    if (inherits && directory) return (mode & ~umask) | S_ISGID;
    if (inherits && lifted && !keeps) mode &= ~S_ISGID;
    return mode & ~umask;
}
