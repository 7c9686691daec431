/* shmget(2), shmat(2), shmdt(2), shmctl(2): proc/shm.h's segments, mapped. */
#include "proc/shm.h"

#include "fs/cred.h"
#include "lib/errno.h"
#include "mm/uaccess.h"
#include "proc/task.h"
#include "syscall/linux.h"
#include "syscall/memory_internal.h"
#include "uapi/capability.h"

long sys_shmget(uint64_t key, uint64_t size, uint64_t flags)
{
    return shm_get((int32_t)key, size, (unsigned)flags);
}

/* ---- Attaching. ---- */

/* Where it is to be: 0 and *at, VA(0) for anywhere. */
static int place(vaddr_t wanted, unsigned flags, vaddr_t *at)
{
    *at = flags & SHM_RND ? va_floor(wanted) : wanted;
    if (!va_page_aligned(*at)) return -EINVAL;
    if (flags & SHM_REMAP && !at->raw) return -EINVAL;
    return 0;
}

static int map_segment(struct aspace *s, vaddr_t *at, uint64_t npages, unsigned flags,
                       const struct mapping_source *source)
{
    unsigned prot = flags & SHM_RDONLY ? PROT_R : PROT_RW;
    struct range r = range_of(*at, npages);

    if (flags & SHM_EXEC) prot |= PROT_X;
    if (!memory_within_limits(npages, false)) return -ENOMEM;
    if (!at->raw) return aspace_map_anywhere(s, npages, 1, prot, source, at);
    if (at->raw >= space_end(s) || npages << PAGE_SHIFT > space_end(s) - at->raw)
        return -EINVAL;
    if (flags & SHM_REMAP) return aspace_map_replace(s, r, prot, source);
    int err = aspace_map(s, r, prot, source);
    return err == -EEXIST ? -EINVAL : err;
}

long sys_shmat(uint64_t id, vaddr_t wanted, uint64_t flags)
{
    struct mapping_source source = {.flags = TAG_SHARED | TAG_MAY_R | TAG_MAY_X};
    uint64_t npages;
    vaddr_t at;
    int err = place(wanted, (unsigned)flags, &at);

    if (!err) err = shm_open((int)id, !(flags & SHM_RDONLY), &source.object, &npages);
    if (err) return err;
    if (!(flags & SHM_RDONLY)) source.flags |= TAG_MAY_W;
    err = map_segment(current_space(), &at, npages, (unsigned)flags, &source);
    if (!err) shm_note(source.object, true);
    object_put(source.object);
    return err ? err : (long)at.raw;
}

/* The segment that begins at `at`, if one is attached there: its object, held. */
static struct object *attached_at(struct aspace *s, vaddr_t at, struct tag *tag)
{
    struct mapping m;

    if (!aspace_get_mapping(s, range_of(at, 1), &m)) return NULL;
    bool begins = m.tag.object && m.tag.flags & TAG_SHARED && mapping_index(&m, at) == 0;
    if (begins && shm_note(m.tag.object, false)) {
        *tag = m.tag;
        return m.tag.object;
    }
    mapping_put(&m);
    return NULL;
}

/* What of it is still mapped there goes, and nothing else. */
long sys_shmdt(vaddr_t at)
{
    struct aspace *s = current_space();
    struct mapping m;
    struct tag tag;
    int err = 0;

    if (!va_page_aligned(at) || at.raw >= space_end(s)) return -EINVAL;
    struct object *o = attached_at(s, at, &tag);
    if (!o) return -EINVAL;
    struct range r = range_of(at, object_npages(o));
    for (; !err && aspace_get_mapping(s, r, &m); r.start = m.range.end) {
        bool same = m.tag.object == o && m.tag.delta == tag.delta;
        mapping_put(&m);
        if (same) err = aspace_unmap(s, m.range);
    }
    object_put(o);
    shm_sweep();
    return err;
}

/* ---- shmctl. ---- */

static long put_stat(int id, bool anybody, vaddr_t out)
{
    struct shmid_ds ds;
    int err = shm_stat(id, anybody, &ds);

    return err ? err : copy_to_user(out, &ds, sizeof(ds));
}

/* Programs that list segments count slots. */
static long put_stat_of_slot(int slot, bool anybody, vaddr_t out)
{
    int id;

    if (slot < 0 || shm_next(slot, &id) != slot) return -EINVAL;
    long err = put_stat(id, anybody, out);
    return err ? err : id;
}

static long set(int id, vaddr_t from)
{
    struct shmid_ds ds;

    if (copy_from_user(&ds, from, sizeof(ds))) return -EFAULT;
    return shm_set(id, &ds);
}

/* The highest slot in use. */
static long last_slot(void)
{
    int last = 0, id;

    for (int i = 0; (i = shm_next(i, &id)) >= 0; i++) {
        last = i;
    }
    return last;
}

static long put_limits(vaddr_t out)
{
    struct shminfo info = {.shmmax = SHM_MAX,
                           .shmmin = SHM_MIN,
                           .shmmni = SHM_SEGMENTS,
                           .shmseg = SHM_SEGMENTS,
                           .shmall = SHM_ALL};

    return copy_to_user(out, &info, sizeof(info)) ? -EFAULT : last_slot();
}

static long put_totals(vaddr_t out)
{
    struct shm_info info;

    shm_totals(&info);
    return copy_to_user(out, &info, sizeof(info)) ? -EFAULT : last_slot();
}

long sys_shmctl(uint64_t id, uint64_t command, vaddr_t data)
{
    if ((int)id < 0 || (int)command < 0) return -EINVAL;
    switch ((int)command) {
    case IPC_RMID:
        return shm_remove((int)id);
    case IPC_SET:
        return set((int)id, data);
    case IPC_STAT:
        return put_stat((int)id, false, data);
    case SHM_STAT:
        return put_stat_of_slot((int)id, false, data);
    case SHM_STAT_ANY:
        return put_stat_of_slot((int)id, true, data);
    case IPC_INFO:
        return put_limits(data);
    case SHM_INFO:
        return put_totals(data);
    case SHM_LOCK:
    case SHM_UNLOCK:
        return shm_lock((int)id, (int)command == SHM_LOCK);
    default:
        return -EINVAL;
    }
}
