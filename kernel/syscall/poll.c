/*
 * ppoll(2) and pselect6(2): what the program asks is made a list of files, and the answers go
 * back where the questions came from.
 */
#include "fs/poll.h"

#include "lib/errno.h"
#include "lib/string.h"
#include "mm/slab.h"
#include "mm/uaccess.h"
#include "proc/fdtable.h"
#include "proc/signal.h"
#include "sched/timer.h"
#include "syscall/linux.h"
#include "syscall/user_time.h"
#include "syscall/wait_args.h"

int wait_deadline(vaddr_t timeout, uint64_t *deadline)
{
    uint64_t ns;

    *deadline = WAIT_FOREVER;
    if (timeout.raw == 0) return 0;
    int err = user_timespec(timeout, &ns);
    if (!err) *deadline = wait_deadline_after(ns);
    return err;
}

uint64_t wait_deadline_after(uint64_t ns)
{
    uint64_t now = clock_ns();

    if (ns == 0) return 0;
    return ns < CLOCK_LAST_NS - now ? now + ns : WAIT_FOREVER;
}

int wait_mask_begin(vaddr_t mask, uint64_t size)
{
    sigset_t set;

    if (mask.raw == 0) return 0;
    int err = signal_mask_from_user(mask, size, &set);
    if (!err) signal_mask_begin(set);
    return err;
}

void wait_mask_end(vaddr_t mask, long result)
{
    if (mask.raw) signal_mask_end(result);
}

int wait_time_left(vaddr_t timeout, uint64_t deadline)
{
    uint64_t now = clock_ns();

    if (deadline == 0 || deadline > CLOCK_LAST_NS) return 0;
    return put_user_timespec(timeout, deadline > now ? (int64_t)(deadline - now) : 0);
}

static long poll_masked(struct poll_entry *e, size_t n, vaddr_t timeout, vaddr_t mask,
                        uint64_t mask_size)
{
    uint64_t deadline;
    int err = wait_deadline(timeout, &deadline);

    if (!err) err = wait_mask_begin(mask, mask_size);
    if (err) return err;
    long found = poll_files(e, n, deadline);
    wait_mask_end(mask, found);
    err = wait_time_left(timeout, deadline);
    /* The call can begin again only if it then finds what is left; that apart, that the time
     * cannot be told changes nothing. */
    return found == -EINTR && !err ? -ERESTARTNOHAND : found;
}

static void put_files(struct poll_entry *e, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (e[i].file) file_put(e[i].file);
    }
}

/*
 * ppoll(2)
 */
static void begin_entry(struct poll_entry *e, const struct linux_pollfd *p)
{
    *e =
        (struct poll_entry){.events = (uint16_t)p->events | POLLERR | POLLHUP | POLLNVAL};
    if (p->fd >= 0 && fd_file(p->fd, &e->file)) e->revents = POLLNVAL;
}

static int put_revents(vaddr_t to, struct linux_pollfd *p, const struct poll_entry *e,
                       size_t n)
{
    for (size_t i = 0; i < n; i++) {
        p[i].revents = (int16_t)e[i].revents;
    }
    return copy_to_user(to, p, n * sizeof(*p));
}

long sys_ppoll(vaddr_t fds, uint64_t count, vaddr_t timeout, vaddr_t mask,
               uint64_t mask_size)
{
    size_t n = (uint32_t)count;

    if (n > fd_limit()) return -EINVAL;
    struct linux_pollfd *p = kmalloc((n + 1) * sizeof(*p));
    struct poll_entry *e = kmalloc((n + 1) * sizeof(*e));
    long found = p && e ? copy_from_user(p, fds, n * sizeof(*p)) : -ENOMEM;
    if (!found) {
        for (size_t i = 0; i < n; i++) {
            begin_entry(&e[i], &p[i]);
        }
        found = poll_masked(e, n, timeout, mask, mask_size);
        put_files(e, n);
        if (found >= 0 && put_revents(fds, p, e, n)) found = -EFAULT;
    }
    kfree(e);
    kfree(p);
    return found;
}

/*
 * pselect6(2): three sets of bits, each of which may be missing.
 */
enum { SETS = 3 };

/* In the order of the call's arguments: what makes a descriptor stay in the set. */
static const uint32_t set_events[SETS] = {
    POLLIN | POLLRDNORM | POLLRDBAND | POLLHUP | POLLERR,
    POLLOUT | POLLWRNORM | POLLWRBAND | POLLERR,
    POLLPRI,
};

struct selection {
    vaddr_t at[SETS];
    unsigned count; /* descriptors below are looked at */
    size_t words;   /* of each set */
    uint64_t *sets; /* one behind the other */
    struct poll_entry *entries;
    size_t n;
};

static uint64_t *set_word(const struct selection *s, unsigned set, unsigned fd)
{
    return &s->sets[set * s->words + fd / 64];
}

static uint32_t events_of(const struct selection *s, unsigned fd)
{
    uint32_t events = 0;

    for (unsigned set = 0; set < SETS; set++) {
        if (*set_word(s, set, fd) >> fd % 64 & 1) events |= set_events[set];
    }
    return events;
}

static int read_sets(struct selection *s)
{
    s->sets = kzalloc((SETS * s->words + 1) * sizeof(uint64_t));
    if (!s->sets) return -ENOMEM;
    uint64_t meant = s->count % 64 ? (1ul << s->count % 64) - 1 : ~0ul;
    for (unsigned set = 0; set < SETS && s->words; set++) {
        uint64_t *words = s->sets + set * s->words;
        if (s->at[set].raw == 0) continue;
        if (copy_from_user(words, s->at[set], s->words * sizeof(*words))) return -EFAULT;
        words[s->words - 1] &= meant;
    }
    return 0;
}

static int find_files(struct selection *s)
{
    size_t most = 0;

    for (size_t i = 0; i < SETS * s->words; i++) {
        most += (size_t)__builtin_popcountl(s->sets[i]);
    }
    s->entries = kmalloc((most + 1) * sizeof(*s->entries));
    if (!s->entries) return -ENOMEM;
    for (unsigned fd = 0; fd < s->count; fd++) {
        struct poll_entry *e = &s->entries[s->n];
        *e = (struct poll_entry){.events = events_of(s, fd)};
        if (e->events == 0) continue;
        int err = fd_file((int)fd, &e->file);
        if (err) return err;
        s->n++;
    }
    return 0;
}

/* What is left in the sets, and how much that is. */
static long keep_found(struct selection *s)
{
    const struct poll_entry *e = s->entries;
    long found = 0;

    for (unsigned fd = 0; fd < s->count; fd++) {
        if (events_of(s, fd) == 0) continue;
        for (unsigned set = 0; set < SETS; set++) {
            uint64_t *word = set_word(s, set, fd), bit = 1ul << fd % 64;
            if (!(e->revents & set_events[set])) *word &= ~bit;
            if (*word & bit) found++;
        }
        e++;
    }
    return found;
}

static int write_sets(const struct selection *s)
{
    for (unsigned set = 0; set < SETS; set++) {
        if (s->at[set].raw == 0) continue;
        if (copy_to_user(s->at[set], s->sets + set * s->words, s->words * 8))
            return -EFAULT;
    }
    return 0;
}

/* `mask` leads to the mask's address and its size. */
static int read_mask(vaddr_t mask, uint64_t out[2])
{
    out[0] = out[1] = 0;
    return mask.raw ? copy_from_user(out, mask, 2 * sizeof(*out)) : 0;
}

long sys_pselect6(uint64_t count, vaddr_t in, vaddr_t out, vaddr_t except,
                  vaddr_t timeout, vaddr_t mask)
{
    struct selection s = {.at = {in, out, except}};
    unsigned size = fd_table_size(current_process()->files);
    uint64_t mask_arg[2];

    if ((int)count < 0) return -EINVAL;
    s.count = (unsigned)count < size ? (unsigned)count : size;
    s.words = ((size_t)s.count + 63) / 64;
    long found = read_mask(mask, mask_arg);
    if (!found) found = read_sets(&s);
    if (!found) found = find_files(&s);
    if (!found)
        found = poll_masked(s.entries, s.n, timeout, VA(mask_arg[0]), mask_arg[1]);
    put_files(s.entries, s.n);
    if (found >= 0) {
        found = keep_found(&s);
        if (write_sets(&s)) found = -EFAULT;
    }
    kfree(s.entries);
    kfree(s.sets);
    return found;
}
