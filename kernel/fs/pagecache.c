/*
 * Reading, writing and mapping regular files. See pagecache.h for the picture.
 *
 * A write that makes the file longer first makes the object longer, so that its pages can be
 * entered, then copies, and then moves the size over what was copied. If it comes to an
 * end early (a bad buffer, no memory, no space), the object shrinks to the size again,
 * and with it go pages that were brought for nothing. A page that fills a hole stays: it is zero
 * where nothing was copied.
 *
 * A whole page that is written and is not there is copied into a fresh frame before anybody can see
 * it, so it need not be cleared first.
 */
#include "fs/pagecache.h"

#include "fs/attributes.h"
#include "fs/seals.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/aspace.h"
#include "mm/slab.h"
#include "uapi/fcntl.h"

static uint64_t pages_for(uint64_t size) { return (size + PAGE_SIZE - 1) >> PAGE_SHIFT; }

static struct file_pages *make_pages(struct inode *i, const struct object_ops *ops,
                                     uint64_t npages, uint32_t flags)
{
    struct file_pages *pages = kzalloc(sizeof(*pages));

    if (!pages) return NULL;
    object_init(&pages->object, ops, npages, flags);
    pages->inode = i;
    return pages;
}

int pagecache_create(struct inode *i, const struct object_ops *ops, uint64_t npages,
                     uint32_t flags)
{
    struct file_pages *pages = make_pages(i, ops, npages, flags);

    if (!pages) return -ENOMEM;
    i->pages = &pages->object;
    return 0;
}

static bool is_in_memory(const struct object *o)
{
    return o->ops == &pagecache_memory_ops;
}

bool pagecache_in_memory(const struct inode *i)
{
    const struct object *o = inode_pages(i);

    return o && is_in_memory(o);
}

uint64_t pagecache_held(struct inode *i)
{
    return __atomic_load_n(&pages_of(inode_pages(i))->held, __ATOMIC_RELAXED);
}

static uint64_t held_by_all; /* atomic */

uint64_t pagecache_held_by_all(void)
{
    return __atomic_load_n(&held_by_all, __ATOMIC_RELAXED);
}

static int charge(struct file_pages *pages)
{
    struct inode *i = pages->inode;
    const struct file_system_ops *ops = i->fs->ops;
    int err = ops->charge ? ops->charge(i) : 0;

    if (err) return err;
    __atomic_fetch_add(&pages->held, 1, __ATOMIC_RELAXED);
    __atomic_fetch_add(&held_by_all, 1, __ATOMIC_RELAXED);
    return 0;
}

static void uncharge(struct file_pages *pages, uint64_t npages)
{
    struct inode *i = pages->inode;
    const struct file_system_ops *ops = i->fs->ops;

    if (npages == 0) return;
    __atomic_fetch_sub(&pages->held, npages, __ATOMIC_RELAXED);
    __atomic_fetch_sub(&held_by_all, npages, __ATOMIC_RELAXED);
    if (ops->uncharge) ops->uncharge(i, npages);
}

void pagecache_destroy(struct object *o)
{
    struct file_pages *pages = pages_of(o);

    uncharge(pages, pages->held);
    inode_destroy(pages->inode);
    kfree(pages->name);
    kfree(pages);
}

/* Enters a frame, which goes if it cannot be. What is there then is *out, held. */
static int enter_page(struct object *o, uint64_t index, struct page *p, struct page **out)
{
    int err = object_add_page(o, index, p);

    *out = p;
    if (!err) return 0;
    uncharge(pages_of(o), 1);
    page_put(p);
    if (err != -EEXIST) return err;
    *out = object_find_page(o, index);
    return *out ? -EEXIST : -EAGAIN; /* a page that came and went */
}

/* A frame that the file may have; it is charged. */
static int charged_frame(struct object *o, bool zeroed, struct page **out)
{
    int err = charge(pages_of(o));

    if (err) return err;
    *out = zeroed ? page_alloc_zeroed(PAGE_CACHED) : page_alloc(PAGE_CACHED);
    if (*out) return 0;
    uncharge(pages_of(o), 1);
    return -ENOMEM;
}

/* A file in memory: the page, a new one where there was a hole. */
static int bring_memory_page(struct object *o, uint64_t index, struct page **out)
{
    struct page *p;
    int err;

    do {
        *out = object_find_page(o, index);
        if (*out) return 0;
        err = charged_frame(o, true, &p);
        if (err) return err;
        err = enter_page(o, index, p, out);
    } while (err == -EAGAIN);
    return err == -EEXIST ? 0 : err;
}

/* For faults, to whom a full file system is a bus error. */
static int memory_get_page(struct object *o, uint64_t index, struct page **out)
{
    int err = bring_memory_page(o, index, out);

    return err == -ENOSPC ? -EIO : err;
}

static void memory_pages_left(struct object *o, uint64_t npages)
{
    uncharge(pages_of(o), npages);
}

const struct object_ops pagecache_memory_ops = {
    .get_page = memory_get_page,
    .left = memory_pages_left,
    .destroy = pagecache_destroy,
};

/*
 * Copies of pages, for a file that shows another one's and is about to be written to.
 */

static void discard(struct object *o)
{
    uncharge(pages_of(o), pages_of(o)->held);
    kfree(pages_of(o));
}

/* Pages that no inode has come to show. */
static const struct object_ops discarded_ops = {.destroy = discard};

/* `len` bytes of the page, zeros behind them. */
static int copy_page(struct object *from, struct object *to, uint64_t index, size_t len)
{
    struct page *source, *p, *out;

    int err = from->ops->get_page(from, index, &source);
    if (err) return err;
    err = charged_frame(to, false, &p);
    if (!err) {
        memcpy(page_ptr(p), page_ptr(source), len);
        memset((char *)page_ptr(p) + len, 0, PAGE_SIZE - len);
        err = enter_page(to, index, p, &out);
        if (!err) page_put(out);
    }
    page_put(source);
    return err;
}

int pagecache_copy(struct inode *i, uint64_t size)
{
    struct object *from = i->pages;
    struct file_pages *own =
        make_pages(i, &pagecache_memory_ops, pages_for(size), OBJECT_NO_NOTICE);
    int err = 0;

    if (!own) return -ENOMEM;
    for (uint64_t at = 0; !err && at < size; at += PAGE_SIZE) {
        size_t len = size - at < PAGE_SIZE ? size - at : PAGE_SIZE;
        err = copy_page(from, &own->object, at >> PAGE_SHIFT, len);
    }
    if (err) {
        own->object.ops = &discarded_ops;
        object_put(&own->object);
        return err;
    }
    inode_set_size(i, size);
    __atomic_store_n(&i->pages, &own->object, __ATOMIC_RELEASE); /* with inode_pages() */
    return 0;
}

/*
 * Reading.
 */

/* The page for a reader; *out NULL: a hole. -ERANGE: the file has become shorter. */
static int page_to_read(struct object *o, uint64_t index, struct page **out)
{
    *out = object_find_page(o, index);
    if (*out || is_in_memory(o)) return 0;
    return o->ops->get_page(o, index, out);
}

int pagecache_hold(struct inode *i, uint64_t index, struct page **out)
{
    return page_to_read(inode_pages(i), index, out);
}

/* What lies in one page. */
static long read_piece(struct inode *i, struct transfer *t, uint64_t pos, size_t len)
{
    struct page *p;
    int err = page_to_read(inode_pages(i), pos >> PAGE_SHIFT, &p);

    if (err) return err == -ERANGE ? 0 : err;
    if (!p) return transfer_zeros(t, len);
    long n = transfer_out(t, (char *)page_ptr(p) + pos % PAGE_SIZE, len);
    page_put(p);
    return n;
}

static size_t piece_of(uint64_t pos, uint64_t left)
{
    size_t in_page = PAGE_SIZE - pos % PAGE_SIZE;

    return in_page < left ? in_page : (size_t)left;
}

static long read_pages(struct inode *i, struct transfer *t, uint64_t *pos)
{
    uint64_t start = *pos;
    long n = 0;

    while (t->left) {
        uint64_t size = inode_read_size(i);
        if (*pos >= size) break;
        size_t len = piece_of(*pos, size - *pos < t->left ? size - *pos : t->left);
        n = read_piece(i, t, *pos, len);
        if (n <= 0) break;
        *pos += (uint64_t)n;
        if ((size_t)n < len) break;
    }
    return *pos > start ? (long)(*pos - start) : n;
}

/* Relative access times, as Linux keeps them by default. */
static void note_access(struct file *f)
{
    enum { DAY = 24 * 3600 };
    struct inode *i = f->inode;
    bool read_only = i->fs->read_only || (file_flags(f) & O_NOATIME);
    file_time_t atime = __atomic_load_n(&i->atime, __ATOMIC_RELAXED);

    if (read_only) return;
    bool old = atime <= i->mtime || atime <= i->ctime;
    if (old || file_now() - atime > DAY * 1000000000l) inode_touch(i, TIME_ATIME);
}

static long read(struct file *f, struct transfer *t, uint64_t *pos)
{
    if (t->left == 0) return 0;
    long n = read_pages(f->inode, t, pos);
    if (n >= 0) note_access(f);
    return n;
}

/*
 * The size.
 */

/* Zeros in [from, to), which lie in one page, if that is there. */
static void zero_part(struct inode *i, uint64_t from, uint64_t to)
{
    struct page *p = from < to ? object_find_page(i->pages, from >> PAGE_SHIFT) : NULL;

    if (!p) return;
    memset((char *)page_ptr(p) + from % PAGE_SIZE, 0, to - from);
    page_put(p);
}

/* The size grows to `size`, and what lies between, up to where a write has begun, is zero: a
 * program may have stored behind the end of its mapping. */
static void zero_gap(struct inode *i, uint64_t begun)
{
    uint64_t end = pages_for(i->size) << PAGE_SHIFT;

    zero_part(i, i->size, begun < end ? begun : end);
}

int pagecache_resize(struct inode *i, uint64_t size)
{
    uint64_t old = i->size;

    if (size > FILE_SIZE_MAX) return -EFBIG;
    if (size >= old) {
        zero_gap(i, size);
        if (pages_for(size) != pages_for(old)) object_resize(i->pages, pages_for(size));
        inode_set_size(i, size);
    } else {
        inode_set_size(i, size);
        if (pages_for(size) != pages_for(old)) object_resize(i->pages, pages_for(size));
        uint64_t end = pages_for(size) << PAGE_SHIFT;
        zero_part(i, size, end);
    }
    return 0;
}

/*
 * Writing, with i->lock held.
 */

/* A page that is not there is to be written as a whole: filled first, then shown. -EEXIST: it is
 * there after all. */
static long write_fresh_page(struct inode *i, struct transfer *t, uint64_t index)
{
    struct transfer before = *t;
    struct object *o = i->pages;
    struct page *p, *found;

    int err = charged_frame(o, false, &p);
    if (err) return err;
    long n = transfer_in(t, page_ptr(p), PAGE_SIZE);
    if (n < 0) {
        uncharge(pages_of(o), 1);
        page_put(p);
        return n;
    }
    memset((char *)page_ptr(p) + n, 0, PAGE_SIZE - (size_t)n);
    err = enter_page(o, index, p, &found);
    if (!err || err == -EEXIST) page_put(found);
    if (err) *t = before;
    return err ? err : n;
}

static int page_to_write(struct object *o, uint64_t index, struct page **out)
{
    if (is_in_memory(o)) return bring_memory_page(o, index, out);
    *out = object_find_page(o, index);
    return *out ? 0 : o->ops->get_page(o, index, out);
}

static long write_piece(struct inode *i, struct transfer *t, uint64_t pos, size_t len)
{
    struct page *p;

    if (len == PAGE_SIZE && is_in_memory(i->pages)) {
        p = object_find_page(i->pages, pos >> PAGE_SHIFT);
        if (!p) {
            long n = write_fresh_page(i, t, pos >> PAGE_SHIFT);
            if (n != -EEXIST && n != -EAGAIN) return n;
        } else {
            page_put(p);
        }
    }
    int err = page_to_write(i->pages, pos >> PAGE_SHIFT, &p);
    if (err) return err;
    long n = transfer_in(t, (char *)page_ptr(p) + pos % PAGE_SIZE, len);
    page_code_changed(p);
    page_put(p);
    return n;
}

/* As far as it goes; the size follows. The object is long enough. */
static long write_pages(struct inode *i, struct transfer *t, uint64_t pos, uint64_t len)
{
    uint64_t at = pos;
    long n = 0;

    while (at < pos + len) {
        size_t piece = piece_of(at, pos + len - at);
        n = write_piece(i, t, at, piece);
        if (n <= 0) break;
        at += (uint64_t)n;
        if (at > i->size) inode_set_size(i, at);
        if ((size_t)n < piece) break;
    }
    return at > pos ? (long)(at - pos) : n;
}

static long write_at(struct inode *i, struct transfer *t, uint64_t pos)
{
    uint64_t len = t->left;

    if (pos >= FILE_SIZE_MAX) return -EFBIG;
    if (len > FILE_SIZE_MAX - pos) len = FILE_SIZE_MAX - pos;
    uint64_t before = pages_for(i->size), wanted = pages_for(pos + len);
    if (pos > i->size) zero_gap(i, pos);
    if (wanted > before) object_resize(i->pages, wanted);
    long n = write_pages(i, t, pos, len);
    uint64_t after = pages_for(i->size);
    if (wanted > before && after < wanted) object_resize(i->pages, after);
    return n;
}

static long write(struct file *f, struct transfer *t, uint64_t *pos)
{
    struct inode *i = f->inode;

    if (t->left == 0) return 0;
    mutex_lock(&i->lock);
    if (file_flags(f) & O_APPEND) *pos = i->size;
    long n = seals_permit_write(i, *pos + t->left);
    if (n == 0) {
        inode_drop_privileges(i, f->cred);
        n = write_at(i, t, *pos);
    }
    if (n > 0) {
        *pos += (uint64_t)n;
        inode_touch(i, TIME_MTIME | TIME_CTIME);
    }
    mutex_unlock(&i->lock);
    return n;
}

/*
 * Allocating and punching.
 */
int pagecache_fill(struct inode *i, uint64_t offset, uint64_t len, bool grow)
{
    uint64_t end = offset + len, old = pages_for(i->size), wanted = pages_for(end);
    int err = 0;

    /* Pages behind the size would be what a fault must not find. */
    if (!grow && end > i->size) end = i->size;
    if (grow && wanted > old) object_resize(i->pages, wanted);
    for (uint64_t at = offset >> PAGE_SHIFT; !err && at < pages_for(end); at++) {
        struct page *p;
        err = bring_memory_page(i->pages, at, &p);
        if (!err) page_put(p);
    }
    if (err && grow && wanted > old) object_resize(i->pages, old);
    return err || !grow || end <= i->size ? err : pagecache_resize(i, end);
}

/* Whole pages leave, and parts of pages become zero. What lies in the last page behind the
 * size counts as part of it. */
int pagecache_punch(struct inode *i, uint64_t offset, uint64_t len)
{
    uint64_t end = offset + len < i->size ? offset + len : i->size;
    uint64_t first = pages_for(offset);
    uint64_t last = end == i->size ? pages_for(end) : end >> PAGE_SHIFT;

    if (offset >= end) return 0;
    if (first > last) {
        zero_part(i, offset, end);
        return 0;
    }
    zero_part(i, offset, first << PAGE_SHIFT);
    if (first < last) object_punch(i->pages, first, last - first);
    zero_part(i, last << PAGE_SHIFT, end);
    return 0;
}

/*
 * The rest of what a regular file does.
 */

/* Is there a page? Of a file that is not in memory everything is data. */
static bool is_data(struct inode *i, uint64_t index)
{
    struct object *o = inode_pages(i);

    if (!is_in_memory(o)) return true;
    struct page *p = object_find_page(o, index);

    if (p) page_put(p);
    return p;
}

/* SEEK_DATA and SEEK_HOLE: from `offset` on, the first byte that is what is wanted. */
static long seek_data(struct file *f, int64_t offset, bool data)
{
    struct inode *i = f->inode;
    uint64_t at = (uint64_t)offset, size = inode_read_size(i);

    if (offset < 0 || at >= size) return -ENXIO;
    while (at < size && is_data(i, at >> PAGE_SHIFT) != data) {
        at = ((at >> PAGE_SHIFT) + 1) << PAGE_SHIFT;
    }
    if (at >= size && data) return -ENXIO;
    f->pos = at < size ? at : size;
    return (long)f->pos;
}

static long seek(struct file *f, int64_t offset, int whence)
{
    if (whence == SEEK_DATA || whence == SEEK_HOLE) {
        return seek_data(f, offset, whence == SEEK_DATA);
    }
    return file_seek_sized(f, offset, whence, inode_read_size(f->inode));
}

/* What is mapped shared may be written later, if the file was opened so. */
static int map(struct file *f, uint64_t offset, size_t len, unsigned prot, bool shared,
               struct mapping_source *out)
{
    (void)len;
    (void)prot;
    out->object = inode_pages(f->inode);
    object_get(out->object);
    out->index = offset >> PAGE_SHIFT;
    out->flags = TAG_MAY_R | TAG_MAY_X | TAG_MAY_W;
    if (shared && !(file_may_write(f) && seals_permit_stores(f->inode))) {
        out->flags &= ~(uint32_t)TAG_MAY_W;
    }
    if (f->path.mount && inode_read(&f->path.mount->flags) & MOUNT_NOEXEC) {
        out->flags &= ~(uint32_t)TAG_MAY_X;
    }
    if (shared) out->flags |= TAG_SHARED;
    note_access(f);
    return 0;
}

static int sync(struct file *f)
{
    struct object *o = inode_pages(f->inode);

    if (o->flags & OBJECT_NO_NOTICE) return 0;
    return object_write_back(o, 0, object_npages(o));
}

const struct file_ops pagecache_file_ops = {
    .positioned = true,
    .read = read,
    .write = write,
    .seek = seek,
    .map = map,
    .sync = sync,
};

long pagecache_read_kernel(struct inode *i, void *buf, size_t len, uint64_t pos)
{
    struct transfer t;

    transfer_kernel(&t, buf, len);
    return read_pages(i, &t, &pos);
}

long pagecache_write_kernel(struct inode *i, const void *buf, size_t len, uint64_t pos)
{
    struct transfer t;

    transfer_kernel(&t, buf, len);
    if (len == 0) return 0;
    mutex_lock(&i->lock);
    long n = write_at(i, &t, pos);
    mutex_unlock(&i->lock);
    return n;
}

/*
 * Names of mapped files. An object has one for good, so that whoever shows it needs no lock; a file that
 * is renamed while it is mapped is shown by its old one.
 */
static bool is_of_file(const struct object *o)
{
    return o->ops->destroy == pagecache_destroy;
}

static struct mapped_name *make_name(struct path p)
{
    struct path top = {root_mount, root_mount ? root_mount->root : NULL};
    char *text = kmalloc(PATH_LIMIT);

    if (!text) return NULL;
    long len = path_describe(p, top, text, PATH_LIMIT);
    struct mapped_name *name = len > 0 ? kmalloc(sizeof(*name) + (size_t)len) : NULL;
    if (name) {
        name->device = path_inode(p)->fs->device;
        name->ino = path_inode(p)->ino;
        memcpy(name->text, text, (size_t)len);
    }
    kfree(text);
    return name;
}

void pagecache_note_mapped(struct object *o, struct path p)
{
    struct mapped_name *none = NULL;

    if (!is_of_file(o) || pagecache_mapped_name(o)) return;
    struct mapped_name *name = make_name(p);
    if (!name) return;
    if (!__atomic_compare_exchange_n(&pages_of(o)->name, &none, name, false,
                                     __ATOMIC_RELEASE, __ATOMIC_RELAXED)) {
        kfree(name);
    }
}

const struct mapped_name *pagecache_mapped_name(struct object *o)
{
    if (!is_of_file(o)) return NULL;
    return __atomic_load_n(&pages_of(o)->name, __ATOMIC_ACQUIRE);
}

bool pagecache_is_nameless(struct object *o)
{
    return is_of_file(o) && inode_read(&pages_of(o)->inode->nlink) == 0;
}
