/* See image_device.h. */
#include "fs/image_device.h"

#include "fs/erofs/vfs.h"
#include "mm/page.h"

#include <string.h>

static struct image *shown;
static struct erofs_device device;

static int get(struct erofs_source *source, uint64_t index, struct erofs_page *out)
{
    (void)source;
    return shown->source.get(&shown->source, index, out);
}

static void put(struct erofs_source *source, const struct erofs_page *page)
{
    (void)source;
    shown->source.put(&shown->source, page);
}

static void read_pages(struct erofs_device *d, struct erofs_read *r)
{
    (void)d;
    for (unsigned i = 0; i < r->n; i++) {
        memcpy(page_ptr(r->frame[i]), shown->bytes + (r->index + i) * PAGE_SIZE,
               PAGE_SIZE);
    }
    r->done(r, 0);
}

int image_device_create(struct image *image, struct file_system **out)
{
    const char *reason;

    shown = image;
    device = (struct erofs_device){.source = {image->source.size, get, put},
                                   .read = read_pages};
    return erofs_create(&device, out, &reason);
}
