/*
 * See eventfd.h.
 *
 * The count goes from 0 to MOST. Reading waits while it is 0 and takes all of it, or 1 of a
 * semaphore; writing waits while it would go beyond MOST. The number a program gave is read
 * before, and what it gets is written after the count has changed, under no lock.
 */
#include "fs/eventfd.h"

#include "fs/poll.h"
#include "lib/errno.h"
#include "mm/slab.h"
#include "uapi/eventfd.h"

#define MOST (~0ul - 1)

struct eventfd {
    struct spinlock lock;           /* RANK_EVENTS */
    uint64_t count;                 /* under lock */
    bool semaphore;                 /* set once */
    struct wait_queue filled, room; /* the count has become more, less */
};

/* A read or a write that may have to wait. */
struct move {
    struct eventfd *e;
    uint64_t n;
};

static bool try_take(void *arg)
{
    struct move *m = arg;
    struct eventfd *e = m->e;

    spin_lock(&e->lock, RANK_EVENTS);
    m->n = e->semaphore && e->count ? 1 : e->count;
    e->count -= m->n;
    spin_unlock(&e->lock, RANK_EVENTS);
    return m->n > 0;
}

static bool try_add(void *arg)
{
    struct move *m = arg;
    struct eventfd *e = m->e;

    spin_lock(&e->lock, RANK_EVENTS);
    bool fits = m->n <= MOST - e->count;
    if (fits) e->count += m->n;
    spin_unlock(&e->lock, RANK_EVENTS);
    return fits;
}

static long eventfd_read(struct file *f, struct transfer *t, uint64_t *pos)
{
    struct move m = {f->data, 0};

    (void)pos;
    if (t->left < sizeof(m.n)) return -EINVAL;
    int err = wait_ready(&m.e->filled, try_take, &m, file_deadline(f));
    if (err) return err;
    wait_wake_all(&m.e->room);
    return transfer_out(t, &m.n, sizeof(m.n)) == sizeof(m.n) ? (long)sizeof(m.n)
                                                             : -EFAULT;
}

static long eventfd_write(struct file *f, struct transfer *t, uint64_t *pos)
{
    struct move m = {f->data, 0};

    (void)pos;
    if (t->left < sizeof(m.n)) return -EINVAL;
    if (transfer_in(t, &m.n, sizeof(m.n)) != sizeof(m.n)) return -EFAULT;
    if (m.n > MOST) return -EINVAL;
    int err = wait_ready(&m.e->room, try_add, &m, file_deadline(f));
    if (err) return err;
    wait_wake_all(&m.e->filled);
    return sizeof(m.n);
}

static uint32_t eventfd_poll(struct file *f, struct poll_table *table)
{
    struct eventfd *e = f->data;
    uint32_t mask = 0;

    poll_wait_for(table, &e->filled, POLLIN);
    poll_wait_for(table, &e->room, POLLOUT);
    spin_lock(&e->lock, RANK_EVENTS);
    if (e->count > 0) mask |= POLLIN;
    if (e->count < MOST) mask |= POLLOUT;
    spin_unlock(&e->lock, RANK_EVENTS);
    return mask;
}

static void eventfd_release(struct file *f) { kfree(f->data); }

static const struct file_ops eventfd_ops = {
    .read = eventfd_read,
    .write = eventfd_write,
    .poll = eventfd_poll,
    .release = eventfd_release,
};

int eventfd_create(uint32_t initial, unsigned flags, struct file **out)
{
    if (flags & ~(EFD_SEMAPHORE | EFD_CLOEXEC | EFD_NONBLOCK)) return -EINVAL;
    struct eventfd *e = kzalloc(sizeof(*e));
    if (!e) return -ENOMEM;
    e->count = initial;
    e->semaphore = flags & EFD_SEMAPHORE;
    int err = file_make_anonymous("anon_inode:[eventfd]", &eventfd_ops,
                                  O_RDWR | (flags & EFD_NONBLOCK), e, out);
    if (err) kfree(e);
    return err;
}
