/*
 * See vdso.h. The frames belong to a memory object, as those of a file do: the data first, then a
 * copy of the ELF image that the kernel carries. The object is there for ever, and all its pages
 * with it, so that mapping it needs no memory but for tables.
 */
#include "proc/vdso.h"

#include "lib/errno.h"
#include "lib/string.h"
#include "mm/aspace.h"
#include "sched/timer.h"
#include "uapi/vdso_data.h"

extern const char vdso_image_end[];

static struct object object;
static struct vdso_data *data; /* set once, at boot */

static size_t code_pages(void)
{
    return (size_t)(vdso_image_end - vdso_image) >> PAGE_SHIFT;
}

static int get_page(struct object *o, uint64_t index, struct page **out)
{
    *out = object_find_page(o, index);
    return *out ? 0 : -ERANGE;
}

static const struct object_ops ops = {.get_page = get_page};

static int add_page(uint64_t index, const void *contents, size_t len)
{
    struct page *page = page_alloc(PAGE_CACHED);

    if (!page) return -ENOMEM;
    memset(page_ptr(page), 0, PAGE_SIZE);
    memcpy(page_ptr(page), contents, len);
    int err = object_add_page(&object, index, page);
    if (index == 0) data = page_ptr(page);
    page_put(page);
    return err;
}

int vdso_init(void)
{
    struct vdso_data first = {clock_scale.whole, clock_scale.fraction, 0};
    size_t n = code_pages();

    object_init(&object, &ops, 1 + n, OBJECT_NO_NOTICE);
    int err = add_page(0, &first, sizeof(first));
    for (size_t i = 0; i < n && !err; i++) {
        err = add_page(1 + i, vdso_image + i * PAGE_SIZE, PAGE_SIZE);
    }
    return err;
}

uint64_t vdso_bytes(void) { return (1 + code_pages()) * PAGE_SIZE; }

vaddr_t vdso_pieces(vaddr_t start, struct mapping_piece out[VDSO_PIECES])
{
    const uint32_t may = TAG_MAY_R | TAG_MAY_X;
    vaddr_t base = va_add(start, PAGE_SIZE);

    out[0] = (struct mapping_piece){{start, base}, PROT_R, {&object, 0, may}};
    out[1] = (struct mapping_piece){
        {base, va_add(start, vdso_bytes())}, PROT_R | PROT_X, {&object, 1, may}};
    return base;
}

void vdso_set_wall(int64_t ns) { __atomic_store_n(&data->wall_ns, ns, __ATOMIC_RELAXED); }
