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

extern const char vdso_image[] __attribute__((aligned(PAGE_SIZE)));
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

static const struct mapping_source source = {&object, 0, TAG_MAY_R | TAG_MAY_X};
static const struct mapping_source code_source = {&object, 1, TAG_MAY_R | TAG_MAY_X};

/* All of it, not to be executed yet. */
static int map(struct aspace *s, vaddr_t hint, vaddr_t *start)
{
    size_t n = 1 + code_pages();
    struct range wanted = {hint, va_add(hint, n * PAGE_SIZE)};

    if (hint.raw && aspace_map(s, wanted, PROT_R, &source) == 0) {
        *start = hint;
        return 0;
    }
    return aspace_map_anywhere(s, n, 1, PROT_R, &source, start);
}

int vdso_map(struct aspace *s, vaddr_t hint, vaddr_t *base)
{
    vaddr_t start;
    int err = map(s, hint, &start);

    if (err) return err;
    struct range code = {va_add(start, PAGE_SIZE), {0}};
    code.end = va_add(code.start, code_pages() * PAGE_SIZE);
    /* Nothing of it was touched, so no hart has to be told, as aspace_protect() would. */
    err = aspace_map_replace(s, code, PROT_R | PROT_X, &code_source);
    if (err) return err;
    *base = code.start;
    return 0;
}

/* The object's entry, a word of its ELF header. */
vaddr_t vdso_sigreturn(vaddr_t base)
{
    enum { ELF_ENTRY = 24 };
    const uint64_t *words = (const void *)vdso_image;

    return va_add(base, words[ELF_ENTRY / sizeof(*words)]);
}

void vdso_set_wall(int64_t ns) { __atomic_store_n(&data->wall_ns, ns, __ATOMIC_RELAXED); }
