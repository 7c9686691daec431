/*
 * What programs ask of the harts themselves: what they can do, and to see what others have stored.
 *
 * membarrier(2): each hart that may run a thread of the program passes a full fence before the
 * call returns. A hart passes one on every switch of threads; so a thread of our own is run on
 * each of them (hart_call()). A program that wants that often asks for it first.
 */
#include "syscall/harts.h"
#include "drivers/devtree_isa.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/aspace.h"
#include "mm/uaccess.h"
#include "proc/process.h"
#include "syscall/linux.h"
#include "uapi/hwprobe.h"

static uint64_t extensions; /* of all harts; set once */
static uint64_t timebase;   /* set once */

void syscall_set_harts(uint64_t all_extensions, uint64_t ticks_per_second)
{
    extensions = all_extensions;
    timebase = ticks_per_second;
}

/* ---- Fences. ---- */

static void pass_fence(void *unused)
{
    (void)unused;
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

static long fence(uint64_t harts_meant)
{
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    hart_call(harts_meant, pass_fence, NULL);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    return 0;
}

/* Harts that run the program now; who comes later passes a fence on the way. */
static uint64_t harts_inside(struct program *p)
{
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    return __atomic_load_n(&p->space->tlb.running, __ATOMIC_RELAXED);
}

static long register_for(struct program *p, uint32_t what)
{
    __atomic_fetch_or(&p->barriers, what, __ATOMIC_RELAXED);
    return 0;
}

static bool is_registered(const struct program *p, uint32_t what)
{
    return __atomic_load_n(&p->barriers, __ATOMIC_RELAXED) & what;
}

long sys_membarrier(uint64_t command, uint64_t flags)
{
    const uint32_t known = MEMBARRIER_GLOBAL | MEMBARRIER_GLOBAL_EXPEDITED |
                           MEMBARRIER_REGISTER_GLOBAL | MEMBARRIER_PRIVATE |
                           MEMBARRIER_REGISTER_PRIVATE | MEMBARRIER_PRIVATE_SYNC_CORE |
                           MEMBARRIER_REGISTER_SYNC_CORE;
    struct program *p = current_process()->program;

    if (flags) return -EINVAL;
    switch ((uint32_t)command) {
    case MEMBARRIER_QUERY:
        return known;
    case MEMBARRIER_GLOBAL:
    case MEMBARRIER_GLOBAL_EXPEDITED:
        return fence(harts_online());
    case MEMBARRIER_REGISTER_GLOBAL:
        return 0;
    case MEMBARRIER_REGISTER_PRIVATE:
    case MEMBARRIER_REGISTER_SYNC_CORE:
        return register_for(p, (uint32_t)command);
    case MEMBARRIER_PRIVATE:
        if (!is_registered(p, MEMBARRIER_REGISTER_PRIVATE)) return -EPERM;
        return fence(harts_inside(p));
    case MEMBARRIER_PRIVATE_SYNC_CORE:
        if (!is_registered(p, MEMBARRIER_REGISTER_SYNC_CORE)) return -EPERM;
        icache_flush_all();
        return fence(harts_inside(p));
    default:
        return -EINVAL;
    }
}

/* On all harts, also if only the calling thread asks: it may go on on another. */
long sys_riscv_flush_icache(vaddr_t start, vaddr_t end, uint64_t flags)
{
    (void)start;
    (void)end;
    if (flags & ~(uint64_t)FLUSH_ICACHE_LOCAL) return -EINVAL;
    icache_flush_all();
    return 0;
}

/* ---- Extensions. ---- */

/* What the kernel has to keep or to allow (vectors, cache blocks) is not among them: it does not. */
static uint64_t probed_extensions(void)
{
    static const struct {
        const char *name;
        uint64_t bit;
    } rows[] = {
        {"c", HWPROBE_C},           {"zba", HWPROBE_ZBA},
        {"zbb", HWPROBE_ZBB},       {"zbs", HWPROBE_ZBS},
        {"zbc", HWPROBE_ZBC},       {"zbkb", HWPROBE_ZBKB},
        {"zfh", HWPROBE_ZFH},       {"zfa", HWPROBE_ZFA},
        {"ztso", HWPROBE_ZTSO},     {"zacas", HWPROBE_ZACAS},
        {"zicond", HWPROBE_ZICOND}, {"zihintpause", HWPROBE_ZIHINTPAUSE},
        {"zawrs", HWPROBE_ZAWRS},
    };
    uint64_t floats = isa_extension("f", 1) | isa_extension("d", 1), set = 0;

    if ((extensions & floats) == floats) set |= HWPROBE_FD;
    for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
        if (extensions & isa_extension(rows[i].name, strlen(rows[i].name)))
            set |= rows[i].bit;
    }
    return set;
}

static void answer(struct hwprobe_pair *p)
{
    switch (p->key) {
    case HWPROBE_BASE:
        p->value = HWPROBE_BASE_IMA;
        break;
    case HWPROBE_IMA_EXT_0:
        p->value = probed_extensions();
        break;
    case HWPROBE_HIGHEST_ADDRESS:
        p->value = (current_thread()->space->end << PAGE_SHIFT) - 1;
        break;
    case HWPROBE_TIME_FREQUENCY:
        p->value = timebase;
        break;
    case HWPROBE_MISALIGNED_VECTOR:
        p->value = HWPROBE_MISALIGNED_VECTOR_UNSUPPORTED;
        break;
    case HWPROBE_MVENDORID:
    case HWPROBE_MARCHID:
    case HWPROBE_MIMPID:
    case HWPROBE_CPUPERF_0:
    case HWPROBE_ZICBOZ_SIZE:
    case HWPROBE_MISALIGNED_SCALAR:
    case HWPROBE_VENDOR_THEAD:
        p->value = 0; /* nothing, or not known */
        break;
    default:
        p->key = HWPROBE_UNKNOWN;
        p->value = 0;
        break;
    }
}

static long answer_all(vaddr_t pairs, uint64_t n)
{
    struct hwprobe_pair p;

    for (; n > 0; n--, pairs = va_add(pairs, sizeof(p))) {
        if (get_user64(pairs, (uint64_t *)&p.key)) return -EFAULT;
        answer(&p);
        if (copy_to_user(pairs, &p, sizeof(p))) return -EFAULT;
    }
    return 0;
}

/* All harts give the same answers; so of a set of harts, all stay that are online, or none. */
static long which_harts(vaddr_t pairs, uint64_t n, uint64_t size, vaddr_t set)
{
    struct hwprobe_pair want, have;
    uint64_t mask = 0, online = harts_online();

    if (!size || !set.raw) return -EINVAL;
    uint64_t len = size < sizeof(mask) ? size : sizeof(mask);
    if (copy_from_user(&mask, set, len)) return -EFAULT;
    mask = mask ? mask & online : online;
    for (; n > 0; n--, pairs = va_add(pairs, sizeof(want))) {
        if (copy_from_user(&want, pairs, sizeof(want))) return -EFAULT;
        have = want;
        answer(&have);
        bool bits = want.key == HWPROBE_BASE || want.key == HWPROBE_IMA_EXT_0;
        bool same =
            bits ? (have.value & want.value) == want.value : have.value == want.value;
        if (have.key == HWPROBE_UNKNOWN) {
            if (copy_to_user(pairs, &have, sizeof(have))) return -EFAULT;
            same = false;
        }
        if (!same) mask = 0;
    }
    if (clear_user(set, size)) return -EFAULT;
    return copy_to_user(set, &mask, len);
}

long sys_riscv_hwprobe(vaddr_t pairs, uint64_t n, uint64_t size, vaddr_t set,
                       uint64_t flags)
{
    uint64_t mask = 0;

    if (flags == HWPROBE_WHICH_CPUS) return which_harts(pairs, n, size, set);
    if (flags) return -EINVAL;
    if (set.raw || size) {
        if (!set.raw || !size) return -EINVAL;
        if (copy_from_user(&mask, set, size < sizeof(mask) ? size : sizeof(mask)))
            return -EFAULT;
        if (!(mask & harts_online())) return -EINVAL;
    }
    return answer_all(pairs, n);
}
