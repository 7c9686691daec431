/* See attributes.h. */
#include "fs/attributes.h"

#include "fs/cred.h"
#include "fs/file.h"
#include "fs/pagecache.h"
#include "fs/seals.h"
#include "lib/errno.h"
#include "uapi/capability.h"
#include "uapi/fcntl.h"
#include "uapi/stat.h"

enum { BLOCK = 512 };

static uint64_t blocks(struct inode *i)
{
    if (!i->pages) return 0;
    uint64_t npages =
        pagecache_in_memory(i) ? pagecache_held(i) : object_npages(i->pages);

    return npages * (PAGE_SIZE / BLOCK);
}

void attributes_get(struct inode *i, struct attributes *out)
{
    mutex_lock(&i->lock);
    *out = (struct attributes){
        .device = i->fs->device,
        .ino = i->ino,
        .rdev = i->rdev,
        .mode = inode_kind_mode((enum inode_kind)i->kind) | i->mode,
        .nlink = i->nlink,
        .uid = i->uid,
        .gid = i->gid,
        .size = i->size,
        .blocks = blocks(i),
        .block_size = PAGE_SIZE,
        .atime = i->atime,
        .mtime = i->mtime,
        .ctime = i->ctime,
    };
    mutex_unlock(&i->lock);
}

int path_access(struct path p, unsigned wanted, const struct cred *who)
{
    const struct inode *i = path_inode(p);
    bool noexec = p.mount && inode_read(&p.mount->flags) & MOUNT_NOEXEC;

    if (wanted & MAY_EXEC && noexec && inode_is(i, INODE_REGULAR)) return -EACCES;
    int err = inode_permission(i, wanted, who);
    if (err || !(wanted & MAY_WRITE) || i->kind > INODE_SYMLINK) return err;
    return path_writable(p);
}

int path_may_execute(struct path p, const struct cred *who)
{
    if (!inode_is(path_inode(p), INODE_REGULAR)) return -EACCES;
    return path_access(p, MAY_EXEC, who);
}

static int store(struct inode *i) { return i->ops->changed ? i->ops->changed(i) : 0; }

static int chmod_locked(struct inode *i, uint32_t mode, const struct cred *who)
{
    uint32_t old = i->mode;

    if (!inode_owned(i, who)) return -EPERM;
    if (!cred_in_group(who, i->gid) && !cred_can(who, CAP_FSETID)) mode &= ~S_ISGID;
    inode_write(&i->mode, mode & 07777);
    int err = store(i);
    if (err) inode_write(&i->mode, old);
    if (!err) inode_touch(i, TIME_CTIME);
    return err;
}

int path_chmod(struct path p, uint32_t mode, const struct cred *who)
{
    struct inode *i = path_inode(p);
    int err = path_writable(p);

    if (err) return err;
    if (inode_is(i, INODE_SYMLINK)) return -EOPNOTSUPP;
    mutex_lock(&i->lock);
    err = chmod_locked(i, mode, who);
    mutex_unlock(&i->lock);
    return err;
}

/* A set-group-ID bit without execution is of no consequence, and stays for its group. */
static uint32_t without_privileges(const struct inode *i, const struct cred *who)
{
    uint32_t mode = i->mode & ~S_ISUID;
    bool keeps = cred_in_group(who, i->gid) || cred_can(who, CAP_FSETID);

    if (keeps && !(mode & S_IXGRP)) return mode;
    return mode & ~S_ISGID;
}

void inode_drop_privileges(struct inode *i, const struct cred *who)
{
    if (cred_can(who, CAP_FSETID) || !inode_is(i, INODE_REGULAR)) return;
    if (i->mode & (S_ISUID | S_ISGID)) inode_write(&i->mode, without_privileges(i, who));
}

static bool may_chown(const struct inode *i, uint32_t uid, uint32_t gid,
                      const struct cred *who)
{
    if (cred_can(who, CAP_CHOWN)) return true;
    if (who->fsuid != i->uid) return uid == KEEP_OWNER && gid == KEEP_OWNER;
    if (uid != KEEP_OWNER && uid != i->uid) return false;
    return gid == KEEP_OWNER || gid == i->gid || cred_in_group(who, gid);
}

static int chown_locked(struct inode *i, uint32_t uid, uint32_t gid,
                        const struct cred *who)
{
    uint32_t old[] = {i->uid, i->gid, i->mode};
    uint32_t mode = inode_is(i, INODE_DIRECTORY) ? i->mode : without_privileges(i, who);

    if (!may_chown(i, uid, gid, who)) return -EPERM;
    if (mode != i->mode && !inode_owned(i, who)) return -EPERM; /* it is a chmod, too */
    inode_write(&i->mode, mode);
    if (uid != KEEP_OWNER) inode_write(&i->uid, uid);
    if (gid != KEEP_OWNER) inode_write(&i->gid, gid);
    int err = store(i);
    if (err) {
        inode_write(&i->uid, old[0]);
        inode_write(&i->gid, old[1]);
        inode_write(&i->mode, old[2]);
        return err;
    }
    inode_touch(i, TIME_CTIME);
    return 0;
}

int path_chown(struct path p, uint32_t uid, uint32_t gid, const struct cred *who)
{
    struct inode *i = path_inode(p);
    int err = path_writable(p);

    if (err) return err;
    mutex_lock(&i->lock);
    err = chown_locked(i, uid, gid, who);
    mutex_unlock(&i->lock);
    return err;
}

static int may_set_times(const struct inode *i, struct time_change a,
                         struct time_change m, const struct cred *who)
{
    if (inode_owned(i, who)) return 0;
    if (a.kind != TIME_NOW || m.kind != TIME_NOW) return -EPERM;
    return inode_permission(i, MAY_WRITE, who);
}

static void set_time(file_time_t *time, struct time_change change)
{
    if (change.kind == TIME_OMIT) return;
    file_time_t value = change.kind == TIME_NOW ? file_now() : change.time;
    __atomic_store_n(time, value, __ATOMIC_RELAXED);
}

int path_set_times(struct path p, struct time_change atime, struct time_change mtime,
                   const struct cred *who)
{
    struct inode *i = path_inode(p);

    if (atime.kind == TIME_OMIT && mtime.kind == TIME_OMIT) return 0;
    int err = path_writable(p);
    if (err) return err;
    mutex_lock(&i->lock);
    err = may_set_times(i, atime, mtime, who);
    if (!err) {
        file_time_t old[] = {i->atime, i->mtime};
        set_time(&i->atime, atime);
        set_time(&i->mtime, mtime);
        err = store(i);
        if (err) {
            i->atime = old[0];
            i->mtime = old[1];
        } else {
            inode_touch(i, TIME_CTIME);
        }
    }
    mutex_unlock(&i->lock);
    return err;
}

int inode_truncate(struct inode *i, uint64_t size, const struct cred *who)
{
    mutex_lock(&i->lock);
    int err = i->ops->resize ? seals_permit_size(i, size) : -EINVAL;
    if (!err) err = i->ops->resize(i, size);
    if (!err) {
        inode_touch(i, TIME_MTIME | TIME_CTIME);
        inode_drop_privileges(i, who);
    }
    mutex_unlock(&i->lock);
    return err;
}

int path_truncate(struct path p, int64_t size, const struct cred *who)
{
    struct inode *i = path_inode(p);

    if (size < 0) return -EINVAL;
    if (inode_is(i, INODE_DIRECTORY)) return -EISDIR;
    if (!inode_is(i, INODE_REGULAR)) return -EINVAL;
    int err = path_writable(p);
    if (!err) err = inode_permission(i, MAY_WRITE, who);
    return err ? err : inode_truncate(i, (uint64_t)size, who);
}

int file_truncate(struct file *f, int64_t size)
{
    if (size < 0) return -EINVAL;
    if (file_flags(f) & O_PATH) return -EBADF;
    if (!inode_is(f->inode, INODE_REGULAR) || !file_may_write(f)) return -EINVAL;
    return inode_truncate(f->inode, (uint64_t)size, f->cred);
}

static int allocate_locked(struct inode *i, unsigned mode, uint64_t offset, uint64_t len)
{
    bool grows = !(mode & FALLOC_FL_KEEP_SIZE);

    if (mode & FALLOC_FL_PUNCH_HOLE) {
        return seals_permit_stores(i) ? pagecache_punch(i, offset, len) : -EPERM;
    }
    if (grows && offset + len > i->size) {
        int err = seals_permit_size(i, offset + len);
        if (err) return err;
    }
    return pagecache_fill(i, offset, len, grows);
}

int file_allocate(struct file *f, unsigned mode, int64_t offset, int64_t len)
{
    struct inode *i = f->inode;
    unsigned known = FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE;

    if (offset < 0 || len <= 0) return -EINVAL;
    if (mode & ~known || mode == FALLOC_FL_PUNCH_HOLE) return -EOPNOTSUPP;
    if (!file_may_write(f)) return -EBADF;
    if (inode_is(i, INODE_FIFO)) return -ESPIPE;
    if (inode_is(i, INODE_DIRECTORY)) return -EISDIR;
    if (!inode_is(i, INODE_REGULAR)) return -ENODEV;
    if (len > FILE_SIZE_MAX - offset) return -EFBIG;
    if (!i->ops->resize || !pagecache_in_memory(i)) return -EOPNOTSUPP;
    mutex_lock(&i->lock);
    int err = allocate_locked(i, mode, (uint64_t)offset, (uint64_t)len);
    if (!err) {
        inode_touch(i, TIME_MTIME | TIME_CTIME);
        inode_drop_privileges(i, f->cred);
    }
    mutex_unlock(&i->lock);
    return err;
}
