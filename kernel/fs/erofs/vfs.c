/*
 * See vfs.h.
 *
 * A file of several names is one inode, however it was found: inodes in use are in a table
 * by nid. The table holds none of them. Who finds one whose last reference has gone passes
 * it by and makes another: it may live on for a while in mappings, and since nobody can change
 * the file, two copies of it do no harm.
 *
 * A page that is not there brings those behind it along, as far as they lie in one piece on the
 * device: programs are read in order more often than not, and one request is cheaper than
 * many. If that fails the page is tried alone, so that a bad block hurts only who wants it.
 */
#include "fs/erofs/vfs.h"

#include "fs/dentry.h"
#include "fs/pagecache.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/page.h"
#include "mm/slab.h"
#include "uapi/stat.h"

enum {
    BUCKETS = 256,
    READ_AHEAD = 16,  /* pages that one request brings */
    FIRST_COOKIE = 2, /* of fs/; the format counts from 0 */
    EROFS_MAGIC = (int)0xe0f5e1e2,
};

struct node {
    struct inode inode;
    struct erofs_inode disk;
    struct node *next, **link; /* in its bucket; link is NULL outside of the table */
};

struct mounted {
    struct file_system fs;
    struct erofs image;
    struct erofs_device *device;
    struct spinlock lock; /* RANK_INODES: the buckets */
    struct node *bucket[BUCKETS];
};

static const struct inode_ops erofs_inode_ops;

static struct mounted *mounted_of(struct file_system *fs)
{
    return container_of(fs, struct mounted, fs);
}
static struct node *node_of(struct inode *i)
{
    return container_of(i, struct node, inode);
}

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

static struct node **bucket_of(struct mounted *m, uint64_t nid)
{
    return &m->bucket[nid % BUCKETS];
}

/* The lock is held. */
static struct inode *find_locked(struct mounted *m, uint64_t nid)
{
    for (struct node *n = *bucket_of(m, nid); n; n = n->next) {
        if (n->disk.nid == nid && try_get(&n->inode)) return &n->inode;
    }
    return NULL;
}

static struct inode *find(struct mounted *m, uint64_t nid)
{
    spin_lock(&m->lock, RANK_INODES);
    struct inode *found = find_locked(m, nid);
    spin_unlock(&m->lock, RANK_INODES);
    return found;
}

/* Enters ours, unless somebody was faster: then theirs, held. */
static struct inode *enter(struct mounted *m, struct node *ours)
{
    struct node **bucket = bucket_of(m, ours->disk.nid);

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
    struct mounted *m = mounted_of(i->fs);
    struct node *n = node_of(i);

    spin_lock(&m->lock, RANK_INODES);
    if (n->link) {
        *n->link = n->next;
        if (n->next) n->next->link = n->link;
    }
    spin_unlock(&m->lock, RANK_INODES);
    kfree(n);
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

static const struct object_ops erofs_object_ops;

static int fill_in(struct mounted *m, struct node *n)
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
    int err = pagecache_create(i, &erofs_object_ops, npages, OBJECT_NO_NOTICE);
    if (err) file_system_put(&m->fs);
    return err;
}

static int make_node(struct mounted *m, uint64_t nid, struct node **out)
{
    struct node *n = kzalloc(sizeof(*n));

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

static int get_inode(struct mounted *m, uint64_t nid, struct inode **out)
{
    struct node *n;

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
    struct mounted *m = mounted_of(dir->fs);
    struct erofs_entry entry;

    int err = erofs_lookup(&m->image, &node_of(dir)->disk, name, len, &entry);
    return err ? err : get_inode(m, entry.nid, out);
}

struct listing {
    struct mounted *mounted;
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
    struct mounted *m = mounted_of(dir->fs);
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

/*
 * Contents.
 */

/* What one request brings: n frames for the pages of a file from `index` on. */
struct request {
    uint64_t index;
    unsigned n;
    struct page *frame[READ_AHEAD];
};

/* How many pages of the file, from `index` on, are pages of the device, and which. 0: not even
 * one, or it is there already. */
static unsigned pages_in_one_piece(struct node *n, uint64_t index, uint64_t *on_device)
{
    struct mounted *m = mounted_of(n->inode.fs);
    struct erofs_extent extent;
    uint64_t offset = index << PAGE_SHIFT;

    if (!m->device->read || erofs_map(&m->image, &n->disk, offset, &extent)) return 0;
    if (extent.hole || extent.position % PAGE_SIZE != 0) return 0;
    *on_device = extent.position >> PAGE_SHIFT;
    /* A page that is not full is one only if the file ends in it. */
    if (offset + extent.len == n->disk.size) extent.len += PAGE_SIZE - 1;
    uint64_t npages = extent.len >> PAGE_SHIFT;
    uint64_t in_image = (m->image.end - extent.position) >> PAGE_SHIFT;
    if (npages > in_image) npages = in_image;
    return npages < READ_AHEAD ? (unsigned)npages : READ_AHEAD;
}

static void put_frames(struct request *r)
{
    for (unsigned i = 0; i < r->n; i++) {
        page_put(r->frame[i]);
    }
}

/* Frames for pages that the object lacks, from the first on, which it does; `most` at most.
 * -ENOMEM if there is not even one. */
static int get_frames(struct object *o, unsigned most, struct request *r)
{
    for (r->n = 0; r->n < most; r->n++) {
        if (r->n > 0) {
            struct page *there = object_find_page(o, r->index + r->n);
            if (there) {
                page_put(there);
                break;
            }
        }
        r->frame[r->n] = page_alloc(PAGE_CACHED);
        if (!r->frame[r->n]) break;
    }
    return r->n > 0 ? 0 : -ENOMEM;
}

/* What lies on the device behind the end of the file is nobody's. */
static void clear_behind_end(struct node *n, const struct request *r)
{
    uint64_t last = r->index + r->n - 1, size = n->disk.size;

    if (last != size >> PAGE_SHIFT) return;
    memset((char *)page_ptr(r->frame[r->n - 1]) + size % PAGE_SIZE, 0,
           PAGE_SIZE - size % PAGE_SIZE);
}

static int read_request(struct node *n, struct request *r, uint64_t on_device)
{
    struct mounted *m = mounted_of(n->inode.fs);

    int err = m->device->read(m->device, on_device, r->n, r->frame);
    if (!err) clear_behind_end(n, r);
    return err;
}

/* Fills frames for the page at r->index and what comes along. */
static int bring(struct node *n, struct request *r)
{
    struct mounted *m = mounted_of(n->inode.fs);
    uint64_t on_device = 0;
    unsigned wanted = pages_in_one_piece(n, r->index, &on_device);

    int err = get_frames(n->inode.pages, wanted ? wanted : 1, r);
    if (err) return err;
    if (wanted == 0) {
        err = erofs_read_page(&m->image, &n->disk, r->index, page_ptr(r->frame[0]));
    } else {
        err = read_request(n, r, on_device);
        while (err && r->n > 1) {
            page_put(r->frame[--r->n]);
            if (r->n == 1) err = read_request(n, r, on_device);
        }
    }
    if (err) put_frames(r);
    return err;
}

/* Shows the frames to everybody. Of the first it is said whether that worked; *out is it. */
static int enter_frames(struct object *o, struct request *r, struct page **out)
{
    int first = object_add_page(o, r->index, r->frame[0]);

    for (unsigned i = 1; i < r->n && !first; i++) {
        int err = object_add_page(o, r->index + i, r->frame[i]);
        if (err) break; /* memory is short, or somebody else brings them */
    }
    *out = r->frame[0];
    if (!first) page_get(r->frame[0]);
    put_frames(r);
    return first;
}

static int get_page(struct object *o, uint64_t index, struct page **out)
{
    struct node *n = node_of(pages_of(o)->inode);
    struct request r = {.index = index};
    int err;

    do {
        *out = object_find_page(o, index);
        if (*out) return 0;
        err = bring(n, &r);                       /* zeros, if it is behind the end */
        if (!err) err = enter_frames(o, &r, out); /* and then this is -ERANGE */
    } while (err == -EEXIST);
    return err;
}

static const struct object_ops erofs_object_ops = {
    .get_page = get_page,
    .destroy = pagecache_destroy,
};

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
    struct mounted *m = mounted_of(fs);

    *out = (struct fs_statistics){
        .blocks = m->image.end >> m->image.block_bits,
        .inodes = m->image.ninodes,
        .block_size = 1u << m->image.block_bits,
        .name_max = NAME_LIMIT,
    };
}

static void fs_destroy(struct file_system *fs)
{
    struct mounted *m = mounted_of(fs);

    if (m->device->close) m->device->close(m->device);
    kfree(m);
}

static const struct file_system_ops erofs_fs_ops = {
    .statistics = statistics,
    .destroy = fs_destroy,
};

static int make_root(struct mounted *m)
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
    struct mounted *m = kzalloc(sizeof(*m));

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
