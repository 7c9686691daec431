/*
 * See pipe.h.
 *
 *     page  0     1     2    ...    15     0
 *           +-----+-----+-----+-----+-----+
 *           |..bbb|bbbbb|bb...|     |     |      head: bytes ever read
 *           +-----+-----+-----+-----+-----+      tail: bytes ever written
 *              ^head       ^tail
 *
 * A ring of pages (more or fewer of them after F_SETPIPE_SZ), each of which is there from the moment it is first written until it has been
 * read to its end and no byte is left; then one is kept, so that a pipe at work does not
 * allocate. Bytes are copied with the pipe's mutex held: a fault that a copy meets takes no lock
 * of a pipe.
 *
 * Waiting: two queues, one for whoever waits for bytes and one for whoever waits for room;
 * opening a fifo waits on the queue of its own side. Who waits enters the queue before it lets the
 * mutex go, and looks again with the mutex when it has left the queue: what it waits for changes
 * under the mutex, and wake-ups come after that. All are woken each time: a poller is nobody who
 * would pass it on.
 *
 * Most reads and writes are of bytes that lie in one page, and come from or go to one buffer of a
 * program: those are one copy, and what it takes to know. They do not look into the ring: the pages
 * of the head and the tail are known, and whatever may change them (all else) looks them up again.
 *
 * Reads and writes set the times of a fifo, which has a name and is looked at. Those of a pipe
 * without one stay what they were at first, as they do on Linux since 6.15.
 */
#include "fs/pipe.h"

#include "fs/cred.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/page.h"
#include "mm/slab.h"
#include "uapi/fcntl.h"
#include "uapi/poll.h"

enum { PAGES = PIPE_SIZE / PAGE_SIZE };

struct pipe {
    struct mutex lock;
    struct wait_queue bytes, room;
    struct page **page;        /* the ring, under lock; each may be NULL: not there */
    struct page *first[PAGES]; /* what it is at first */
    struct inode *fifo;        /* whose times are set, or NULL; set once */
    /* Under lock. */
    const char *head_page; /* of bytes, or NULL: not known */
    char *tail_page;
    uint64_t npages; /* atomic: read without the lock, too */
    uint64_t head, tail;
    uint64_t readers, writers; /* open files */
    uint64_t reads, writes;    /* opens ever, for those who wait for one */
    uint64_t peeked;           /* somebody has looked at bytes, and may take them */
    unsigned opens;            /* who is on its way in, or in. Under the inode's lock */
};

static uint64_t filled(const struct pipe *p) { return p->tail - p->head; }
static uint64_t room(const struct pipe *p)
{
    uint64_t n = filled(p), size = p->npages * PAGE_SIZE;

    return n < size ? size - n : 0;
}

static struct pipe *make(void)
{
    struct pipe *p = kzalloc(sizeof(*p));

    if (!p) return NULL;
    mutex_init(&p->lock);
    p->page = p->first;
    p->npages = PAGES;
    return p;
}

static void free_pages(struct page **ring, uint64_t n)
{
    for (uint64_t i = 0; i < n; i++) {
        if (ring[i]) page_put(ring[i]);
    }
}

static void destroy(struct pipe *p)
{
    free_pages(p->page, p->npages);
    if (p->page != p->first) kfree(p->page);
    kfree(p);
}

static struct page **page_at(struct pipe *p, uint64_t pos)
{
    return &p->page[pos / PAGE_SIZE % p->npages];
}

static char *bytes_at(struct pipe *p, uint64_t pos)
{
    struct page *page = *page_at(p, pos);

    return page ? page_ptr(page) : NULL;
}

/* The head, the tail or the ring has changed. */
static void look_up_pages(struct pipe *p)
{
    p->head_page = bytes_at(p, p->head);
    p->tail_page = bytes_at(p, p->tail);
}

/* A copy of what lies in one page, and does not go round. */
static size_t piece_at(uint64_t pos, uint64_t most)
{
    size_t in_page = PAGE_SIZE - pos % PAGE_SIZE;

    return in_page < most ? in_page : (size_t)most;
}

/* A page that has been read to its end serves the next that is written; the writer may be in it
 * already, once round the ring. */
static void page_read_out(struct pipe *p)
{
    struct page **old = page_at(p, p->head - 1);
    struct page **next = page_at(p, p->tail);

    if (next == old) return;
    if (!*next) {
        *next = *old;
    } else {
        page_put(*old);
    }
    *old = NULL;
}

/* As many bytes as there are, and fit. -EFAULT if not one. */
static noinline long take(struct pipe *p, struct transfer *t)
{
    long total = 0;

    while (t->left) {
        uint64_t head = p->head, have = p->tail - head;
        if (have == 0) break;
        size_t len = piece_at(head, have);
        const char *from = (const char *)page_ptr(*page_at(p, head)) + head % PAGE_SIZE;
        long n = transfer_out(t, from, len);
        if (n < 0) {
            if (total == 0) total = n;
            break;
        }
        p->head += (uint64_t)n;
        total += n;
        bool short_copy = (size_t)n < len && t->left;
        if (p->head % PAGE_SIZE == 0) page_read_out(p);
        if (short_copy) break;
    }
    look_up_pages(p);
    return total;
}

/* Up to `len` bytes, for which there is room. */
static long put_pieces(struct pipe *p, struct transfer *t, size_t len)
{
    long total = 0;

    while (len > 0) {
        struct page **page = page_at(p, p->tail);
        if (!*page) *page = page_alloc(PAGE_KERNEL);
        if (!*page) return total ? total : -ENOMEM;
        size_t piece = piece_at(p->tail, len);
        long n = transfer_in(t, (char *)page_ptr(*page) + p->tail % PAGE_SIZE, piece);
        if (n < 0) return total ? total : n;
        p->tail += (uint64_t)n;
        total += n;
        len -= (size_t)n;
        if ((size_t)n < piece) break;
    }
    return total;
}

static long put(struct pipe *p, struct transfer *t, size_t len)
{
    long n = put_pieces(p, t, len);

    look_up_pages(p);
    return n;
}

/* Pages for `len` bytes, so that a write of few is not cut in two. */
static bool have_pages(struct pipe *p, size_t len)
{
    struct page **first = page_at(p, p->tail);
    if (*first && p->tail % PAGE_SIZE + len <= PAGE_SIZE) return true;
    struct page **last = page_at(p, p->tail + len - 1);

    if (!*first) *first = page_alloc(PAGE_KERNEL);
    if (!*last) *last = page_alloc(PAGE_KERNEL);
    return *first && *last;
}

static bool waits(const struct file *f) { return !(file_flags(f) & O_NONBLOCK); }

/* Waits for a wake-up of q. The lock is held before and after. Did a signal end the wait? */
static inline bool wait_once(struct pipe *p, struct wait_queue *q)
{
    struct waiter w;

    wait_begin(q, &w);
    mutex_unlock_quickly(&p->lock);
    bool interrupted = file_interrupted();
    if (!interrupted) wait_sleep(&w);
    wait_end(q, &w);
    mutex_lock_quickly(&p->lock);
    return interrupted;
}

/*
 * Waits on q until `ready`, if `wait` says so. The lock is held before and after. 0, or why not.
 */
static always_inline int wait_for(struct pipe *p, bool wait, struct wait_queue *q,
                                  bool (*ready)(const struct pipe *, uint64_t),
                                  uint64_t arg)
{
    bool interrupted = false;

    while (!ready(p, arg)) {
        if (!wait) return -EAGAIN;
        if (interrupted) return -ERESTARTSYS;
        interrupted = wait_once(p, q);
    }
    return 0;
}

static bool readable(const struct pipe *p, uint64_t arg)
{
    (void)arg;
    return !p->peeked && (p->tail != p->head || p->writers == 0);
}

/* Room for as much as must go in at once. */
static bool writable(const struct pipe *p, uint64_t least)
{
    return room(p) >= least || p->readers == 0;
}

static noinline int wait_readable(struct pipe *p, bool wait)
{
    return wait_for(p, wait, &p->bytes, readable, 0);
}
static noinline int wait_writable(struct pipe *p, bool wait, uint64_t least)
{
    return wait_for(p, wait, &p->room, writable, least);
}

static noinline void touch(struct inode *fifo, unsigned times)
{
    inode_touch(fifo, times);
}

/* Are the bytes of a read all there, in one page, which stays, and do they go to one buffer, as most
 * do? */
static inline bool is_simple_read(const struct pipe *p, const struct transfer *t)
{
    size_t len = t->left, at = p->head % PAGE_SIZE;

    return filled(p) >= len && at + len < PAGE_SIZE && !p->peeked &&
           transfer_is_simple(t);
}

/* All of it, or as much as the program's buffer takes: then less, or -EFAULT. */
static inline long take_simply(struct pipe *p, struct transfer *t)
{
    size_t len = t->left;

    debug_assert(p->head_page == bytes_at(p, p->head));
    long n = copy_to_buffer_some(VA(t->base), p->head_page + p->head % PAGE_SIZE, len);
    if (likely(n == (long)len)) {
        p->head += len;
        transfer_finish(t);
    }
    return n;
}

/* Lets the lock go, and those know who wait for room. */
static inline void end_read(struct pipe *p)
{
    mutex_unlock_quickly(&p->lock);
    if (unlikely(p->fifo)) touch(p->fifo, TIME_ATIME);
    wait_wake_all(&p->room);
}

static long end_read_of(struct pipe *p, long n)
{
    if (n > 0) {
        end_read(p);
    } else {
        mutex_unlock(&p->lock);
    }
    return n;
}

/* take_simply() has said so. */
static noinline long end_short_read(struct pipe *p, struct transfer *t, long n)
{
    if (n > 0) {
        p->head += (uint64_t)n;
        transfer_advance(t, (size_t)n);
    }
    return end_read_of(p, n);
}

static always_inline long read_simply(struct pipe *p, struct transfer *t)
{
    size_t len = t->left;
    long n = take_simply(p, t);

    if (unlikely(n != (long)len)) return end_short_read(p, t, n);
    end_read(p);
    return n;
}

/* Waits for bytes, if there are none: most that wait find them at the first wake-up. */
static noinline long read_slowly(struct pipe *p, struct file *f, struct transfer *t)
{
    long n = 0;

    if (p->tail == p->head && p->writers && waits(f) && wait_once(p, &p->bytes))
        n = readable(p, 0) ? 0 : -ERESTARTSYS;
    if (n == 0 && unlikely(!is_simple_read(p, t))) n = wait_readable(p, waits(f));
    if (likely(n == 0 && is_simple_read(p, t))) return read_simply(p, t);
    return end_read_of(p, n ? n : take(p, t));
}

static noinline long read_contended(struct pipe *p, struct file *f, struct transfer *t)
{
    mutex_lock_held(&p->lock);
    return read_slowly(p, f, t);
}

static long pipe_read(struct file *f, struct transfer *t, uint64_t *pos)
{
    struct pipe *p = f->data;

    (void)pos;
    if (t->left == 0) return 0;
    if (unlikely(!mutex_take(&p->lock))) return read_contended(p, f, t);
    if (!is_simple_read(p, t)) return read_slowly(p, f, t);
    return read_simply(p, t);
}

/* Is there room for the bytes of a write in the page of the tail, which stays that, and do they come
 * from one buffer, as most do? */
static inline bool is_simple_write(const struct pipe *p, const struct transfer *t)
{
    size_t len = t->left, at = p->tail % PAGE_SIZE;

    return at + len < PAGE_SIZE && filled(p) + len <= p->npages * PAGE_SIZE &&
           p->readers && p->tail_page && transfer_is_simple(t);
}

/* Lets the lock go, and those know who wait for bytes. */
static inline void end_write(struct pipe *p)
{
    mutex_unlock_quickly(&p->lock);
    if (unlikely(p->fifo)) touch(p->fifo, TIME_MTIME | TIME_CTIME);
    wait_wake_all(&p->bytes);
}

static noinline long end_write_of(struct pipe *p, long n)
{
    if (n > 0) {
        end_write(p);
    } else {
        mutex_unlock(&p->lock);
    }
    return n;
}

/* All of it, or nothing. */
static inline long write_simply(struct pipe *p, struct transfer *t)
{
    size_t len = t->left;
    char *to = p->tail_page + p->tail % PAGE_SIZE;

    debug_assert(p->tail_page == bytes_at(p, p->tail));
    if (unlikely(copy_from_buffer_some(to, VA(t->base), len) != (long)len))
        return end_write_of(p, -EFAULT);
    p->tail += len;
    transfer_finish(t);
    end_write(p);
    return (long)len;
}

/* One round of a write: as much as there is room for, or all of a small one. */
static long write_some(struct pipe *p, struct file *f, struct transfer *t)
{
    bool whole = t->left <= PIPE_BUF;
    uint64_t least = whole ? t->left : 1;
    int err = writable(p, least) ? 0 : wait_writable(p, waits(f), least);

    if (p->readers == 0) return -EPIPE;
    if (err) return err;
    if (whole && !have_pages(p, least)) return -ENOMEM;
    struct transfer before = *t;
    uint64_t tail = p->tail;
    size_t len = t->left < room(p) ? t->left : (size_t)room(p);
    long n = put(p, t, len);
    if (n < 0 || !whole || (size_t)n == len) return n;
    /* A bad page in the middle of what must be whole: nothing of it is written. */
    p->tail = tail;
    look_up_pages(p);
    *t = before;
    return -EFAULT;
}

/* Rounds until all is written. */
static noinline long write_slowly(struct pipe *p, struct file *f, struct transfer *t)
{
    long n = 0, total = 0;
    bool small = t->left <= PIPE_BUF;

    while (t->left) {
        n = write_some(p, f, t);
        if (n <= 0) break;
        total += n;
        if (small) break;
        mutex_unlock(&p->lock);
        wait_wake_all(&p->bytes);
        mutex_lock(&p->lock);
    }
    return end_write_of(p, total ? total : n);
}

static noinline long write_contended(struct pipe *p, struct file *f, struct transfer *t)
{
    mutex_lock_held(&p->lock);
    return write_slowly(p, f, t);
}

static long pipe_write(struct file *f, struct transfer *t, uint64_t *pos)
{
    struct pipe *p = f->data;

    (void)pos;
    if (t->left == 0) return 0;
    if (unlikely(!mutex_take(&p->lock))) return write_contended(p, f, t);
    if (unlikely(!is_simple_write(p, t))) return write_slowly(p, f, t);
    return write_simply(p, t);
}

static uint32_t pipe_poll(struct file *f, struct poll_table *table)
{
    struct pipe *p = f->data;
    uint32_t mask = 0;

    if (file_may_read(f)) poll_wait(table, &p->bytes);
    if (file_may_write(f)) poll_wait(table, &p->room);
    mutex_lock(&p->lock);
    if (file_may_read(f)) {
        if (filled(p)) mask |= POLLIN | POLLRDNORM;
        if (p->writers == 0 && p->writes != 0) mask |= POLLHUP;
    }
    if (file_may_write(f)) {
        if (room(p) >= PIPE_BUF) mask |= POLLOUT | POLLWRNORM;
        if (p->readers == 0) mask |= POLLERR;
    }
    mutex_unlock(&p->lock);
    return mask;
}

/* An end comes (+1) or goes (-1). The lock is held. */
static void count_end(struct pipe *p, const struct file *f, int by)
{
    if (file_may_read(f)) {
        p->readers += (uint64_t)(int64_t)by;
        if (by > 0) p->reads++;
    }
    if (file_may_write(f)) {
        p->writers += (uint64_t)(int64_t)by;
        if (by > 0) p->writes++;
    }
}

static void wake_everybody(struct pipe *p)
{
    wait_wake_all(&p->bytes);
    wait_wake_all(&p->room);
}

/* Fifos are found again through their inode: the last one out takes the pipe with it. Others
 * count the same way, in an inode of their own. */
static void leave(struct inode *i, struct pipe *p)
{
    mutex_lock(&i->lock);
    bool last = --p->opens == 0;
    if (last) i->special = NULL;
    mutex_unlock(&i->lock);
    if (last) destroy(p);
}

static void pipe_release(struct file *f)
{
    struct pipe *p = f->data;

    mutex_lock(&p->lock);
    count_end(p, f, -1);
    mutex_unlock(&p->lock);
    wake_everybody(p);
    leave(f->inode, p);
}

static const struct file_ops pipe_file_ops = {
    .read = pipe_read,
    .write = pipe_write,
    .poll = pipe_poll,
    .release = pipe_release,
};

bool file_is_pipe(const struct file *f) { return f->ops == &pipe_file_ops; }

long pipe_bytes(struct file *f)
{
    struct pipe *p = f->data;

    if (!file_is_pipe(f)) return -EINVAL;
    mutex_lock(&p->lock);
    long n = (long)filled(p);
    mutex_unlock(&p->lock);
    return n;
}

/* The bytes from the head on; there are as many. */
static void copy_bytes(struct pipe *p, char *to, size_t len)
{
    uint64_t pos = p->head;

    while (len > 0) {
        size_t n = piece_at(pos, len);
        memcpy(to, (const char *)page_ptr(*page_at(p, pos)) + pos % PAGE_SIZE, n);
        to += n;
        pos += n;
        len -= n;
    }
}

long pipe_peek(struct file *f, void *buf, size_t len, bool wait)
{
    struct pipe *p = f->data;

    mutex_lock(&p->lock);
    long n = wait_readable(p, wait && waits(f));
    if (n == 0) {
        n = (long)(filled(p) < len ? filled(p) : len);
        copy_bytes(p, buf, (size_t)n);
        p->peeked += n > 0;
    }
    mutex_unlock(&p->lock);
    return n;
}

void pipe_peek_end(struct file *f, size_t taken)
{
    struct pipe *p = f->data;

    mutex_lock(&p->lock);
    while (taken > 0) {
        size_t n = piece_at(p->head, taken);
        p->head += n;
        taken -= n;
        if (p->head % PAGE_SIZE == 0) page_read_out(p);
    }
    look_up_pages(p);
    p->peeked--;
    mutex_unlock(&p->lock);
    wait_wake_all(&p->bytes);
    wait_wake_all(&p->room);
}

long pipe_room(struct file *f, bool wait)
{
    struct pipe *p = f->data;

    mutex_lock(&p->lock);
    long n = wait_writable(p, wait && waits(f), 1);
    if (p->readers == 0) n = -EPIPE;
    if (n == 0) n = (long)room(p);
    mutex_unlock(&p->lock);
    return n;
}

/*
 * Another size.
 */

/* The bytes, in a ring of `n` pages, which are all NULL at first. 0; -ENOMEM leaves pages there. */
static int copy_to_ring(struct pipe *p, struct page **ring, uint64_t n)
{
    for (uint64_t pos = p->head; pos < p->tail;) {
        size_t len = piece_at(pos, p->tail - pos);
        struct page **to = &ring[pos / PAGE_SIZE % n];
        if (!*to) *to = page_alloc(PAGE_KERNEL);
        if (!*to) return -ENOMEM;
        memcpy((char *)page_ptr(*to) + pos % PAGE_SIZE,
               (const char *)page_ptr(*page_at(p, pos)) + pos % PAGE_SIZE, len);
        pos += len;
    }
    return 0;
}

/* The lock is held. On success *ring is what is to be freed. */
static int exchange_ring(struct pipe *p, struct page ***ring, uint64_t n)
{
    struct page **old = p->page;

    if (filled(p) > n * PAGE_SIZE) return -EBUSY;
    int err = copy_to_ring(p, *ring, n);
    if (err) {
        free_pages(*ring, n);
        return err;
    }
    free_pages(old, p->npages);
    p->page = *ring;
    __atomic_store_n(&p->npages, n, __ATOMIC_RELAXED);
    look_up_pages(p);
    *ring = old;
    return 0;
}

int pipe_resize(struct file *f, uint64_t size)
{
    struct pipe *p = f->data;
    uint64_t n = size / PAGE_SIZE;
    struct page **ring = kzalloc(n * sizeof(*ring));

    if (!ring) return -ENOMEM;
    mutex_lock(&p->lock);
    int err = exchange_ring(p, &ring, n);
    bool inside = ring == p->first;
    mutex_unlock(&p->lock);
    if (!inside) kfree(ring);
    if (!err) wait_wake_all(&p->room);
    return err;
}

uint64_t pipe_size(struct file *f)
{
    struct pipe *p = f->data;

    return __atomic_load_n(&p->npages, __ATOMIC_RELAXED) * PAGE_SIZE;
}

static int make_end(struct inode *i, struct pipe *p, unsigned flags, struct file **out)
{
    int err = file_make_of_inode(i, "pipe", &pipe_file_ops, flags, p, out);

    if (err) return err;
    p->opens++;
    count_end(p, *out, 1);
    return 0;
}

int pipe_create(unsigned flags, struct file *end[2])
{
    if (flags & ~(O_NONBLOCK | O_CLOEXEC)) return -EINVAL;
    struct inode *i = file_anonymous_inode(INODE_FIFO, 0600);
    struct pipe *p = make();

    int err = i && p ? 0 : -ENOMEM;
    if (!err) i->special = p;
    if (!err) err = make_end(i, p, flags | O_RDONLY, &end[0]);
    if (err) {
        kfree(p);
    } else {
        err = make_end(i, p, flags | O_WRONLY, &end[1]);
        if (err) file_put(end[0]); /* and with it the pipe */
    }
    if (i) inode_put(i);
    return err;
}

/* The pipe behind an inode, counted; a fifo that has none gets one. */
static struct pipe *enter(struct inode *i, struct pipe *(*make_new)(void))
{
    mutex_lock(&i->lock);
    struct pipe *p = i->special;
    if (!p && make_new) {
        p = i->special = make_new();
        if (p) p->fifo = i;
    }
    if (p) p->opens++;
    mutex_unlock(&i->lock);
    return p;
}

static bool reader_came(const struct pipe *p, uint64_t before)
{
    return p->readers || p->reads != before;
}
static bool writer_came(const struct pipe *p, uint64_t before)
{
    return p->writers || p->writes != before;
}

/* Both ends at once wait for nobody; else each waits until the other has been there. */
static int meet(struct pipe *p, struct file *f)
{
    bool reads = file_may_read(f), writes = file_may_write(f);

    if (reads == writes) return 0;
    if (writes && !waits(f)) return p->readers > 0 ? 0 : -ENXIO;
    if (!waits(f)) return 0;
    return reads ? wait_for(p, true, &p->bytes, writer_came, p->writes)
                 : wait_for(p, true, &p->room, reader_came, p->reads);
}

int fifo_open(struct inode *i, struct file *f)
{
    if (!file_may_read(f) && !file_may_write(f)) return -EINVAL;
    struct pipe *p = enter(i, make);
    if (!p) return -ENOMEM;
    mutex_lock(&p->lock);
    count_end(p, f, 1);
    wake_everybody(p);
    /* Still locked: who is there now may have gone by the next look. */
    int err = meet(p, f);
    if (err) count_end(p, f, -1);
    mutex_unlock(&p->lock);
    if (err) {
        wake_everybody(p);
        leave(i, p);
        return err;
    }
    f->ops = &pipe_file_ops;
    f->data = p;
    return 0;
}

int pipe_reopen(struct inode *i, struct file *f)
{
    if (!file_may_read(f) && !file_may_write(f)) return -EINVAL;
    struct pipe *p = enter(i, NULL);
    if (!p) return -ENXIO;
    mutex_lock(&p->lock);
    count_end(p, f, 1);
    mutex_unlock(&p->lock);
    wake_everybody(p);
    f->ops = &pipe_file_ops;
    f->data = p;
    return 0;
}
