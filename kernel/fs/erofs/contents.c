/*
 * What files of an EROFS image hold, from the device into the page cache.
 *
 *     file      | there | missing: one request ........... | there |
 *     requests          ^ who asks, waits      ^ the next one, if the file is read in order
 *
 * A page that is not there brings those behind it along, as far as they lie in one piece on the
 * device: programs are read in order more often than not, and one request is cheaper than many.
 * How many is the window, which doubles as long as each miss comes where the last request
 * ended. Once it is as large as it gets, a second request goes out with the first and nobody
 * waits for it: while a program looks at what has come, the device works.
 *
 * Requests that are out are in their file's list, and no two of them have a page in common. Who
 * misses a page that is on its way waits for it. A request that fails is tried again for the
 * one page, so that a bad block hurts only who wants it.
 *
 * A request holds the object: a file may go away while a page of it is read for nobody.
 *
 * What does not begin on a page of the device (tails, small blocks) or is nowhere on it (holes)
 * is copied from pages of the source, one at a time.
 */
#include "fs/erofs/mounted.h"

#include "lib/errno.h"
#include "lib/string.h"
#include "mm/page.h"
#include "mm/reclaim.h"
#include "mm/slab.h"

enum { WINDOW_LEAST = 8, WINDOW_MOST = EROFS_READ_MOST };

struct request {
    struct erofs_read read;
    struct object *object; /* held */
    uint64_t index;        /* the first page, in the file */
    struct list link;      /* in the node's list; under the lock of the mounted image */
    uint32_t refs;         /* atomic: the device, and who waits for it */
    bool over;             /* atomic: published with all that the request brought */
    int err;               /* about the first page */
};

static struct erofs_node *node_of_object(struct object *o)
{
    return node_of(pages_of(o)->inode);
}
static struct erofs_mounted *mounted_of_node(const struct erofs_node *n)
{
    return mounted_of(n->inode.fs);
}

void erofs_contents_init(struct erofs_node *n)
{
    list_init(&n->reading);
    n->window = WINDOW_LEAST / 2;
}

/* ---- requests ---- */

static void put_frames(struct request *r, unsigned from, unsigned end)
{
    for (unsigned i = from; i < end; i++) {
        page_put(r->read.frame[i]);
    }
}

static void request_put(struct request *r)
{
    if (__atomic_fetch_sub(&r->refs, 1, __ATOMIC_ACQ_REL) != 1) return;
    struct object *o = r->object;
    kfree(r);
    object_put(o);
}

/* What lies on the device behind the end of the file is nobody's. */
static void clear_behind_end(const struct erofs_node *n, const struct request *r)
{
    uint64_t last = r->index + r->read.n - 1, size = n->disk.size;

    if (last != size >> PAGE_SHIFT) return;
    memset((char *)page_ptr(r->read.frame[r->read.n - 1]) + size % PAGE_SIZE, 0,
           PAGE_SIZE - size % PAGE_SIZE);
}

/* Shows the frames to everybody. Whether the first is there is what counts. */
static int enter_frames(struct request *r)
{
    int first = object_add_page(r->object, r->index, r->read.frame[0]);

    if (first == -EEXIST) first = 0;
    for (unsigned i = 1; i < r->read.n && !first; i++) {
        int err = object_add_page(r->object, r->index + i, r->read.frame[i]);
        if (err && err != -EEXIST) break; /* memory is short: nobody has asked for it */
    }
    return first;
}

static void request_done(struct erofs_read *read, int err)
{
    struct request *r = container_of(read, struct request, read);
    struct erofs_node *n = node_of_object(r->object);
    struct erofs_mounted *m = mounted_of_node(n);

    if (!err) {
        clear_behind_end(n, r);
        err = enter_frames(r);
    }
    put_frames(r, 0, r->read.n);
    r->err = err;
    spin_lock(&m->lock, RANK_INODES);
    list_remove(&r->link);
    spin_unlock(&m->lock, RANK_INODES);
    __atomic_store_n(&r->over, true, __ATOMIC_RELEASE); /* with who waits for it */
    wait_wake_all(&m->arrived); /* the file holds its file system, and we the file */
    request_put(r);
}

/* Frames for pages that the object lacks, from the first on, which it does; `most` at most.
 * -ENOMEM if there is not even one. */
static int get_frames(struct request *r, unsigned most)
{
    reclaim_for_cache();
    for (r->read.n = 0; r->read.n < most; r->read.n++) {
        struct page *there = object_find_page(r->object, r->index + r->read.n);
        if (there) {
            page_put(there);
            if (r->read.n > 0) break;
        }
        struct page *frame = page_alloc(PAGE_CACHED);
        if (!frame) break;
        r->read.frame[r->read.n] = frame;
    }
    return r->read.n > 0 ? 0 : -ENOMEM;
}

/* Is page `index` on its way? If not, *next is where the next request begins that is out. */
static bool is_coming(const struct erofs_node *n, uint64_t index, uint64_t *next)
{
    struct list *it;

    *next = UINT64_MAX;
    list_for_each (it, &n->reading) {
        const struct request *r = list_entry(it, struct request, link);
        if (r->index <= index && index - r->index < r->read.n) return true;
        if (r->index > index && r->index < *next) *next = r->index;
    }
    return false;
}

/* The pages are this request's from now on, as many as nobody else brings. False: the first is
 * on its way. */
static bool claim(struct erofs_node *n, struct request *r)
{
    struct erofs_mounted *m = mounted_of_node(n);
    unsigned had = r->read.n;
    uint64_t next;

    spin_lock(&m->lock, RANK_INODES);
    bool coming = is_coming(n, r->index, &next);
    if (!coming) {
        if (next - r->index < r->read.n) r->read.n = (unsigned)(next - r->index);
        list_push_back(&n->reading, &r->link);
        n->expected = r->index + r->read.n;
    }
    spin_unlock(&m->lock, RANK_INODES);
    put_frames(r, coming ? 0 : r->read.n, had);
    return !coming;
}

/* ---- which pages ---- */

/* How many pages of the file, from `index` on, are pages of the device, and which. 0: not even
 * one. */
static unsigned pages_in_one_piece(struct erofs_node *n, uint64_t index,
                                   uint64_t *on_device)
{
    struct erofs_mounted *m = mounted_of_node(n);
    struct erofs_extent extent;
    uint64_t offset = index << PAGE_SHIFT;

    if (!m->device->read || erofs_map(&m->image, &n->disk, offset, &extent)) return 0;
    if (extent.hole || extent.position % PAGE_SIZE != 0) return 0;
    *on_device = extent.position >> PAGE_SHIFT;
    /* A page that is not full is one only if the file ends in it. */
    if (offset + extent.len == n->disk.size) extent.len += PAGE_SIZE - 1;
    uint64_t npages = extent.len >> PAGE_SHIFT;
    uint64_t in_image = (m->image.end - extent.position) >> PAGE_SHIFT;
    uint64_t most = m->device->most ? m->device->most : WINDOW_MOST;
    if (npages > in_image) npages = in_image;
    if (npages > most) npages = most;
    return npages < WINDOW_MOST ? (unsigned)npages : WINDOW_MOST;
}

/* Begins to bring up to `most` pages from `index` on. 0 and *out, whose reference is the caller's;
 * -EAGAIN: somebody else brings the first; -ENODATA: it is no page of the device; -ENOMEM. */
static int begin(struct object *o, uint64_t index, unsigned most, struct request **out)
{
    struct erofs_node *n = node_of_object(o);
    struct erofs_device *device = mounted_of_node(n)->device;
    uint64_t on_device;
    unsigned there = pages_in_one_piece(n, index, &on_device);

    if (there == 0) return -ENODATA;
    struct request *r = kmalloc(sizeof(*r));
    if (!r) return -ENOMEM;
    object_get(o);
    *r = (struct request){.object = o, .index = index, .refs = 2};
    r->read.index = on_device;
    r->read.done = request_done;
    int err = get_frames(r, there < most ? there : most);
    if (!err && !claim(n, r)) err = -EAGAIN;
    if (err) {
        r->refs = 1;
        request_put(r);
        return err;
    }
    *out = r;
    device->read(device, &r->read);
    return 0;
}

/* What a miss at `index` brings, and whether what follows is to be brought, too. 0: it is on its
 * way. */
static unsigned next_window(struct erofs_node *n, uint64_t index, bool *more)
{
    struct erofs_mounted *m = mounted_of_node(n);
    unsigned window = 0;
    uint64_t next;

    spin_lock(&m->lock, RANK_INODES);
    if (!is_coming(n, index, &next)) {
        bool in_order = index == n->expected;
        *more = in_order && n->window == WINDOW_MOST;
        window = in_order ? n->window * 2 : WINDOW_LEAST;
        if (window > WINDOW_MOST) window = WINDOW_MOST;
        n->window = window;
    }
    spin_unlock(&m->lock, RANK_INODES);
    return window;
}

/* Nobody waits for it, and whatever goes wrong will be seen by who wants the page. */
static void begin_ahead(struct object *o, uint64_t index)
{
    struct request *r;

    if (index < object_npages(o) && begin(o, index, WINDOW_MOST, &r) == 0) request_put(r);
}

static bool has_come(struct erofs_node *n, uint64_t index)
{
    struct erofs_mounted *m = mounted_of_node(n);
    uint64_t next;

    spin_lock(&m->lock, RANK_INODES);
    bool coming = is_coming(n, index, &next);
    spin_unlock(&m->lock, RANK_INODES);
    return !coming;
}

/* For a request of our own, whose reference goes. */
static int wait_for(struct erofs_mounted *m, struct request *r)
{
    wait_until(&m->arrived, __atomic_load_n(&r->over, __ATOMIC_ACQUIRE));
    int err = r->err;
    request_put(r);
    return err;
}

/* Brings the page at `index` and what comes along, or what can be had of that. */
static int bring(struct object *o, uint64_t index, unsigned window, bool more)
{
    struct erofs_mounted *m = mounted_of_node(node_of_object(o));
    struct request *r;

    int err = begin(o, index, window, &r);
    if (err) return err;
    if (more) begin_ahead(o, index + r->read.n);
    bool alone = r->read.n == 1;
    err = wait_for(m, r);
    if (!err || alone) return err;
    err = begin(o, index, 1, &r);
    return err ? err : wait_for(m, r);
}

/* Brings the page, or waits for who does. 0: look again. */
static int bring_or_wait(struct object *o, uint64_t index)
{
    struct erofs_node *n = node_of_object(o);
    bool more = false;
    unsigned window = next_window(n, index, &more);

    int err = window ? bring(o, index, window, more) : -EAGAIN;
    if (err != -EAGAIN) return err;
    wait_until(&mounted_of_node(n)->arrived, has_come(n, index));
    return 0;
}

/* From pages of the source. */
static int copy_page(struct object *o, uint64_t index)
{
    struct erofs_node *n = node_of_object(o);

    reclaim_for_cache();
    struct page *frame = page_alloc(PAGE_CACHED);
    if (!frame) return -ENOMEM;
    int err =
        erofs_read_page(&mounted_of_node(n)->image, &n->disk, index, page_ptr(frame));
    if (!err) err = object_add_page(o, index, frame);
    page_put(frame);
    return err == -EEXIST ? 0 : err;
}

static int get_page(struct object *o, uint64_t index, struct page **out)
{
    int err = 0;

    for (;;) {
        *out = err ? NULL : object_find_page(o, index);
        if (err || *out) return err;
        if (index >= object_npages(o)) return -ERANGE;
        err = bring_or_wait(o, index);
        if (err == -ENODATA) err = copy_page(o, index);
    }
}

const struct object_ops erofs_object_ops = {
    .get_page = get_page,
    .destroy = pagecache_destroy,
};
