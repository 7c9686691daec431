/*
 * See epoll.h.
 *
 *     epoll --buckets-> item --file--> file          an item is an interest: (file, fd)
 *       |                | ^             |
 *       |                | +---watches---+           those that watch the file
 *       +----ready-----> |
 *                        +--waiters--> queues of the file
 *
 * An item is armed: its waiters stand in the queues that the file names. A wake-up takes the
 * waiter out and puts the item into the list of ready ones (ring()), and that is all it does.
 * Who waits on the epoll takes items from that list, arms each again, and only then asks
 * the file for its state: so nothing that happens after the answer is missed. What still has
 * something stays in the list if it is level-triggered, and leaves it if not. A list that is
 * not empty is thus a hint; the files have the truth.
 *
 * EPOLLEXCLUSIVE asks that at least one of several epolls be woken; here all are.
 *
 * Who holds whom: nobody. An item goes when it is deleted, when its epoll is released, or when
 * its file is; the last two find the item through their own list, under the one mutex
 * `links`. So a file that an item refers to has not been released yet, and its queues are there,
 * while one has `links` or the epoll's mutex. Wake-ups have neither: memory of items and epolls
 * waits for a grace period, and an item that is gone does not become ready.
 *
 * An epoll may watch epolls, DEPTH deep and never in a ring; the mutexes of several are taken in
 * the direction of the watching. A ring goes up through them: it passes each item once,
 * since it takes its waiter out.
 *
 *     links (mutex)           which item watches which file, and all nesting
 *       epoll.lock (mutex)    its items, and what they are interested in
 *         the file's own      to ask for its state
 *           ready_lock        RANK_EPOLL: the list of ready ones; ring() takes it alone
 */
#include "fs/epoll.h"

#include "fs/poll.h"
#include "lib/errno.h"
#include "mm/slab.h"
#include "sync/grace.h"

enum { DEPTH = 5, FIRST_BUCKETS = 8 };

/* What is no event: it says how events are told. */
#define MANNERS        (EPOLLET | EPOLLONESHOT | EPOLLEXCLUSIVE)
#define WITH_EXCLUSIVE (POLLIN | POLLOUT | POLLERR | POLLHUP | EPOLLET | EPOLLEXCLUSIVE)

struct epoll {
    struct mutex lock;

    /* Under lock: items, by file and fd. */
    struct list *buckets; /* first_buckets, as long as those are enough */
    struct list first_buckets[FIRST_BUCKETS];
    size_t nbuckets, count;

    struct list nested; /* items whose files are epolls; under links */
    uint64_t search;    /* the last that came by; under links */
    unsigned longest;   /* what that one found; under links */
    struct file *file;  /* its own; set once */

    struct spinlock ready_lock; /* RANK_EPOLL */
    struct list ready;
    struct wait_queue waiting; /* threads in epoll_wait() */
    struct wait_queue polling; /* who polls the epoll itself */
    struct grace grace;
};

struct bell {
    struct waiter waiter;
    struct item *item;
};

struct item {
    struct epoll *epoll;
    struct file *file;
    int fd;
    struct linux_epoll_event event; /* under epoll->lock; no events: has fired once */
    struct list in_bucket;          /* under epoll->lock */
    struct list in_file;            /* under links */
    struct list in_nested;          /* under links */

    /* Under epoll->ready_lock. */
    struct list in_ready;
    bool ready, gone;

    /* Entered once, and again after each ring; under epoll->lock. */
    struct bell bells[FILE_POLL_QUEUES];
    unsigned nbells;
    struct grace grace;
};

static struct mutex links;
static uint64_t last_search; /* under links */

static const struct file_ops epoll_ops;

static bool is_epoll(const struct file *f) { return f->ops == &epoll_ops; }

/*
 * Ready or not.
 */
static void ready_lock(struct epoll *ep) { spin_lock(&ep->ready_lock, RANK_EPOLL); }
static void ready_unlock(struct epoll *ep) { spin_unlock(&ep->ready_lock, RANK_EPOLL); }

static void announce(struct epoll *ep)
{
    wait_wake_one(&ep->waiting);
    wait_wake_all(&ep->polling);
}

/* Something may have happened. The item is kept by its epoll's mutex, or by preemption off. */
static void make_ready(struct item *it)
{
    struct epoll *ep = it->epoll;

    ready_lock(ep);
    bool lives = !it->gone;
    if (lives && !it->ready) {
        list_push_back(&ep->ready, &it->in_ready);
        it->ready = true;
    }
    ready_unlock(ep);
    if (lives) announce(ep);
}

static void ring(struct waiter *w)
{
    make_ready(container_of(w, struct bell, waiter)->item);
}

/* ready_lock is held. */
static void leave_list(struct item *it)
{
    if (it->ready) list_remove(&it->in_ready);
    it->ready = false;
}

static void make_unready(struct item *it)
{
    ready_lock(it->epoll);
    leave_list(it);
    ready_unlock(it->epoll);
}

static bool has_ready(void *arg)
{
    struct epoll *ep = arg;

    ready_lock(ep);
    bool some = !list_empty(&ep->ready);
    ready_unlock(ep);
    return some;
}

/*
 * Asking a file. The epoll's mutex is held.
 */
struct arming {
    struct poll_table table;
    struct item *item;
};

static void hang(struct poll_table *table, struct wait_queue *q)
{
    struct item *it = container_of(table, struct arming, table)->item;

    assert(it->nbells < FILE_POLL_QUEUES);
    struct bell *b = &it->bells[it->nbells++];
    b->item = it;
    b->waiter.notify = ring;
    wait_watch(q, &b->waiter);
}

static void hang_again(struct item *it)
{
    for (unsigned i = 0; i < it->nbells; i++) {
        struct waiter *w = &it->bells[i].waiter;
        if (wait_rang(w)) wait_watch(w->queue, w);
    }
}

static void take_down(struct item *it)
{
    for (unsigned i = 0; i < it->nbells; i++) {
        wait_unwatch(&it->bells[i].waiter);
    }
    it->nbells = 0;
}

static uint32_t wanted(const struct item *it) { return it->event.events & ~MANNERS; }

/* Arms it, for the first time or after a ring, and asks. */
static uint32_t ask(struct item *it)
{
    struct arming a = {{hang, wanted(it)}, it};
    bool first = it->nbells == 0;

    if (!first) hang_again(it);
    return file_poll(it->file, first ? &a.table : NULL) & wanted(it);
}

/*
 * Items of an epoll.
 */
static struct list *bucket_of(const struct epoll *ep, const struct file *f, int fd)
{
    uint64_t hash = ((uint64_t)f >> 6 ^ (uint64_t)(uint32_t)fd) * 0x9e3779b97f4a7c15ul;

    return &ep->buckets[hash >> 32 & (ep->nbuckets - 1)];
}

static struct item *find(const struct epoll *ep, const struct file *f, int fd)
{
    struct list *bucket = bucket_of(ep, f, fd), *at;

    list_for_each (at, bucket) {
        struct item *it = list_entry(at, struct item, in_bucket);
        if (it->file == f && it->fd == fd) return it;
    }
    return NULL;
}

static void use_buckets(struct epoll *ep, struct list *buckets, size_t n)
{
    ep->buckets = buckets;
    ep->nbuckets = n;
    for (size_t i = 0; i < n; i++) {
        list_init(&buckets[i]);
    }
}

/* Four times as many, if there is memory; if not, finding takes longer. */
static void grow(struct epoll *ep)
{
    size_t had = ep->nbuckets;
    struct list *old = ep->buckets, *new = kmalloc(had * 4 * sizeof(*new));

    if (!new) return;
    use_buckets(ep, new, had * 4);
    for (size_t i = 0; i < had; i++) {
        while (!list_empty(&old[i])) {
            struct item *it = list_entry(old[i].next, struct item, in_bucket);
            list_remove(&it->in_bucket);
            list_push_back(bucket_of(ep, it->file, it->fd), &it->in_bucket);
        }
    }
    if (old != ep->first_buckets) kfree(old);
}

static void free_item(struct grace *g) { kfree(container_of(g, struct item, grace)); }

/* links and the epoll's mutex are held. */
static void remove(struct item *it)
{
    struct epoll *ep = it->epoll;

    list_remove(&it->in_bucket);
    list_remove(&it->in_file);
    list_remove(&it->in_nested);
    ep->count--;
    take_down(it);
    ready_lock(ep);
    it->gone = true;
    leave_list(it);
    ready_unlock(ep);
    grace_defer(&it->grace, free_item);
}

/* The file is about to be released. */
static void unwatch(struct file *f)
{
    mutex_lock(&links);
    while (!list_empty(&f->watches)) {
        struct item *it = list_entry(f->watches.next, struct item, in_file);
        struct epoll *ep = it->epoll;
        mutex_lock(&ep->lock);
        remove(it);
        mutex_unlock(&ep->lock);
    }
    mutex_unlock(&links);
}

/*
 * Nesting. links is held.
 *
 * The longest way of epolls from `ep` on, itself counted: down to those that it watches, or up to
 * those that watch it. Each search has a number, and who has been seen by it keeps what was found
 * there; so each epoll is looked at once, however many ways lead to it. No way is longer
 * than DEPTH, which bounds the recursion.
 */
static unsigned longest_way(struct epoll *ep, bool up)
{
    struct list *head = up ? &ep->file->watches : &ep->nested, *at;
    unsigned most = 0;

    if (ep->search == last_search) return ep->longest;
    list_for_each (at, head) {
        struct epoll *next = up ? list_entry(at, struct item, in_file)->epoll
                                : list_entry(at, struct item, in_nested)->file->data;
        unsigned n = longest_way(next, up);
        if (n > most) most = n;
    }
    ep->search = last_search;
    ep->longest = most + 1;
    return ep->longest;
}

/* May `ep` watch `inner`? */
static int check_nesting(struct epoll *ep, struct epoll *inner)
{
    last_search++;
    unsigned below = longest_way(inner, false);
    if (ep->search == last_search) return -ELOOP;
    last_search++;
    return below + longest_way(ep, true) > DEPTH ? -ELOOP : 0;
}

/*
 * epoll_ctl(2)
 */
static struct item *make_item(struct epoll *ep, int fd, struct file *target,
                              const struct linux_epoll_event *event)
{
    struct item *it = kzalloc(sizeof(*it));

    if (!it) return NULL;
    it->epoll = ep;
    it->file = target;
    it->fd = fd;
    it->event = *event;
    list_init(&it->in_nested);
    return it;
}

/* links and the epoll's mutex are held. */
static int insert(struct epoll *ep, struct item *it)
{
    struct file *f = it->file;

    if (find(ep, f, it->fd)) return -EEXIST;
    int err = is_epoll(f) ? check_nesting(ep, f->data) : 0;
    if (err) return err;
    if (ep->count++ == ep->nbuckets) grow(ep);
    list_push_back(bucket_of(ep, f, it->fd), &it->in_bucket);
    if (!f->unwatch) list_init(&f->watches);
    f->unwatch = unwatch;
    list_push_back(&f->watches, &it->in_file);
    if (is_epoll(f)) list_push_back(&ep->nested, &it->in_nested);
    return 0;
}

/* Once it is in, the epoll's mutex is enough to keep it; asking may take long. */
static int add(struct epoll *ep, int fd, struct file *target,
               const struct linux_epoll_event *event)
{
    struct item *it = make_item(ep, fd, target, event);

    if (!it) return -ENOMEM;
    mutex_lock(&links);
    mutex_lock(&ep->lock);
    int err = insert(ep, it);
    mutex_unlock(&links);
    if (!err && ask(it)) make_ready(it);
    mutex_unlock(&ep->lock);
    if (err) kfree(it);
    return err;
}

static int modify(struct epoll *ep, int fd, const struct file *target,
                  const struct linux_epoll_event *event)
{
    mutex_lock(&ep->lock);
    struct item *it = find(ep, target, fd);
    int err = !it ? -ENOENT : it->event.events & EPOLLEXCLUSIVE ? -EINVAL : 0;
    if (!err) {
        it->event = *event;
        take_down(it); /* other events may be announced elsewhere */
        if (ask(it)) make_ready(it);
    }
    mutex_unlock(&ep->lock);
    return err;
}

static int delete (struct epoll *ep, int fd, const struct file *target)
{
    mutex_lock(&links);
    mutex_lock(&ep->lock);
    struct item *it = find(ep, target, fd);
    if (it) remove(it);
    mutex_unlock(&ep->lock);
    mutex_unlock(&links);
    return it ? 0 : -ENOENT;
}

static int check_exclusive(int op, const struct file *target, uint32_t events)
{
    if (!(events & EPOLLEXCLUSIVE) || op == EPOLL_CTL_DEL) return 0;
    if (op == EPOLL_CTL_MOD || is_epoll(target)) return -EINVAL;
    return events & ~WITH_EXCLUSIVE ? -EINVAL : 0;
}

int epoll_ctl(struct file *epoll, int op, int fd, struct file *target,
              const struct linux_epoll_event *event)
{
    struct epoll *ep = epoll->data;
    struct linux_epoll_event e = {0};

    if (!target->ops->poll) return -EPERM;
    if (epoll == target || !is_epoll(epoll)) return -EINVAL;
    if (op == EPOLL_CTL_DEL) return delete (ep, fd, target);
    e.events = (event->events & ~EPOLLWAKEUP) | POLLERR | POLLHUP;
    e.data = event->data;
    int err = check_exclusive(op, target, e.events);
    if (err) return err;
    if (op == EPOLL_CTL_ADD) return add(ep, fd, target, &e);
    return op == EPOLL_CTL_MOD ? modify(ep, fd, target, &e) : -EINVAL;
}

/*
 * Taking events. The epoll's mutex is held; `todo` has what was ready at the beginning, so that
 * what stays ready does not come twice.
 */
static void ready_begin(struct epoll *ep, struct list *todo)
{
    list_init(todo);
    ready_lock(ep);
    list_splice(todo, &ep->ready);
    ready_unlock(ep);
}

/* What is left comes first the next time. */
static void ready_end(struct epoll *ep, struct list *todo)
{
    ready_lock(ep);
    list_splice(todo, &ep->ready);
    list_splice(&ep->ready, todo);
    ready_unlock(ep);
}

/* From now on a ring makes it ready again. */
static struct item *ready_next(struct list *todo)
{
    if (list_empty(todo)) return NULL;
    struct item *it = list_entry(todo->next, struct item, in_ready);
    make_unready(it);
    return it;
}

/* It is ready again, without anybody being told: as the last, */
static void stay_ready(struct item *it)
{
    ready_lock(it->epoll);
    leave_list(it);
    list_push_back(&it->epoll->ready, &it->in_ready);
    it->ready = true;
    ready_unlock(it->epoll);
}

/* or where it was, as the first. */
static void give_back(struct item *it, struct list *todo)
{
    ready_lock(it->epoll);
    leave_list(it);
    list_push_front(todo, &it->in_ready);
    it->ready = true;
    ready_unlock(it->epoll);
}

/* It has been told. */
static void settle(struct item *it)
{
    if (it->event.events & EPOLLONESHOT) {
        it->event.events &= MANNERS;
    } else if (!(it->event.events & EPOLLET)) {
        stay_ready(it);
    }
}

static long collect(struct epoll *ep, epoll_give give, void *arg, size_t max)
{
    struct list todo;
    struct item *it;
    size_t n = 0;
    int err = 0;

    mutex_lock(&ep->lock);
    ready_begin(ep, &todo);
    while (n < max && !err && (it = ready_next(&todo))) {
        struct linux_epoll_event e = {ask(it), it->event.data};
        if (e.events == 0) continue;
        err = give(arg, &e);
        if (err) {
            give_back(it, &todo);
        } else {
            settle(it);
            n++;
        }
    }
    ready_end(ep, &todo);
    mutex_unlock(&ep->lock);
    if (has_ready(ep)) wait_wake_one(&ep->waiting);
    return n ? (long)n : err;
}

long epoll_wait(struct file *epoll, epoll_give give, void *arg, size_t max,
                uint64_t deadline_ns)
{
    struct epoll *ep = epoll->data;

    if (!is_epoll(epoll)) return -EINVAL;
    for (;;) {
        int err = wait_ready(&ep->waiting, has_ready, ep, deadline_ns);
        if (err) return err == -EAGAIN ? 0 : -EINTR;
        long n = collect(ep, give, arg, max);
        if (n) return n;
    }
}

/* One that has something is enough, and stays. */
static uint32_t epoll_poll(struct file *f, struct poll_table *table)
{
    struct epoll *ep = f->data;
    struct list todo;
    struct item *it;
    uint32_t found = 0;

    poll_wait(table, &ep->polling);
    if (!has_ready(ep)) return 0;
    mutex_lock(&ep->lock);
    ready_begin(ep, &todo);
    while (!found && (it = ready_next(&todo))) {
        found = ask(it);
        if (found) give_back(it, &todo);
    }
    ready_end(ep, &todo);
    mutex_unlock(&ep->lock);
    return found ? POLLIN | POLLRDNORM : 0;
}

/*
 * Making and unmaking.
 */
static void free_epoll(struct grace *g) { kfree(container_of(g, struct epoll, grace)); }

static void epoll_release(struct file *f)
{
    struct epoll *ep = f->data;

    mutex_lock(&links);
    mutex_lock(&ep->lock);
    for (size_t i = 0; i < ep->nbuckets; i++) {
        while (!list_empty(&ep->buckets[i])) {
            remove(list_entry(ep->buckets[i].next, struct item, in_bucket));
        }
    }
    mutex_unlock(&ep->lock);
    mutex_unlock(&links);
    if (ep->buckets != ep->first_buckets) kfree(ep->buckets);
    grace_defer(&ep->grace, free_epoll);
}

static const struct file_ops epoll_ops = {
    .poll = epoll_poll,
    .release = epoll_release,
};

int epoll_create(unsigned flags, struct file **out)
{
    if (flags & ~EPOLL_CLOEXEC) return -EINVAL;
    struct epoll *ep = kzalloc(sizeof(*ep));
    if (!ep) return -ENOMEM;
    mutex_init(&ep->lock);
    use_buckets(ep, ep->first_buckets, FIRST_BUCKETS);
    list_init(&ep->nested);
    list_init(&ep->ready);
    int err = file_make_anonymous("anon_inode:[eventpoll]", &epoll_ops, O_RDWR, ep, out);
    if (err) {
        kfree(ep);
        return err;
    }
    ep->file = *out;
    ep->file->unwatch = unwatch;
    list_init(&ep->file->watches);
    return 0;
}
