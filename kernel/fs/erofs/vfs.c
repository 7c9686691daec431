/*
 * See vfs.h.
 *
 * A file of several names is one inode, however it was found: inodes in use are in a table
 * by nid. The table holds none of them. Who finds one whose last reference has gone passes
 * it by and makes another: it may live on for a while in mappings, and since nobody can change
 * the file, two copies of it do no harm.
 *
 * What files hold is brought by contents.c.
 */
#include "fs/erofs/mounted.h"

#include "fs/dentry.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/slab.h"
#include "uapi/stat.h"

enum {
    FIRST_COOKIE = 2, /* of fs/; the format counts from 0 */
    EROFS_MAGIC = (int)0xe0f5e1e2,
};

static const struct inode_ops erofs_inode_ops;

/*
 * Inodes.
 */

/* A reference, unless the last one has gone. */
static bool try_get(struct inode *i)
{
    uint32_t refs = __atomic_load_n(&i->refs, __ATOMIC_RELAXED);

    while (refs != 0) {
        if (__atomic_compare_exchange_n(&i->refs, &refs, refs + 1, true, __ATOMIC_RELAXED,
                                        __ATOMIC_RELAXED))
            return true;
    }
    return false;
}

static struct erofs_node **bucket_of(struct erofs_mounted *m, uint64_t nid)
{
    return &m->bucket[nid % EROFS_BUCKETS];
}

/* The lock is held. */
static struct inode *find_locked(struct erofs_mounted *m, uint64_t nid)
{
    for (struct erofs_node *n = *bucket_of(m, nid); n; n = n->next) {
        if (n->disk.nid == nid && try_get(&n->inode)) return &n->inode;
    }
    return NULL;
}

static struct inode *find(struct erofs_mounted *m, uint64_t nid)
{
    spin_lock(&m->lock, RANK_INODES);
    struct inode *found = find_locked(m, nid);
    spin_unlock(&m->lock, RANK_INODES);
    return found;
}

/* Enters ours, unless somebody was faster: then theirs, held. */
static struct inode *enter(struct erofs_mounted *m, struct erofs_node *ours)
{
    struct erofs_node **bucket = bucket_of(m, ours->disk.nid);

    spin_lock(&m->lock, RANK_INODES);
    struct inode *theirs = find_locked(m, ours->disk.nid);
    if (!theirs) {
        ours->next = *bucket;
        ours->link = bucket;
        if (ours->next) ours->next->link = &ours->next;
        *bucket = ours;
    }
    spin_unlock(&m->lock, RANK_INODES);
    return theirs;
}

static void destroy(struct inode *i)
{
    struct erofs_mounted *m = mounted_of(i->fs);
    struct erofs_node *n = node_of(i);

    spin_lock(&m->lock, RANK_INODES);
    if (n->link) {
        *n->link = n->next;
        if (n->next) n->next->link = n->link;
    }
    spin_unlock(&m->lock, RANK_INODES);
    inode_free(i);
}

static enum inode_kind inode_kind(enum erofs_kind kind)
{
    static const uint8_t kinds[] = {
        [EROFS_REGULAR] = INODE_REGULAR, [EROFS_DIRECTORY] = INODE_DIRECTORY,
        [EROFS_CHAR] = INODE_CHAR,       [EROFS_BLOCK] = INODE_BLOCK,
        [EROFS_FIFO] = INODE_FIFO,       [EROFS_SOCKET] = INODE_SOCKET,
        [EROFS_SYMLINK] = INODE_SYMLINK,
    };

    return (enum inode_kind)kinds[kind];
}

static int fill_in(struct erofs_mounted *m, struct erofs_node *n)
{
    const struct erofs_inode *disk = &n->disk;
    struct inode *i = &n->inode;
    uint64_t npages = (disk->size + PAGE_SIZE - 1) >> PAGE_SHIFT;

    inode_init(i, &erofs_inode_ops, &m->fs, inode_kind(disk->kind), disk->mode);
    i->ino = disk->nid;
    i->uid = disk->uid;
    i->gid = disk->gid;
    i->nlink = disk->nlink;
    i->size = disk->size;
    i->rdev = device_number(disk->rdev_major, disk->rdev_minor);
    i->atime = i->mtime = i->ctime = disk->mtime;
    if (disk->kind != EROFS_REGULAR) return 0;
    erofs_contents_init(n);
    int err =
        pagecache_create(i, &erofs_object_ops, npages, OBJECT_NO_NOTICE | OBJECT_AGAIN);
    if (err) file_system_put(&m->fs);
    return err;
}

static int make_node(struct erofs_mounted *m, uint64_t nid, struct erofs_node **out)
{
    struct erofs_node *n = kzalloc(sizeof(*n));

    if (!n) return -ENOMEM;
    int err = erofs_read_inode(&m->image, nid, &n->disk);
    if (!err) err = fill_in(m, n);
    if (err) {
        kfree(n);
        return err;
    }
    *out = n;
    return 0;
}

static int get_inode(struct erofs_mounted *m, uint64_t nid, struct inode **out)
{
    struct erofs_node *n;

    *out = find(m, nid);
    if (*out) return 0;
    int err = make_node(m, nid, &n);
    if (err) return err;
    *out = enter(m, n);
    if (*out) {
        inode_put(&n->inode);
    } else {
        *out = &n->inode;
    }
    return 0;
}

/*
 * Names and links.
 */

static int lookup(struct inode *dir, const char *name, size_t len, struct inode **out)
{
    struct erofs_mounted *m = mounted_of(dir->fs);
    struct erofs_entry entry;

    int err = erofs_lookup(&m->image, &node_of(dir)->disk, name, len, &entry);
    return err ? err : get_inode(m, entry.nid, out);
}

struct listing {
    struct erofs_mounted *mounted;
    emit_fn emit;
    void *arg;
    int err;
};

static bool is_dots(const struct erofs_entry *entry)
{
    return entry->len <= 2 && memcmp(entry->name, "..", entry->len) == 0;
}

static bool list_entry_of(void *arg, const struct erofs_entry *entry, uint64_t next)
{
    struct listing *l = arg;
    enum erofs_kind kind = entry->kind;
    struct erofs_inode inode;

    if (is_dots(entry)) return true;
    if (kind == EROFS_UNKNOWN) {
        l->err = erofs_read_inode(&l->mounted->image, entry->nid, &inode);
        if (l->err) return false;
        kind = inode.kind;
    }
    return l->emit(l->arg, entry->name, entry->len, entry->nid, inode_kind(kind),
                   next + FIRST_COOKIE);
}

static int readdir(struct inode *dir, struct dentry *d, uint64_t from, emit_fn emit,
                   void *arg)
{
    struct erofs_mounted *m = mounted_of(dir->fs);
    struct listing l = {.mounted = m, .emit = emit, .arg = arg};
    uint64_t start = from > FIRST_COOKIE ? from - FIRST_COOKIE : 0;

    (void)d;
    int err = erofs_readdir(&m->image, &node_of(dir)->disk, start, list_entry_of, &l);
    return err ? err : l.err;
}

static long readlink(struct inode *i, char *buf, size_t size)
{
    size_t len = i->size < size ? i->size : size;

    long n = erofs_read(&mounted_of(i->fs)->image, &node_of(i)->disk, 0, buf, len);
    return n > 0 && memchr(buf, '\0', (size_t)n) ? -EIO : n;
}

static const struct inode_ops erofs_inode_ops = {
    .lookup = lookup,
    .readdir = readdir,
    .readlink = readlink,
    .destroy = destroy,
};

/*
 * The whole.
 */

static void statistics(struct file_system *fs, struct fs_statistics *out)
{
    struct erofs_mounted *m = mounted_of(fs);

    *out = (struct fs_statistics){
        .blocks = m->image.end >> m->image.block_bits,
        .inodes = m->image.ninodes,
        .block_size = 1u << m->image.block_bits,
        .name_max = NAME_LIMIT,
    };
}

static void fs_destroy(struct file_system *fs)
{
    struct erofs_mounted *m = mounted_of(fs);

    if (m->device->close) m->device->close(m->device);
    kfree(m);
}

static const struct file_system_ops erofs_fs_ops = {
    .statistics = statistics,
    .destroy = fs_destroy,
};

static int make_root(struct erofs_mounted *m)
{
    struct inode *root;

    int err = get_inode(m, m->image.root, &root);
    if (err) return err;
    m->fs.root = dentry_make_root(root, "/");
    if (m->fs.root) return 0;
    inode_put(root);
    return -ENOMEM;
}

int erofs_create(struct erofs_device *device, struct file_system **out,
                 const char **reason)
{
    static struct erofs_device nobody; /* has no close(): what fails takes no device */
    struct erofs_mounted *m = kzalloc(sizeof(*m));

    *reason = "no memory";
    if (!m) return -ENOMEM;
    file_system_init(&m->fs, &erofs_fs_ops, (uint32_t)EROFS_MAGIC);
    m->fs.read_only = true;
    m->device = device;
    int err = erofs_open(&m->image, &device->source);
    if (err) {
        *reason = m->image.reason;
    } else {
        err = make_root(m);
        if (err && err != -ENOMEM) *reason = "the inode of its root cannot be read";
    }
    if (err) {
        m->device = &nobody;
        file_system_put(&m->fs);
        return err;
    }
    *out = &m->fs;
    return 0;
}
