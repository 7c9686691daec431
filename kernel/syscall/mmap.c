/*
 * mmap(2): from its many arguments to one mapping_source.
 *
 *     arguments --> what is to be seen      a file, an object of zeros, nothing at all
 *               --> where                   here and nowhere else, here if it is free, anywhere
 *               --> is it allowed           limits, locks, what could never be had
 *               --> aspace_map*()           one step; nothing has changed if it fails
 *               --> populated               what cannot be had now comes, or not, at a touch
 *
 * Errors come in the order in which Linux looks for them, but for -EEXIST: whether addresses are
 * free is known only when they are taken.
 */
#include "fs/cred.h"
#include "lib/errno.h"
#include "proc/fdtable.h"
#include "proc/shared_memory.h"
#include "proc/task.h"
#include "syscall/linux.h"
#include "syscall/memory_internal.h"
#include "uapi/capability.h"
#include "uapi/mman.h"

/* Mappings of whole blocks stand where blocks can: at a multiple of 2 MiB. */
enum { BLOCK_PAGES = 512 };

struct request {
    vaddr_t start;
    uint64_t npages;
    unsigned prot;
    uint64_t flags; /* MAP_* */
    struct file *file;
    uint64_t offset;
    struct mapping_source source; /* its object is held */
};

static bool is_shared(const struct request *m)
{
    unsigned type = m->flags & MAP_TYPE;

    return type == MAP_SHARED || type == MAP_SHARED_VALIDATE;
}

/* A range that is exactly there: can it be? */
static int check_fixed(const struct request *m, uint64_t end)
{
    uint64_t len = m->npages << PAGE_SHIFT;

    if (m->start.raw > end - len) return -ENOMEM;
    if (!va_page_aligned(m->start)) return -EINVAL;
    if (m->start.raw < MAP_LOWEST && !cred_can(current_cred(), CAP_SYS_RAWIO))
        return -EPERM;
    return 0;
}

static int check_place(struct request *m)
{
    uint64_t end = space_end(current_space());

    if (m->npages > end >> PAGE_SHIFT) return -ENOMEM;
    if (m->flags & (MAP_FIXED | MAP_FIXED_NOREPLACE)) return check_fixed(m, end);
    m->start = va_floor(m->start);
    if (m->start.raw != 0 && m->start.raw < MAP_LOWEST) m->start = VA(MAP_LOWEST);
    if (m->start.raw > end - (m->npages << PAGE_SHIFT)) m->start = VA(0);
    return 0;
}

static int source_of_nothing(struct request *m)
{
    switch (m->flags & MAP_TYPE) {
    case MAP_PRIVATE:
        return 0;
    case MAP_DROPPABLE:
        if (m->flags & (MAP_LOCKED | MAP_GROWSDOWN)) return -EINVAL;
        m->source.flags |= TAG_WIPEONFORK | TAG_DONTDUMP;
        return 0;
    case MAP_SHARED:
        if (m->flags & MAP_GROWSDOWN) return -EINVAL;
        m->source.flags |= TAG_SHARED;
        return shared_memory_create(m->npages, &m->source.object);
    default:
        return -EINVAL;
    }
}

static int source_of_file(struct request *m)
{
    unsigned type = m->flags & MAP_TYPE;

    if (m->offset >> PAGE_SHIFT > (uint64_t)INT64_MAX / PAGE_SIZE - m->npages)
        return -EOVERFLOW;
    if (type != MAP_PRIVATE && !is_shared(m)) return -EINVAL;
    if (type == MAP_SHARED_VALIDATE && m->flags & ~(uint64_t)MAP_LEGACY)
        return -EOPNOTSUPP;
    if (m->flags & MAP_GROWSDOWN) return -EINVAL;
    return file_map(m->file, m->offset, m->npages << PAGE_SHIFT, m->prot, is_shared(m),
                    &m->source);
}

/* MAP_LOCKED, or mlockall(MCL_FUTURE). */
static int lock_flags(struct request *m)
{
    uint32_t future =
        __atomic_load_n(&current_process()->program->lock_future, __ATOMIC_RELAXED);

    if (!(m->flags & MAP_LOCKED) && !(future & MCL_FUTURE)) return 0;
    int err = memory_may_lock(m->npages, -EAGAIN);
    if (err && (m->flags & MAP_LOCKED || err != -EPERM)) return err;
    m->source.flags |= TAG_LOCKED;
    if (future & MCL_ONFAULT && !(m->flags & MAP_LOCKED)) m->source.flags |= TAG_ONFAULT;
    return 0;
}

static int check_amount(const struct request *m)
{
    bool data = !is_shared(m) && m->prot & PROT_W;
    bool commits = (data || (!m->file && is_shared(m))) && !(m->flags & MAP_NORESERVE);

    if (!memory_within_limits(m->npages, data)) return -ENOMEM;
    return commits && !memory_may_commit(m->npages) ? -ENOMEM : 0;
}

static int map_anywhere(struct aspace *s, struct request *m)
{
    bool blocks = m->npages % BLOCK_PAGES == 0 && !m->file;
    int err = -ENOMEM;

    if (blocks) {
        err = aspace_map_anywhere(s, m->npages, BLOCK_PAGES, m->prot, &m->source,
                                  &m->start);
    }
    if (err == -ENOMEM)
        err = aspace_map_anywhere(s, m->npages, 1, m->prot, &m->source, &m->start);
    return err;
}

static int map_there(struct aspace *s, struct request *m)
{
    struct range r = range_of(m->start, m->npages);

    if (m->flags & MAP_FIXED_NOREPLACE) return aspace_map(s, r, m->prot, &m->source);
    if (m->flags & MAP_FIXED) return aspace_map_replace(s, r, m->prot, &m->source);
    int err = m->start.raw ? aspace_map(s, r, m->prot, &m->source) : -EEXIST;
    return err == -EEXIST ? map_anywhere(s, m) : err;
}

static void populate(struct aspace *s, const struct request *m)
{
    bool locked = (m->source.flags & (TAG_LOCKED | TAG_ONFAULT)) == TAG_LOCKED;
    bool asked = (m->flags & (MAP_POPULATE | MAP_NONBLOCK)) == MAP_POPULATE;

    if (locked || asked)
        memory_populate(s, range_of(m->start, m->npages), m->prot, is_shared(m));
}

static bool refuses_huge(void)
{
    return __atomic_load_n(&current_process()->flags, __ATOMIC_RELAXED) & PROCESS_NO_HUGE;
}

/* The source is known. */
static int map_source(struct request *m)
{
    struct aspace *s = current_space();

    if (m->flags & MAP_GROWSDOWN) m->source.flags |= TAG_GROWSDOWN | TAG_NOHUGE;
    if (m->flags & MAP_STACK || refuses_huge()) m->source.flags |= TAG_NOHUGE;
    int err = lock_flags(m);
    if (!err) err = check_amount(m);
    if (!err) err = map_there(s, m);
    if (!err) populate(s, m);
    return err;
}

static int map(struct request *m)
{
    int err = check_place(m);

    if (!err) err = m->file ? source_of_file(m) : source_of_nothing(m);
    if (err) return err;
    err = map_source(m);
    if (m->source.object) object_put(m->source.object);
    return err;
}

/* The pool of huge pages is empty; and other sizes than these do not exist. */
static int refuse_huge(uint64_t flags)
{
    unsigned size = flags >> MAP_HUGE_SHIFT & MAP_HUGE_MASK;

    return size == 0 || size == 21 || size == 30 ? -ENOMEM : -EINVAL;
}

static long map_len(struct request *m, uint64_t len)
{
    if (len == 0) return -EINVAL;
    if (len > -PAGE_SIZE) return -ENOMEM;
    m->npages = (len + PAGE_MASK) >> PAGE_SHIFT;
    int err = map(m);
    return err ? err : (long)m->start.raw;
}

long sys_mmap(vaddr_t start, uint64_t len, uint64_t prot, uint64_t flags, uint64_t fd,
              uint64_t offset)
{
    struct request m = {start, 0, prot_of(prot), flags, NULL, offset, {0}};

    if (offset & PAGE_MASK) return -EINVAL;
    if (flags & MAP_ANONYMOUS)
        return flags & MAP_HUGETLB ? refuse_huge(flags) : map_len(&m, len);

    int err = fd_file((int)fd, &m.file);
    if (err) return err;
    long at = flags & MAP_HUGETLB ? -EINVAL : map_len(&m, len);
    file_put(m.file);
    return at;
}
