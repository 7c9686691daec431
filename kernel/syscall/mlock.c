/*
 * Memory that stays: mlock(2) and its relatives.
 *
 * Nothing is taken from programs here but pages of files that can be brought again, so a lock
 * changes little: it brings pages at once, keeps them from those who would have them, and counts
 * against RLIMIT_MEMLOCK. Which pages are locked says their tag.
 */
#include "fs/cred.h"
#include "lib/errno.h"
#include "proc/task.h"
#include "syscall/linux.h"
#include "syscall/memory_internal.h"
#include "uapi/mman.h"

/* Device memory and the kernel's own pages are always there. */
static bool can_be_locked(const struct mapping *m)
{
    return !(m->tag.flags & (TAG_EXTERN | TAG_SPECIAL));
}

/* Each mapping in r has these flags afterwards, and loses those. */
static int retag(struct aspace *s, const struct mapping *m, uint32_t set, uint32_t clear)
{
    int err = 0;

    if (!can_be_locked(m)) return 0;
    if (m->tag.flags & clear) err = aspace_advise(s, m->range, ADVISE_CLEAR_FLAGS, clear);
    if (!err && (m->tag.flags & set) != set)
        err = aspace_advise(s, m->range, ADVISE_SET_FLAGS, set);
    return err;
}

/* Up to the first hole, which is -ENOMEM; where that is in *end. */
static int retag_range(struct aspace *s, struct range r, uint32_t set, uint32_t clear)
{
    struct mapping m;
    int err = 0;

    for (; !err && r.start.raw < r.end.raw; r.start = m.range.end) {
        if (!aspace_get_mapping(s, r, &m)) return -ENOMEM;
        err = m.range.start.raw == r.start.raw ? retag(s, &m, set, clear) : -ENOMEM;
        mapping_put(&m);
    }
    return err;
}

/* All there is. */
static int retag_all(struct aspace *s, uint32_t set, uint32_t clear)
{
    struct range r = {VA(0), VA(space_end(s))};
    struct mapping m;
    int err = 0;

    for (; !err && aspace_get_mapping(s, r, &m); r.start = m.range.end) {
        err = retag(s, &m, set, clear);
        mapping_put(&m);
    }
    return err;
}

/* Pages of r that are mapped and not locked yet: for these there must be room. */
static uint64_t unlocked_pages(struct aspace *s, struct range r)
{
    struct mapping m;
    uint64_t n = 0;

    for (; aspace_get_mapping(s, r, &m); r.start = m.range.end) {
        if (!(m.tag.flags & TAG_LOCKED) && can_be_locked(&m)) n += range_pages(m.range);
        mapping_put(&m);
    }
    return n;
}

/* Brings what there is, as it may be touched. */
static int bring(struct aspace *s, struct range r)
{
    struct mapping m;
    int err = 0;

    for (; !err && aspace_get_mapping(s, r, &m); r.start = m.range.end) {
        bool own = !(m.tag.flags & TAG_SHARED);
        unsigned access = m.prot & PROT_W && own ? PROT_W
                          : m.prot & PROT_R      ? PROT_R
                                                 : m.prot;
        if (access && can_be_locked(&m)) err = aspace_populate(s, m.range, access);
        mapping_put(&m);
    }
    return err;
}

/* The pages in which the bytes lie. 0; -EINVAL if the end wraps; -ENOMEM outside of the user half. */
static int pages_around(vaddr_t start, uint64_t len, struct range *out)
{
    uint64_t whole = len + va_offset(start);

    if (whole < len || whole > -PAGE_SIZE || va_floor(start).raw + whole < whole)
        return -EINVAL;
    return user_pages(va_floor(start), whole, out);
}

static long lock(vaddr_t start, uint64_t len, uint32_t flags)
{
    struct aspace *s = current_space();
    struct range r;

    int err = memory_may_lock(0, -ENOMEM);
    if (!err) err = pages_around(start, len, &r);
    if (err || len == 0) return err;
    err = memory_may_lock(unlocked_pages(s, r), -ENOMEM);
    if (!err) err = retag_range(s, r, flags, TAG_ONFAULT & ~flags);
    if (err || flags & TAG_ONFAULT) return err;
    err = bring(s, r);
    if (err == -ENOMEM) return -EAGAIN;
    return err == -EFAULT ? -ENOMEM : err;
}

long sys_mlock(vaddr_t start, uint64_t len) { return lock(start, len, TAG_LOCKED); }

long sys_mlock2(vaddr_t start, uint64_t len, uint64_t flags)
{
    if (flags & ~(uint64_t)MLOCK_ONFAULT) return -EINVAL;
    return lock(start, len, TAG_LOCKED | (flags & MLOCK_ONFAULT ? TAG_ONFAULT : 0));
}

long sys_munlock(vaddr_t start, uint64_t len)
{
    struct range r;
    int err = pages_around(start, len, &r);

    if (err || len == 0) return err;
    return retag_range(current_space(), r, 0, TAG_LOCKED | TAG_ONFAULT);
}

static void set_future(uint32_t flags)
{
    __atomic_store_n(&current_process()->program->lock_future, flags, __ATOMIC_RELAXED);
}

long sys_mlockall(uint64_t flags)
{
    const uint64_t known = MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT;
    struct aspace *s = current_space();
    struct range all = {VA(0), VA(space_end(s))};
    uint32_t tag = TAG_LOCKED | (flags & MCL_ONFAULT ? TAG_ONFAULT : 0);

    if (!flags || flags & ~known || flags == MCL_ONFAULT) return -EINVAL;
    int err = memory_may_lock(flags & MCL_CURRENT ? unlocked_pages(s, all) : 0, -ENOMEM);
    if (err) return err;
    set_future(flags & MCL_FUTURE ? (uint32_t)(flags & (MCL_FUTURE | MCL_ONFAULT)) : 0);
    if (!(flags & MCL_CURRENT)) return 0;
    err = retag_all(s, tag, TAG_ONFAULT & ~tag);
    if (!err && !(tag & TAG_ONFAULT)) {
        int missing = bring(s, all);
        (void)missing; /* what cannot be had now comes at a touch, or not */
    }
    return err;
}

long sys_munlockall(void)
{
    set_future(0);
    return retag_all(current_space(), 0, TAG_LOCKED | TAG_ONFAULT);
}
