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
static int check_fixed(vaddr_t start, uint64_t npages, uint64_t end)
{
    if (start.raw > end - (npages << PAGE_SHIFT)) return -ENOMEM;
    if (!va_page_aligned(start)) return -EINVAL;
    if (start.raw < MAP_LOWEST && !cred_can(current_cred(), CAP_SYS_RAWIO)) return -EPERM;
    return 0;
}

/* What is only a hint becomes one that can be followed, or none. */
static vaddr_t place_hint(vaddr_t start, uint64_t npages, uint64_t end)
{
    start = va_floor(start);
    if (start.raw != 0 && start.raw < MAP_LOWEST) start = VA(MAP_LOWEST);
    return start.raw > end - (npages << PAGE_SHIFT) ? VA(0) : start;
}

static inline int check_place(vaddr_t *start, uint64_t npages, uint64_t flags)
{
    uint64_t end = space_end(current_space());

    if (npages > end >> PAGE_SHIFT) return -ENOMEM;
    if (flags & (MAP_FIXED | MAP_FIXED_NOREPLACE))
        return check_fixed(*start, npages, end);
    if (unlikely(start->raw)) *start = place_hint(*start, npages, end);
    return 0;
}

/* Pages of a private mapping that can be written are data, and, like those of an object of zeros,
 * must be imaginable. */
static inline int check_amount(uint64_t npages, bool data, bool commits)
{
    if (!memory_within_limits(npages, data)) return -ENOMEM;
    return commits && !memory_may_commit(npages) ? -ENOMEM : 0;
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

static noinline int map_blocks(struct aspace *s, vaddr_t *start, uint64_t npages,
                               unsigned prot, const struct mapping_source *source)
{
    int err = aspace_map_anywhere(s, npages, BLOCK_PAGES, prot, source, start);

    if (err == -ENOMEM) err = aspace_map_anywhere(s, npages, 1, prot, source, start);
    return err;
}

static always_inline int map_there(struct aspace *s, vaddr_t *start, uint64_t npages,
                                   unsigned prot, uint64_t flags,
                                   const struct mapping_source *source)
{
    struct range r = range_of(*start, npages);

    if (flags & MAP_FIXED_NOREPLACE) return aspace_map(s, r, prot, source);
    if (flags & MAP_FIXED) return aspace_map_replace(s, r, prot, source);
    int err = unlikely(start->raw) ? aspace_map(s, r, prot, source) : -EEXIST;
    if (err != -EEXIST) return err;
    if (flags & MAP_ANONYMOUS && npages % BLOCK_PAGES == 0)
        return map_blocks(s, start, npages, prot, source);
    return aspace_map_anywhere(s, npages, 1, prot, source, start);
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
    bool data = !is_shared(m) && m->prot & PROT_W;
    bool zeros = !m->file && is_shared(m);
    if (!err) {
        err =
            check_amount(m->npages, data, (data || zeros) && !(m->flags & MAP_NORESERVE));
    }
    if (!err) err = map_there(s, &m->start, m->npages, m->prot, m->flags, &m->source);
    if (!err) populate(s, m);
    return err;
}

static int map(struct request *m)
{
    int err = check_place(&m->start, m->npages, m->flags);

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

/* A number of bytes, as pages. */
static inline int pages_of(uint64_t len, uint64_t *npages)
{
    if (len == 0) return -EINVAL;
    if (len > -PAGE_SIZE) return -ENOMEM;
    *npages = (len + PAGE_MASK) >> PAGE_SHIFT;
    return 0;
}

static long map_len(struct request *m, uint64_t len)
{
    int err = pages_of(len, &m->npages);

    if (!err) err = map(m);
    return err ? err : (long)m->start.raw;
}

static noinline long map_special(vaddr_t start, uint64_t len, unsigned prot,
                                 uint64_t flags, uint64_t fd, uint64_t offset)
{
    struct request m = {start, 0, prot, flags, NULL, offset, {0}};

    if (flags & MAP_ANONYMOUS)
        return flags & MAP_HUGETLB ? refuse_huge(flags) : map_len(&m, len);

    int err = fd_file((int)fd, &m.file);
    if (err) return err;
    long at = flags & MAP_HUGETLB ? -EINVAL : map_len(&m, len);
    file_put(m.file);
    return at;
}

/*
 * Private memory of nobody, with no wish but for the place, of a program that has none for all
 * of its memory: its source and its tag are empty, and it is what is asked for most.
 */
static inline bool is_plain(uint64_t flags)
{
    const uint64_t any =
        MAP_FIXED | MAP_FIXED_NOREPLACE | MAP_NORESERVE | MAP_DENYWRITE | MAP_EXECUTABLE;
    const struct process *p = current_process();

    return (flags & ~any) == (MAP_PRIVATE | MAP_ANONYMOUS) &&
           !(__atomic_load_n(&p->flags, __ATOMIC_RELAXED) & PROCESS_NO_HUGE) &&
           !__atomic_load_n(&p->program->lock_future, __ATOMIC_RELAXED);
}

static inline long map_plain(vaddr_t start, uint64_t len, unsigned prot, uint64_t flags)
{
    static const struct mapping_source nothing;
    bool data = prot & PROT_W;
    uint64_t npages;
    int err = pages_of(len, &npages);

    if (!err) err = check_place(&start, npages, flags);
    if (!err) err = check_amount(npages, data, data && !(flags & MAP_NORESERVE));
    if (!err) err = map_there(current_space(), &start, npages, prot, flags, &nothing);
    return err ? err : (long)start.raw;
}

long sys_mmap(vaddr_t start, uint64_t len, uint64_t prot, uint64_t flags, uint64_t fd,
              uint64_t offset)
{
    if (offset & PAGE_MASK) return -EINVAL;
    if (likely(is_plain(flags))) return map_plain(start, len, prot_of(prot), flags);
    return map_special(start, len, prot_of(prot), flags, fd, offset);
}
