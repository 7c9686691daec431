/*
 * Virtio block devices ("Virtual I/O Device Version 1.2", section 5.2).
 *
 *     a request in the queue:   header (we write) | data ... | status (the device writes)
 *
 * Headers and status bytes lie in an array of their own, since a request may be on a stack,
 * which the device cannot reach. So a request that is with the device has a slot there. One
 * that finds no slot or no room in the queue waits in a list, in the order of arrival.
 *
 * A watchdog looks from time to time whether anything comes back as long as something is
 * out. Where time jumps ahead (virtio_timeout_ns) it looks more often, and keeps QEMU from
 * sleeping for ever: with sleep=off it wakes a hart for a timer, and for nothing else.
 *
 * Locks: dev->lock for all that changes. done() is called without it.
 */
#include "drivers/virtio_blk.h"

#include "arch/riscv/directmap.h"
#include "drivers/rtc.h"
#include "lib/errno.h"
#include "lib/log.h"
#include "lib/string.h"
#include "mm/slab.h"
#include "sched/thread.h"
#include "sched/timer.h"

#define FEATURE_SEG_MAX   (1ul << 2)
#define FEATURE_READ_ONLY (1ul << 5)
#define FEATURE_FLUSH     (1ul << 9)

enum { CONFIG_CAPACITY = 0, CONFIG_SEG_MAX = 12 };

enum { OP_GET_ID = 8, ID_BYTES = 20 };
enum { STATUS_OK = 0, STATUS_NOT_WRITTEN = 0xff };

enum { QUEUE_ENTRIES = 256, MOST_PIECES = 32, MOST_DISKS = 16 };

/* What the device reads and writes beside the data. */
struct wire {
    uint32_t type;
    uint32_t reserved;
    uint64_t sector;
    uint8_t status;
    uint8_t unused[15];
};

struct blk {
    struct virtio_device *dev;
    struct virtio_queue *queue;
    uint64_t sectors;
    bool read_only, can_flush;
    unsigned most_pieces;
    unsigned nslots;
    char name[ID_BYTES + 1];

    /* Protected by dev->lock. */
    struct wire *wire;   /* by slot */
    uint16_t *next_slot; /* the list of free slots */
    unsigned free_slot;  /* nslots: none is free */
    struct list waiting; /* requests that no slot or no room was there for */
    uint64_t in_flight;  /* requests that have a slot */
    uint64_t came_back;  /* requests so far */

    struct timer watchdog;
    bool watching;   /* it is set, or firing */
    uint64_t seen;   /* came_back when it was set */
    uint64_t set_at; /* what the real-time clock said then */
};

static struct blk *disks[MOST_DISKS];
static unsigned ndisks; /* atomic: with blk_get() */

/* ---- the watchdog ---- */

static void set_watchdog(struct blk *b)
{
    b->watching = true;
    timer_set(&b->watchdog, clock_ns() + virtio_timeout_ns);
}

/* Something is out, from now on. */
static void watch(struct blk *b)
{
    if (b->watching || virtio_timeout_ns == 0) return;
    b->seen = b->came_back;
    b->set_at = rtc_read_ns();
    set_watchdog(b);
}

static void settle(struct blk *b);

static void look_after(struct timer *t)
{
    struct blk *b = container_of(t, struct blk, watchdog);

    spin_lock(&b->dev->lock, RANK_DEVICE);
    b->watching = false;
    if (b->in_flight != 0 && b->seen != b->came_back) {
        watch(b);
    } else if (b->in_flight != 0 &&
               !virtio_time_has_passed(b->set_at, virtio_timeout_ns)) {
        set_watchdog(b);
    } else if (b->in_flight != 0) {
        virtio_fail(b->dev, "it does not answer");
    }
    spin_unlock(&b->dev->lock, RANK_DEVICE);
    settle(b);
}

/* ---- requests ---- */

static uint64_t bytes_of(const struct blk_request *r)
{
    uint64_t bytes = 0;

    for (unsigned i = 0; i < r->npieces; i++) {
        bytes += r->pieces[i].len;
    }
    return bytes;
}

/* 0, or why the device is not asked at all. */
static int check(const struct blk *b, const struct blk_request *r)
{
    uint64_t bytes = bytes_of(r);

    if (r->op == BLK_FLUSH) return r->npieces == 0 ? 0 : -EINVAL;
    if (r->op == (enum blk_op)OP_GET_ID) return 0;
    if (r->op == BLK_WRITE && b->read_only) return -EROFS;
    if (bytes == 0 || bytes % BLK_SECTOR != 0 || r->npieces > b->most_pieces)
        return -EINVAL;
    if (r->sector > b->sectors || bytes / BLK_SECTOR > b->sectors - r->sector)
        return -EIO;
    return 0;
}

/* Gives it to the device. False if there is no room now. */
static bool start(struct blk *b, struct blk_request *r)
{
    struct virtio_piece pieces[MOST_PIECES + 2];
    bool reads = r->op == BLK_READ || r->op == (enum blk_op)OP_GET_ID;
    unsigned n = 0;

    if (b->free_slot == b->nslots || virtio_queue_room(b->queue) < r->npieces + 2)
        return false;
    struct wire *w = &b->wire[b->free_slot];
    *w = (struct wire){.type = r->op, .sector = r->sector, .status = STATUS_NOT_WRITTEN};
    pieces[n++] = (struct virtio_piece){ptr_to_pa(w), offsetof(struct wire, status)};
    for (unsigned i = 0; i < r->npieces; i++) {
        pieces[n++] = r->pieces[i];
    }
    pieces[n++] = (struct virtio_piece){ptr_to_pa(&w->status), sizeof(w->status)};
    unsigned nread = reads ? 1 : n - 1;
    if (virtio_queue_add(b->queue, pieces, nread, n - nread, r)) return false;
    r->slot = b->free_slot;
    b->free_slot = b->next_slot[r->slot];
    b->in_flight++;
    watch(b);
    return true;
}

/* What the device made of it. */
static int outcome(const struct blk *b, const struct blk_request *r,
                   const struct virtio_done *done)
{
    uint8_t status = __atomic_load_n(&b->wire[r->slot].status, __ATOMIC_RELAXED);

    if (done->failed || status != STATUS_OK) return -EIO;
    if (r->op == BLK_READ && done->written < bytes_of(r) + sizeof(status)) return -EIO;
    return 0;
}

/* Requests that came back go to `finished`. */
static void collect(struct blk *b, struct list *finished)
{
    struct virtio_done done;

    while (virtio_queue_take(b->queue, &done)) {
        struct blk_request *r = done.token;
        r->err = outcome(b, r, &done);
        b->next_slot[r->slot] = (uint16_t)b->free_slot;
        b->free_slot = r->slot;
        b->in_flight--;
        b->came_back++;
        list_push_back(finished, &r->link);
    }
}

static void start_waiting(struct blk *b, struct list *finished)
{
    bool started = false;

    while (!list_empty(&b->waiting)) {
        struct blk_request *r = list_entry(b->waiting.next, struct blk_request, link);
        bool failed = virtio_has_failed(b->dev);
        if (!failed && !start(b, r)) break;
        list_remove(&r->link);
        started |= !failed;
        if (!failed) continue;
        r->err = -EIO;
        list_push_back(finished, &r->link);
    }
    if (started) virtio_queue_kick(b->queue);
}

static void finish(struct list *finished)
{
    while (!list_empty(finished)) {
        struct blk_request *r = list_entry(finished->next, struct blk_request, link);
        list_remove(&r->link);
        r->done(r);
    }
}

/* All that can be done without waiting. */
static void settle(struct blk *b)
{
    struct list finished;

    list_init(&finished);
    preempt_off();
    spin_lock(&b->dev->lock, RANK_DEVICE);
    collect(b, &finished);
    start_waiting(b, &finished);
    spin_unlock(&b->dev->lock, RANK_DEVICE);
    finish(&finished);
    preempt_on();
}

static void device_has_worked(struct virtio_device *dev) { settle(dev->owner); }

void blk_submit(struct blk *b, struct blk_request *r)
{
    r->err = check(b, r);
    if (r->err || (r->op == BLK_FLUSH && !b->can_flush)) {
        preempt_off();
        r->done(r);
        preempt_on();
        return;
    }
    spin_lock(&b->dev->lock, RANK_DEVICE);
    list_push_back(&b->waiting, &r->link);
    spin_unlock(&b->dev->lock, RANK_DEVICE);
    settle(b);
}

/* ---- waiting for them ---- */

struct wait {
    struct thread *thread;
    bool over; /* atomic: with the thread */
};

/* The request, and the thread, may be gone as soon as it is over. */
static void end_wait(struct blk_request *r)
{
    struct wait *w = r->arg;
    struct thread *t = w->thread;

    thread_get(t);
    __atomic_store_n(&w->over, true, __ATOMIC_RELEASE);
    thread_wake(t);
    thread_put(t);
}

int blk_wait(struct blk *b, struct blk_request *r)
{
    struct wait w = {.thread = current_thread()};

    r->done = end_wait;
    r->arg = &w;
    blk_submit(b, r);
    for (;;) {
        thread_prepare_to_block();
        if (__atomic_load_n(&w.over, __ATOMIC_ACQUIRE)) break;
        thread_block();
    }
    thread_cancel_block();
    return r->err;
}

/* A buffer that lies in one piece may be as long as the caller likes. */
static int transfer(struct blk *b, enum blk_op op, uint64_t sector, const void *buf,
                    size_t len)
{
    const size_t most = 1ul << 20; /* whoever wants more waits in between */
    const char *at = buf;

    while (len != 0) {
        size_t n = len < most ? len : most;
        struct virtio_piece piece = {ptr_to_pa(at), (uint32_t)n};
        struct blk_request r = {
            .op = op, .sector = sector, .pieces = &piece, .npieces = 1};
        int err = blk_wait(b, &r);
        if (err) return err;
        sector += n / BLK_SECTOR;
        at += n;
        len -= n;
    }
    return 0;
}

int blk_read(struct blk *b, uint64_t sector, void *buf, size_t len)
{
    return transfer(b, BLK_READ, sector, buf, len);
}

int blk_write(struct blk *b, uint64_t sector, const void *buf, size_t len)
{
    return transfer(b, BLK_WRITE, sector, buf, len);
}

int blk_flush(struct blk *b)
{
    struct blk_request r = {.op = BLK_FLUSH};
    return blk_wait(b, &r);
}

/* ---- the disks ---- */

uint64_t blk_sectors(const struct blk *b) { return b->sectors; }
bool blk_is_read_only(const struct blk *b) { return b->read_only; }
unsigned blk_most_pieces(const struct blk *b) { return b->most_pieces; }
const char *blk_name(const struct blk *b) { return b->name; }

struct blk *blk_get(unsigned i)
{
    return i < __atomic_load_n(&ndisks, __ATOMIC_ACQUIRE) ? disks[i] : NULL;
}

struct blk *blk_find(const char *name)
{
    struct blk *b;

    for (unsigned i = 0; (b = blk_get(i)) != NULL; i++) {
        if (strcmp(b->name, name) == 0) return b;
    }
    return NULL;
}

static void read_config(struct blk *b)
{
    struct virtio_device *dev = b->dev;

    b->sectors = virtio_config64(dev, CONFIG_CAPACITY);
    b->read_only = virtio_has(dev, FEATURE_READ_ONLY);
    b->can_flush = virtio_has(dev, FEATURE_FLUSH);
    b->most_pieces = MOST_PIECES;
    if (virtio_has(dev, FEATURE_SEG_MAX)) {
        uint32_t most = virtio_config32(dev, CONFIG_SEG_MAX);
        if (most == 0) most = 1;
        if (most < b->most_pieces) b->most_pieces = most;
    }
    unsigned room = virtio_queue_size(b->queue) - 2;
    if (room < b->most_pieces) b->most_pieces = room;
}

/* Each request takes three descriptors or more, but for flushes. */
static int make_slots(struct blk *b)
{
    b->nslots = virtio_queue_size(b->queue) / 3;
    if (b->nslots == 0) return -EIO;
    b->wire = kzalloc(b->nslots * sizeof(*b->wire));
    b->next_slot = kmalloc(b->nslots * sizeof(*b->next_slot));
    if (!b->wire || !b->next_slot) return -ENOMEM;
    for (unsigned i = 0; i < b->nslots; i++) {
        b->next_slot[i] = (uint16_t)(i + 1);
    }
    return 0;
}

static int set_up(struct blk *b)
{
    struct virtio_device *dev = b->dev;

    int err = virtio_negotiate(dev, FEATURE_SEG_MAX | FEATURE_READ_ONLY | FEATURE_FLUSH);
    if (err) return err;
    err = virtio_queue_create(dev, 0, QUEUE_ENTRIES, &b->queue);
    if (err) return err;
    err = make_slots(b);
    if (err) return err;
    read_config(b);
    list_init(&b->waiting);
    timer_init(&b->watchdog, look_after);
    dev->owner = b;
    dev->work = device_has_worked;
    return virtio_go(dev);
}

/* Not every device has a name. */
static void read_name(struct blk *b)
{
    char *buf = kzalloc(ID_BYTES);

    if (!buf) return;
    struct virtio_piece piece = {ptr_to_pa(buf), ID_BYTES};
    struct blk_request r = {.op = (enum blk_op)OP_GET_ID, .pieces = &piece, .npieces = 1};
    if (blk_wait(b, &r) == 0) memcpy(b->name, buf, ID_BYTES);
    kfree(buf);
}

int blk_attach(struct virtio_device *dev)
{
    struct blk *b = ndisks < MOST_DISKS ? kzalloc(sizeof(*b)) : NULL;

    if (!b) return ndisks < MOST_DISKS ? -ENOMEM : -ENOSPC;
    b->dev = dev;
    int err = set_up(b);
    if (err) {
        virtio_give_up(dev);
        kfree(b->wire);
        kfree(b->next_slot);
        kfree(b);
        return err;
    }
    read_name(b);
    log_info("disk %u: %lu KiB%s%s%s", ndisks, b->sectors / 2,
             b->read_only ? ", read-only" : "", b->name[0] ? ", " : "", b->name);
    disks[ndisks] = b;
    __atomic_store_n(&ndisks, ndisks + 1, __ATOMIC_RELEASE); /* with blk_get() */
    return 0;
}
