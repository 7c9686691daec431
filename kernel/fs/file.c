/* See file.h. */
#include "fs/file.h"

#include "fs/cred.h"
#include "fs/locks.h"
#include "fs/pagecache.h"
#include "fs/pipe.h"
#include "fs/seals.h"
#include "fs/walk.h"
#include "lib/errno.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "mm/aspace.h"
#include "mm/slab.h"
#include "uapi/fcntl.h"
#include "uapi/poll.h"
#include "uapi/stat.h"

/* Descriptors keep this of what open(2) was given. */
#define NOT_KEPT (O_CREAT | O_EXCL | O_TRUNC | O_CLOEXEC | O_TMPFILE_BIT)

/* What O_PATH opens may be named, and neither. */
static uint32_t permitted(unsigned flags)
{
    static const uint8_t of_mode[] = {MAY_READ, MAY_WRITE, MAY_READ | MAY_WRITE, 0};

    return flags & O_PATH ? 0 : of_mode[flags & O_ACCMODE];
}

struct file *file_make(unsigned flags, struct cred *who)
{
    struct file *f = kmalloc(sizeof(*f));

    if (!f) return NULL;
    f->ops = NULL;
    f->path = (struct path){NULL, NULL};
    f->inode = NULL;
    f->cred = who;
    f->refs = 1;
    f->flags = flags & ~NOT_KEPT;
    f->owner = 0;
    f->may = permitted(flags);
    mutex_init(&f->pos_lock);
    f->pos = 0;
    f->data = NULL;
    list_init(&f->watches);
    f->unwatch = NULL;
    cred_get(who);
    return f;
}

void file_place(struct file *f, struct path p)
{
    f->path = p;
    f->inode = path_inode(p);
    path_get(p);
}

void file_get(struct file *f) { __atomic_fetch_add(&f->refs, 1, __ATOMIC_RELAXED); }

bool file_get_live(struct file *f)
{
    uint32_t refs = __atomic_load_n(&f->refs, __ATOMIC_RELAXED);

    while (refs && !__atomic_compare_exchange_n(&f->refs, &refs, refs + 1, true,
                                                __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
    }
    return refs;
}

static void free_file(struct grace *g) { kfree(container_of(g, struct file, grace)); }

void file_put(struct file *f)
{
    if (__atomic_fetch_sub(&f->refs, 1, __ATOMIC_ACQ_REL) != 1) return;
    if (f->unwatch) f->unwatch(f);
    if (f->inode) locks_release_file(f);
    if (f->ops && f->ops->release) f->ops->release(f);
    path_put(f->path);
    cred_put(f->cred);
    grace_defer(&f->grace, free_file);
}

/* Positions are offsets of the ABI, which have a sign: what ends behind the last is refused. */
static bool fits(const struct transfer *t, uint64_t pos)
{
    return t->left <= (uint64_t)INT64_MAX - pos;
}

static long read_from(struct file *f, struct transfer *t, uint64_t *pos)
{
    return f->ops->read && fits(t, *pos) ? f->ops->read(f, t, pos) : -EINVAL;
}

static long write_to(struct file *f, struct transfer *t, uint64_t *pos)
{
    return f->ops->write && fits(t, *pos) ? f->ops->write(f, t, pos) : -EINVAL;
}

/* One at a time moves the position, and what it reads or writes is all before what the next
 * one does. */
long file_read_placed(struct file *f, struct transfer *t)
{
    if (!f->ops->read) return -EINVAL;
    mutex_lock(&f->pos_lock);
    long n = read_from(f, t, &f->pos);
    mutex_unlock(&f->pos_lock);
    return n;
}

long file_write_placed(struct file *f, struct transfer *t)
{
    if (!f->ops->write) return -EINVAL;
    mutex_lock(&f->pos_lock);
    long n = write_to(f, t, &f->pos);
    mutex_unlock(&f->pos_lock);
    return n;
}

long file_read(struct file *f, struct transfer *t)
{
    return file_may_read(f) ? file_read_permitted(f, t) : -EBADF;
}

long file_write(struct file *f, struct transfer *t)
{
    return file_may_write(f) ? file_write_permitted(f, t) : -EBADF;
}

static int check_position(const struct file *f, int64_t pos)
{
    if (pos < 0) return -EINVAL;
    if (file_flags(f) & O_PATH) return -EBADF;
    return f->ops->seek ? 0 : -ESPIPE;
}

long file_read_at(struct file *f, struct transfer *t, int64_t pos)
{
    int err = check_position(f, pos);

    if (err) return err;
    return file_may_read(f) ? file_read_permitted_at(f, t, (uint64_t)pos) : -EBADF;
}

long file_write_at(struct file *f, struct transfer *t, int64_t pos)
{
    uint64_t at = (uint64_t)pos;
    int err = check_position(f, pos);

    if (err) return err;
    return file_may_write(f) ? write_to(f, t, &at) : -EBADF;
}

long file_seek(struct file *f, int64_t offset, int whence)
{
    if (file_flags(f) & O_PATH) return -EBADF;
    if (whence < SEEK_SET || whence > SEEK_HOLE) return -EINVAL;
    if (!f->ops->seek) return -ESPIPE;
    mutex_lock(&f->pos_lock);
    long pos = f->ops->seek(f, offset, whence);
    mutex_unlock(&f->pos_lock);
    return pos;
}

static long seek_to(struct file *f, uint64_t from, int64_t offset)
{
    int64_t to;

    if (__builtin_add_overflow((int64_t)from, offset, &to) || to < 0) return -EINVAL;
    f->pos = (uint64_t)to;
    return to;
}

long file_seek_sized(struct file *f, int64_t offset, int whence, uint64_t size)
{
    if (whence == SEEK_SET) return seek_to(f, 0, offset);
    if (whence == SEEK_CUR) return seek_to(f, f->pos, offset);
    return whence == SEEK_END ? seek_to(f, size, offset) : -EINVAL;
}

long file_seek_nowhere(struct file *f, int64_t offset, int whence)
{
    (void)offset;
    (void)whence;
    f->pos = 0;
    return 0;
}

int file_readdir(struct file *f, emit_fn emit, void *arg)
{
    if (file_flags(f) & O_PATH) return -EBADF;
    if (!f->ops->readdir) return -ENOTDIR;
    mutex_lock(&f->pos_lock);
    int err = f->ops->readdir(f, emit, arg);
    mutex_unlock(&f->pos_lock);
    return err;
}

uint32_t file_poll(struct file *f, struct poll_table *table)
{
    if (file_flags(f) & O_PATH) return POLLNVAL;
    if (f->ops->poll) return f->ops->poll(f, table);
    return POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM;
}

int file_sync(struct file *f)
{
    if (file_flags(f) & O_PATH) return -EBADF;
    return f->ops->sync ? f->ops->sync(f) : 0;
}

/* mmap(2) of a file reads it, whatever the protection; shared and writable it writes it. */
int file_map(struct file *f, uint64_t offset, size_t len, unsigned prot, bool shared,
             struct mapping_source *out)
{
    bool writing = shared && prot & PROT_W;
    bool noexec = f->path.mount && inode_read(&f->path.mount->flags) & MOUNT_NOEXEC;

    if (file_flags(f) & O_PATH) return -EBADF;
    if (!file_may_read(f) || (writing && !file_may_write(f))) return -EACCES;
    if (noexec && prot & PROT_X) return -EPERM;
    if (writing && !seals_permit_stores(f->inode)) return -EPERM;
    if (!f->ops->map) return -ENODEV;
    int err = f->ops->map(f, offset, len, prot, shared, out);
    if (!err && out->object) pagecache_note_mapped(out->object, f->path);
    return err;
}

/*
 * Files that no directory has: their inodes belong to a file system that nobody mounts.
 */
static void anonymous_destroy(struct inode *i) { kfree(i); }

/* By /proc/PID/fd: a pipe is opened once more, nothing else can be. */
static int anonymous_open(struct inode *i, struct file *f)
{
    return inode_is(i, INODE_FIFO) ? pipe_reopen(i, f) : -ENXIO;
}

static const struct inode_ops anonymous_inode_ops = {
    .open = anonymous_open,
    .destroy = anonymous_destroy,
};
static const struct file_system_ops anonymous_fs_ops = {0};

static struct file_system anonymous_fs = {
    .ops = &anonymous_fs_ops, .magic = ANON_INODE_MAGIC, .refs = 1};
static uint64_t last_number; /* atomic */

struct inode *file_anonymous_inode(enum inode_kind kind, uint32_t mode)
{
    struct inode *i = kmalloc(sizeof(*i));

    if (!i) return NULL;
    inode_init(i, &anonymous_inode_ops, &anonymous_fs, kind, mode);
    i->ino = __atomic_add_fetch(&last_number, 1, __ATOMIC_RELAXED);
    return i;
}

int file_make_shown(struct inode *i, const char *shown, const struct file_ops *ops,
                    unsigned flags, void *data, struct file **out)
{
    struct dentry *d = dentry_make_root(i, shown);
    if (!d) return -ENOMEM;
    inode_get(i); /* the dentry's */
    struct file *f = file_make(flags, &root_cred);
    if (f) file_place(f, (struct path){NULL, d});
    dentry_put(d);
    if (!f) return -ENOMEM;
    f->ops = ops;
    f->data = data;
    *out = f;
    return 0;
}

int file_make_of_inode(struct inode *i, const char *name, const struct file_ops *ops,
                       unsigned flags, void *data, struct file **out)
{
    char shown[64];

    printf_buf(shown, sizeof(shown), strchr(name, '[') ? "%s" : "%s:[%lu]", name,
               (unsigned long)i->ino);
    return file_make_shown(i, shown, ops, flags, data, out);
}

int file_make_anonymous(const char *name, const struct file_ops *ops, unsigned flags,
                        void *data, struct file **out)
{
    struct inode *i = file_anonymous_inode(INODE_REGULAR, 0600);

    if (!i) return -ENOMEM;
    int err = file_make_of_inode(i, name, ops, flags, data, out);
    inode_put(i);
    return err;
}

/*
 * Directories: "." and ".." have the cookies 0 and 1; what the file system says follows.
 */
static uint64_t parent_number(const struct file *f)
{
    struct path up = f->path;

    path_get(up);
    path_up(&up, (struct path){root_mount, root_mount ? root_mount->root : NULL});
    uint64_t ino = path_inode(up)->ino;
    path_put(up);
    return ino;
}

struct listing {
    struct file *file;
    emit_fn emit;
    void *arg;
};

static bool emit_one(void *arg, const char *name, size_t len, uint64_t ino,
                     enum inode_kind kind, uint64_t next)
{
    struct listing *l = arg;

    if (!l->emit(l->arg, name, len, ino, kind, next)) return false;
    l->file->pos = next;
    return true;
}

static bool emit_dots(struct listing *l)
{
    struct file *f = l->file;

    if (f->pos == 0 && !emit_one(l, ".", 1, f->inode->ino, INODE_DIRECTORY, 1))
        return false;
    return f->pos != 1 || emit_one(l, "..", 2, parent_number(f), INODE_DIRECTORY, 2);
}

static int directory_readdir(struct file *f, emit_fn emit, void *arg)
{
    struct listing l = {f, emit, arg};
    struct inode *dir = f->inode;
    int err = 0;

    if (inode_read(&dir->nlink) == 0) return -ENOENT;
    if (!emit_dots(&l)) return 0;
    mutex_lock(&dir->lock);
    if (dir->nlink == 0) {
        err = -ENOENT;
    } else if (dir->ops->readdir) {
        err = dir->ops->readdir(dir, f->path.dentry, f->pos, emit_one, &l);
    }
    mutex_unlock(&dir->lock);
    return err;
}

static long directory_seek(struct file *f, int64_t offset, int whence)
{
    if (whence > SEEK_CUR) return -EINVAL;
    return file_seek_sized(f, offset, whence, 0);
}

static long directory_read(struct file *f, struct transfer *t, uint64_t *pos)
{
    (void)f;
    (void)t;
    (void)pos;
    return -EISDIR;
}

const struct file_ops directory_file_ops = {
    .read = directory_read,
    .positioned = true,
    .seek = directory_seek,
    .readdir = directory_readdir,
};
