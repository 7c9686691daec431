/*
 * An EROFS image on a disk.
 *
 * What describes files is read through a memory object whose pages are those of the disk: it
 * keeps them until memory is short (OBJECT_AGAIN). Descriptions lie close together, so a page
 * that is missing brings its neighbours.
 *
 * What files hold goes straight to their own frames. Frames that lie side by side in
 * memory are one piece of the request.
 */
#include "fs/erofs/block.h"

#include "drivers/virtio_blk.h"
#include "fs/erofs/vfs.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/object.h"
#include "mm/reclaim.h"
#include "mm/slab.h"

enum { NEIGHBOURS = 8, PAGE_SECTORS = PAGE_SIZE / BLK_SECTOR };

struct block_device {
    struct erofs_device device;
    struct object pages;
    struct blk *disk;
};

static struct block_device *block_of(struct erofs_device *device)
{
    return container_of(device, struct block_device, device);
}

/* ---- requests ---- */

/* Frames as pieces of memory. How many. */
static unsigned make_pieces(struct page *const *frame, unsigned n,
                            struct virtio_piece *out)
{
    unsigned count = 0;

    for (unsigned i = 0; i < n; i++) {
        paddr_t at = pfn_to_pa(page_pfn(frame[i]));
        struct virtio_piece *last = count ? &out[count - 1] : NULL;
        if (last && pa_add(last->at, last->len).raw == at.raw) {
            last->len += PAGE_SIZE;
        } else {
            out[count++] = (struct virtio_piece){at, PAGE_SIZE};
        }
    }
    return count;
}

struct contents_request {
    struct blk_request request;
    struct erofs_read *read;
    struct virtio_piece piece[EROFS_READ_MOST];
};

static void contents_done(struct blk_request *request)
{
    struct contents_request *c = container_of(request, struct contents_request, request);
    struct erofs_read *read = c->read;
    int err = request->err;

    kfree(c);
    read->done(read, err);
}

static void read_contents(struct erofs_device *device, struct erofs_read *read)
{
    struct block_device *b = block_of(device);
    struct contents_request *c = kmalloc(sizeof(*c));

    if (!c) {
        read->done(read, -ENOMEM);
        return;
    }
    c->read = read;
    c->request =
        (struct blk_request){.op = BLK_READ,
                             .sector = read->index * PAGE_SECTORS,
                             .pieces = c->piece,
                             .npieces = make_pieces(read->frame, read->n, c->piece),
                             .done = contents_done};
    blk_submit(b->disk, &c->request);
}

/* ---- descriptions ---- */

/* Pages of the disk, side by side, to be entered. */
struct run {
    uint64_t index;
    unsigned n;
    struct page *frame[NEIGHBOURS];
};

static void run_free(struct run *run)
{
    for (unsigned i = 0; i < run->n; i++) {
        page_put(run->frame[i]);
    }
}

/* Up to n frames; none is -ENOMEM. */
static int run_alloc(struct run *run, uint64_t index, unsigned n)
{
    run->index = index;
    reclaim_for_cache();
    for (run->n = 0; run->n < n; run->n++) {
        run->frame[run->n] = page_alloc(PAGE_CACHED);
        if (!run->frame[run->n]) break;
    }
    return run->n ? 0 : -ENOMEM;
}

/* The disk may end inside of the last page. */
static int run_read(struct block_device *b, struct run *run)
{
    struct virtio_piece piece[NEIGHBOURS];
    struct page *last = run->frame[run->n - 1];
    uint64_t end = (run->index + run->n) * PAGE_SIZE, size = b->device.source.size;
    struct blk_request request = {.op = BLK_READ,
                                  .sector = run->index * PAGE_SECTORS,
                                  .pieces = piece,
                                  .npieces = make_pieces(run->frame, run->n, piece)};

    if (end > size) {
        size_t missing = end - size;
        memset((char *)page_ptr(last) + PAGE_SIZE - missing, 0, missing);
        piece[request.npieces - 1].len -= (uint32_t)missing;
    }
    return blk_wait(b->disk, &request);
}

/* Shows the frames; *out is the one at `index`, held. */
static int run_enter(struct block_device *b, struct run *run, uint64_t index,
                     struct page **out)
{
    int result = -ENOMEM;

    for (unsigned i = 0; i < run->n; i++) {
        int err = object_add_page(&b->pages, run->index + i, run->frame[i]);
        if (run->index + i != index || (err && err != -EEXIST)) continue;
        /* If another has it, ours says the same. */
        *out = run->frame[i];
        page_get(*out);
        result = 0;
    }
    return result;
}

/* Reads n pages, `index` among them. */
static int bring_run(struct block_device *b, uint64_t from, unsigned n, uint64_t index,
                     struct page **out)
{
    struct run run;

    int err = run_alloc(&run, from, n);
    if (err) return err;
    err = run.index + run.n > index ? run_read(b, &run) : -ENOMEM;
    if (!err) err = run_enter(b, &run, index, out);
    run_free(&run);
    return err;
}

/* With its neighbours, or alone if that cannot be. */
static int bring_page(struct block_device *b, uint64_t index, struct page **out)
{
    uint64_t from = index - index % NEIGHBOURS, npages = object_npages(&b->pages);
    unsigned most = blk_most_pieces(b->disk);
    unsigned n = npages - from < NEIGHBOURS ? (unsigned)(npages - from) : NEIGHBOURS;

    int err = n <= most ? bring_run(b, from, n, index, out) : -EIO;
    return err ? bring_run(b, index, 1, index, out) : 0;
}

static int source_get(struct erofs_source *source, uint64_t index, struct erofs_page *out)
{
    struct erofs_device *device = container_of(source, struct erofs_device, source);
    struct block_device *b = block_of(device);
    struct page *p = object_find_page(&b->pages, index);
    int err = p ? 0 : bring_page(b, index, &p);

    if (err) return err;
    *out = (struct erofs_page){.bytes = page_ptr(p), .owner = p};
    return 0;
}

static void source_put(struct erofs_source *source, const struct erofs_page *page)
{
    (void)source;
    page_put(page->owner);
}

/* ---- the device ---- */

static void pages_destroy(struct object *o)
{
    kfree(container_of(o, struct block_device, pages));
}

/* Nobody maps it. */
static const struct object_ops pages_ops = {.destroy = pages_destroy};

void erofs_block_destroy(struct erofs_device *device)
{
    object_put(&block_of(device)->pages);
}

struct erofs_device *erofs_block_create(struct blk *disk)
{
    struct block_device *b = kzalloc(sizeof(*b));
    uint64_t size = blk_sectors(disk) * BLK_SECTOR;

    if (!b) return NULL;
    object_init(&b->pages, &pages_ops, (size + PAGE_SIZE - 1) >> PAGE_SHIFT,
                OBJECT_NO_NOTICE | OBJECT_AGAIN);
    b->disk = disk;
    b->device = (struct erofs_device){
        .source = {.size = size, .get = source_get, .put = source_put},
        .most = blk_most_pieces(disk),
        .read = read_contents,
        .close = erofs_block_destroy,
    };
    return &b->device;
}
