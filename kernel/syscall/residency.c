/* What is in memory, and what is on its way to files: mincore(2), msync(2); and mseal(2). */
#include "lib/errno.h"
#include "mm/slab.h"
#include "mm/uaccess.h"
#include "syscall/linux.h"
#include "syscall/memory_internal.h"
#include "uapi/mman.h"

/* A byte for each page, a piece at a time. */
static int tell_incore(struct aspace *s, struct range r, vaddr_t out,
                       unsigned char *piece)
{
    int err = 0;

    while (!err && r.start.raw < r.end.raw) {
        size_t n = range_pages(r) < PAGE_SIZE ? range_pages(r) : PAGE_SIZE;
        err = aspace_incore(s, range_of(r.start, n), piece);
        if (!err) err = copy_to_user(out, piece, n);
        out = va_add(out, n);
        r.start = va_add(r.start, n << PAGE_SHIFT);
    }
    return err;
}

long sys_mincore(vaddr_t start, uint64_t len, vaddr_t out)
{
    struct range r;
    int err = user_pages(start, len, &r);

    if (err) return err;
    if (!user_range_ok(out, range_pages(r))) return -EFAULT;
    unsigned char *piece = kmalloc(PAGE_SIZE);
    if (!piece) return -EAGAIN;
    err = tell_incore(current_space(), r, out, piece);
    kfree(piece);
    return err;
}

static int sync_mapping(const struct mapping *m, unsigned flags)
{
    struct object *o = m->tag.object;

    if (flags & MS_INVALIDATE && m->tag.flags & TAG_LOCKED) return -EBUSY;
    if (!(flags & MS_SYNC) || !o || !(m->tag.flags & TAG_SHARED)) return 0;
    if (o->flags & OBJECT_NO_NOTICE) return 0;
    return object_write_back(o, mapping_index(m, m->range.start), range_pages(m->range));
}

static int sync_range(struct aspace *s, struct range r, unsigned flags)
{
    struct mapping m;
    bool hole = false;

    for (; r.start.raw < r.end.raw; r.start = m.range.end) {
        if (!aspace_get_mapping(s, r, &m)) return -ENOMEM;
        hole |= m.range.start.raw != r.start.raw;
        int err = sync_mapping(&m, flags);
        mapping_put(&m);
        if (err) return err;
    }
    return hole ? -ENOMEM : 0;
}

long sys_msync(vaddr_t start, uint64_t len, uint64_t flags)
{
    const uint64_t known = MS_ASYNC | MS_INVALIDATE | MS_SYNC;
    struct range r;

    if (flags & ~known || (flags & MS_ASYNC && flags & MS_SYNC)) return -EINVAL;
    int err = user_pages(start, len, &r);
    return err ? err : sync_range(current_space(), r, (unsigned)flags);
}

/* mseal(2): from now on nobody changes what is mapped there. All or nothing. */
long sys_mseal(vaddr_t start, uint64_t len, uint64_t flags)
{
    struct aspace *s = current_space();
    struct mapping m;
    struct range r;

    if (flags || !va_page_aligned(start)) return -EINVAL;
    if (len > -PAGE_SIZE || start.raw + len < start.raw) return -EINVAL;
    int err = user_pages(start, len, &r);
    if (err || len == 0) return err;
    for (vaddr_t at = r.start; at.raw < r.end.raw; at = m.range.end) {
        if (!aspace_get_mapping(s, (struct range){at, r.end}, &m)) return -ENOMEM;
        mapping_put(&m);
        if (m.range.start.raw != at.raw) return -ENOMEM;
    }
    return aspace_advise(s, r, ADVISE_SET_FLAGS, TAG_SEALED);
}
