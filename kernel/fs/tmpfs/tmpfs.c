/*
 * See tmpfs.h. All operations come with their locks held and their questions answered
 * (fs/inode.h), so each of them is: what can fail, then what cannot.
 */
#include "fs/tmpfs/internal.h"

#include "fs/cred.h"
#include "fs/pagecache.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/page.h"
#include "mm/slab.h"
#include "uapi/fcntl.h"
#include "uapi/stat.h"

/* What a name adds to the size of its directory, as Linux counts. */
enum { NAME_SIZE = 20 };

/* One more of what `limit` bounds (0: nothing). */
static int count_up(uint64_t *count, uint64_t limit)
{
    uint64_t n = __atomic_add_fetch(count, 1, __ATOMIC_RELAXED);

    if (limit == 0 || n <= limit) return 0;
    __atomic_fetch_sub(count, 1, __ATOMIC_RELAXED);
    return -ENOSPC;
}

int tmpfs_charge(struct inode *i)
{
    struct tmpfs *t = tmpfs_of(i->fs);

    return count_up(&t->npages, t->limit.npages);
}

void tmpfs_uncharge(struct inode *i, uint64_t npages)
{
    __atomic_fetch_sub(&tmpfs_of(i->fs)->npages, npages, __ATOMIC_RELAXED);
}

static uint64_t left(uint64_t limit, const uint64_t *count)
{
    uint64_t n = __atomic_load_n(count, __ATOMIC_RELAXED);

    return limit > n ? limit - n : 0;
}

void tmpfs_statistics(struct file_system *fs, struct fs_statistics *out)
{
    struct tmpfs *t = tmpfs_of(fs);

    *out = (struct fs_statistics){
        .blocks = t->limit.npages,
        .free_blocks = left(t->limit.npages, &t->npages),
        .inodes = t->limit.inodes,
        .free_inodes = left(t->limit.inodes, &t->inodes),
        .block_size = PAGE_SIZE,
        .name_max = NAME_LIMIT,
    };
}

static void fs_destroy(struct file_system *fs)
{
    struct tmpfs *t = tmpfs_of(fs);

    assert(t->npages == 0 && t->inodes == 0);
    kfree(t);
}

static const struct file_system_ops tmpfs_fs_ops = {
    .statistics = tmpfs_statistics,
    .charge = tmpfs_charge,
    .uncharge = tmpfs_uncharge,
    .destroy = fs_destroy,
};

/* Files with names take no seals; memfd_create(2) breaks this one. */
static void seal(struct inode *i)
{
    i->flags |= INODE_SEALABLE;
    i->seals = F_SEAL_SEAL;
}

static struct inode *make_inode(struct tmpfs *t, enum inode_kind kind, uint32_t mode)
{
    struct tmpfs_inode *node = kzalloc(sizeof(*node));

    if (!node) return NULL;
    struct inode *i = &node->inode;
    inode_init(i, t->ops, &t->fs, kind, mode);
    if (kind == INODE_REGULAR &&
        pagecache_create(i, &pagecache_memory_ops, 0, OBJECT_NO_NOTICE)) {
        file_system_put(&t->fs);
        kfree(node);
        return NULL;
    }
    i->ino = __atomic_add_fetch(&t->last_ino, 1, __ATOMIC_RELAXED);
    if (kind == INODE_DIRECTORY) i->size = 2 * NAME_SIZE;
    if (kind == INODE_REGULAR) seal(i);
    return i;
}

static int new_inode(struct file_system *fs, uint32_t mode, struct inode **out)
{
    struct tmpfs *t = tmpfs_of(fs);
    enum inode_kind kind;

    if (!inode_kind_of(mode, &kind)) return -EINVAL;
    int err = count_up(&t->inodes, t->limit.inodes);
    if (err) return err;
    *out = make_inode(t, kind, mode);
    if (*out) return 0;
    __atomic_fetch_sub(&t->inodes, 1, __ATOMIC_RELAXED);
    return -ENOMEM;
}

void tmpfs_destroy_inode(struct inode *i)
{
    struct tmpfs_inode *node = tmpfs_inode_of(i);

    __atomic_fetch_sub(&tmpfs_of(i->fs)->inodes, 1, __ATOMIC_RELAXED);
    kfree(node->target);
    inode_free(i);
}

static void own(struct inode *i, const struct inode *dir, const struct cred *who)
{
    i->uid = who->fsuid;
    i->gid = inode_new_group(dir, who);
}

static void note_change(struct inode *i)
{
    const struct tmpfs *t = tmpfs_of(i->fs);

    if (t->changed) t->changed(i);
}

/* The directory has one name more (+1) or less (-1), of a directory perhaps. One that began with
 * names of somebody else's may have been counted otherwise: it does not get smaller than empty. */
static void count_name(struct inode *dir, const struct inode *i, int by)
{
    uint64_t size = dir->size + (uint64_t)((int64_t)by * NAME_SIZE);

    if (by > 0 || dir->size >= 3 * NAME_SIZE) inode_set_size(dir, size);
    if (inode_is(i, INODE_DIRECTORY)) inode_write(&dir->nlink, dir->nlink + (uint32_t)by);
    inode_touch(dir, TIME_MTIME | TIME_CTIME);
    note_change(dir);
}

static void enter(struct inode *dir, struct dentry *d, struct inode *i)
{
    count_name(dir, i, 1);
    dentry_pin(d);
    dentry_instantiate(d, i);
}

int tmpfs_make(struct inode *dir, struct dentry *d, uint32_t mode, uint64_t rdev,
               const struct cred *who)
{
    struct inode *i;
    int err = new_inode(dir->fs, mode, &i);

    if (err) return err;
    i->rdev = rdev;
    own(i, dir, who);
    enter(dir, d, i);
    return 0;
}

int tmpfs_make_nameless(struct file_system *fs, uint32_t mode, const struct cred *who,
                        struct inode **out)
{
    int err = new_inode(fs, mode, out);

    if (err) return err;
    (*out)->uid = who->fsuid;
    (*out)->gid = who->fsgid;
    (*out)->nlink = 0;
    return 0;
}

int tmpfs_create_nameless(struct inode *dir, uint32_t mode, const struct cred *who,
                          struct inode **out)
{
    int err = tmpfs_make_nameless(dir->fs, mode, who, out);

    if (!err) own(*out, dir, who);
    return err;
}

int tmpfs_symlink(struct inode *dir, struct dentry *d, const char *target,
                  const struct cred *who)
{
    size_t len = strlen(target);
    struct inode *i;
    char *copy = kmalloc(len + 1);

    if (!copy) return -ENOMEM;
    int err = new_inode(dir->fs, S_IFLNK | 0777, &i);
    if (err) {
        kfree(copy);
        return err;
    }
    memcpy(copy, target, len + 1);
    tmpfs_inode_of(i)->target = copy;
    i->size = len;
    own(i, dir, who);
    enter(dir, d, i);
    return 0;
}

long tmpfs_readlink(struct inode *i, char *buf, size_t size)
{
    size_t len = i->size < size ? i->size : size;

    memcpy(buf, tmpfs_inode_of(i)->target, len);
    return (long)len;
}

int tmpfs_link(struct inode *dir, struct dentry *d, struct inode *target)
{
    if (target->nlink == UINT32_MAX) return -EMLINK;
    inode_get(target);
    inode_write(&target->nlink, target->nlink + 1);
    inode_touch(target, TIME_CTIME);
    note_change(target);
    enter(dir, d, target);
    return 0;
}

/* The name goes. What it led to is gone too if it was a directory. */
static void drop(struct inode *dir, struct dentry *d)
{
    struct inode *i = d->inode;
    bool directory = inode_is(i, INODE_DIRECTORY);

    count_name(dir, i, -1);
    inode_write(&i->nlink, directory ? 0 : i->nlink - 1);
    inode_touch(i, TIME_CTIME);
    note_change(i);
}

int tmpfs_unlink(struct inode *dir, struct dentry *d)
{
    drop(dir, d);
    dentry_unlink(d);
    return 0;
}

static int rmdir(struct inode *dir, struct dentry *d)
{
    if (!dentry_is_empty(d)) return -ENOTEMPTY;
    return tmpfs_unlink(dir, d);
}

static void touch_renamed(struct inode *i)
{
    inode_touch(i, TIME_CTIME);
    note_change(i);
}

static int exchange(struct inode *from_dir, struct dentry *from, struct inode *to_dir,
                    struct dentry *to)
{
    count_name(from_dir, from->inode, -1);
    count_name(to_dir, to->inode, -1);
    count_name(from_dir, to->inode, 1);
    count_name(to_dir, from->inode, 1);
    touch_renamed(from->inode);
    touch_renamed(to->inode);
    dentry_exchange(from, to);
    dentry_pin(from);
    dentry_pin(to);
    return 0;
}

int tmpfs_rename(struct inode *from_dir, struct dentry *from, struct inode *to_dir,
                 struct dentry *to, unsigned flags)
{
    if (flags & RENAME_EXCHANGE) return exchange(from_dir, from, to_dir, to);
    if (to->inode && inode_is(to->inode, INODE_DIRECTORY) && !dentry_is_empty(to)) {
        return -ENOTEMPTY;
    }
    if (to->inode) drop(to_dir, to);
    count_name(from_dir, from->inode, -1);
    count_name(to_dir, from->inode, 1);
    touch_renamed(from->inode);
    dentry_move(from, to);
    dentry_pin(from);
    return 0;
}

int tmpfs_readdir(struct inode *dir, struct dentry *d, uint64_t from, emit_fn emit,
                  void *arg)
{
    struct list *it;

    (void)dir;
    list_for_each (it, &d->children) {
        const struct dentry *child = list_entry(it, struct dentry, siblings);
        const struct inode *i = child->inode;
        if (!i || child->cookie < from) continue;
        if (!emit(arg, child->name, child->len, i->ino, (enum inode_kind)i->kind,
                  child->cookie + 1)) {
            break;
        }
    }
    return 0;
}

static const struct inode_ops tmpfs_inode_ops = {
    .create = tmpfs_make,
    .create_nameless = tmpfs_create_nameless,
    .symlink = tmpfs_symlink,
    .link = tmpfs_link,
    .unlink = tmpfs_unlink,
    .rmdir = rmdir,
    .rename = tmpfs_rename,
    .readdir = tmpfs_readdir,
    .readlink = tmpfs_readlink,
    .resize = pagecache_resize,
    .destroy = tmpfs_destroy_inode,
};

struct file_system *tmpfs_create(const struct tmpfs_options *options)
{
    struct tmpfs *t = kzalloc(sizeof(*t));
    struct inode *root;

    if (!t) return NULL;
    file_system_init(&t->fs, &tmpfs_fs_ops, TMPFS_MAGIC);
    t->ops = &tmpfs_inode_ops;
    t->limit = *options;
    if (new_inode(&t->fs, S_IFDIR | options->mode, &root) == 0) {
        t->fs.root = dentry_make_root(root, "/");
        if (t->fs.root) return &t->fs;
        inode_put(root);
    }
    file_system_put(&t->fs);
    return NULL;
}
