/*
 * Virtio console devices with several ports ("Virtual I/O Device Version 1.2", section 5.3).
 *
 *     queue 0, 1    port 0, from the host and to it
 *     queue 2, 3    messages about ports: what there is, its name, who has opened it
 *     queue 4, 5    port 1, and so on
 *
 * From the host: buffers of a page wait with the device, come back with some bytes, stand in
 * a list until these have been read, and go to the device again.
 *
 * To the host: a write fills a buffer, which goes to the device at once if that has none;
 * else it waits for more bytes, until it is full or the device has returned the last one. So
 * many small writes become few requests, and a single one does not wait.
 *
 * What we have to tell the device about a port is a set of bits (`owed`) until there is room
 * for a message; so nothing here waits for the device, and no message is lost. The device
 * may lose its own if there is no buffer for them, and it has up to three for each port that
 * we say is ready: so that is said to one port at a time.
 *
 * Locks: dev->lock for all that changes. Copies of up to a page are made with it held.
 */
#include "drivers/virtio_console.h"

#include "arch/riscv/directmap.h"
#include "drivers/rtc.h"
#include "lib/errno.h"
#include "lib/log.h"
#include "lib/string.h"
#include "mm/page.h"
#include "mm/slab.h"
#include "sched/timer.h"
#include "sched/wait.h"

#define FEATURE_SIZE      (1ul << 0)
#define FEATURE_MULTIPORT (1ul << 1)

enum { CONFIG_COLUMNS = 0, CONFIG_ROWS = 2, CONFIG_PORTS = 4 };

enum event {
    EVENT_DEVICE_READY = 0,
    EVENT_PORT_ADD = 1,
    EVENT_PORT_REMOVE = 2,
    EVENT_PORT_READY = 3,
    EVENT_CONSOLE_PORT = 4,
    EVENT_RESIZE = 5,
    EVENT_PORT_OPEN = 6,
    EVENT_PORT_NAME = 7,
};

struct message {
    uint32_t port;
    uint16_t event;
    uint16_t value;
};

enum {
    QUEUE_MESSAGES_IN = 2,
    QUEUE_MESSAGES_OUT = 3,
    BUFFERS = 4, /* of a port, in each direction */
    MESSAGES_IN = 32,
    MESSAGES_OUT = 8,
    MESSAGE_BYTES = 64, /* room for one with a name */
    NAME_BYTES = 32,
    PATIENCE_NS = 1000000000,
};

enum owed { OWED_READY = 1, OWED_OPEN = 2 };

struct buffer {
    struct buffer *next; /* in the port's list */
    struct page *page;
    uint32_t len;  /* bytes in it */
    uint32_t done; /* of these, read */
};

struct buffer_list {
    struct buffer *first, *last;
};

struct port {
    struct ports *device;
    struct virtio_queue *in, *out;
    struct wait_queue readers, writers;
    char name[NAME_BYTES]; /* "" until it is known; set before PORT_NAME is acted upon */

    /* Protected by the device's lock. */
    bool present;       /* the device has it, and it has its buffers */
    bool host_open;     /* the host has opened its side, */
    bool host_was_open; /* or had */
    unsigned opens;
    unsigned owed; /* enum owed */
    struct port_window window;
    struct buffer buffers[2 * BUFFERS];
    struct buffer_list received; /* with bytes that nobody has read */
    struct buffer_list free;     /* for bytes to be written */
    struct buffer *filling;      /* has some, and is not with the device yet */
    unsigned sending;            /* buffers with the device */
};

struct ports {
    struct virtio_device *dev;
    struct ports *next; /* in all_ports */
    unsigned nports;
    bool several; /* there are messages */

    /* Protected by dev->lock. */
    struct virtio_queue *messages_in, *messages_out;
    char *in_bytes;      /* MESSAGES_IN times MESSAGE_BYTES */
    struct message *out; /* MESSAGES_OUT */
    unsigned out_free;   /* a bit for each of them that is not with the device */
    bool owes_device_ready;

    struct wait_queue told; /* woken when a message of ours has come back */
    struct port ports[];    /* nports */
};

static struct ports *all_ports; /* atomic: added to at boot */

static void lock(struct ports *d) { spin_lock(&d->dev->lock, RANK_DEVICE); }
static void unlock(struct ports *d) { spin_unlock(&d->dev->lock, RANK_DEVICE); }

/* ---- buffers ---- */

static void push(struct buffer_list *l, struct buffer *b)
{
    b->next = NULL;
    if (l->first) {
        l->last->next = b;
    } else {
        l->first = b;
    }
    l->last = b;
}

static struct buffer *pop(struct buffer_list *l)
{
    struct buffer *b = l->first;

    if (b) l->first = b->next;
    return b;
}

static struct virtio_piece piece_of(const struct buffer *b, uint32_t len)
{
    return (struct virtio_piece){pfn_to_pa(page_pfn(b->page)), len};
}

/* Gives a buffer to the device to be filled. There is room: no more than BUFFERS exist. */
static void offer(struct port *p, struct buffer *b)
{
    struct virtio_piece piece = piece_of(b, PAGE_SIZE);

    b->len = b->done = 0;
    /* -EIO: the device has failed, and the buffer stays where nobody looks. */
    if (virtio_queue_add(p->in, &piece, 0, 1, b) == 0) virtio_queue_kick(p->in);
}

static void free_buffers(struct port *p)
{
    for (unsigned i = 0; i < 2 * BUFFERS; i++) {
        if (p->buffers[i].page) page_put(p->buffers[i].page);
        p->buffers[i].page = NULL;
    }
}

static int make_buffers(struct port *p)
{
    if (p->buffers[0].page) return 0;
    for (unsigned i = 0; i < 2 * BUFFERS; i++) {
        p->buffers[i].page = page_alloc(PAGE_KERNEL);
        if (!p->buffers[i].page) {
            free_buffers(p);
            return -ENOMEM;
        }
    }
    for (unsigned i = 0; i < BUFFERS; i++) {
        push(&p->free, &p->buffers[i]);
        offer(p, &p->buffers[BUFFERS + i]);
    }
    return 0;
}

/* ---- bytes ---- */

/* What the device has filled. */
static void collect_input(struct port *p)
{
    struct virtio_done done;
    bool any = false;

    while (virtio_queue_take(p->in, &done)) {
        struct buffer *b = done.token;
        if (done.failed) continue;
        b->len = done.written;
        if (b->len == 0) {
            offer(p, b);
            continue;
        }
        push(&p->received, b);
        any = true;
    }
    if (any) wait_wake_all(&p->readers);
}

static void send_filling(struct port *p)
{
    struct buffer *b = p->filling;
    struct virtio_piece piece = piece_of(b, b->len);

    p->filling = NULL;
    if (virtio_queue_add(p->out, &piece, 1, 0, b)) return; /* it has failed */
    p->sending++;
    virtio_queue_kick(p->out);
}

/* What the device has sent. */
static void collect_output(struct port *p)
{
    struct virtio_done done;
    bool any = false;

    while (virtio_queue_take(p->out, &done)) {
        p->sending--;
        push(&p->free, done.token);
        any = true;
    }
    if (!any) return;
    if (p->filling && p->sending == 0) send_filling(p);
    wait_wake_all(&p->writers);
}

static long read_some(struct port *p, char *buf, size_t len)
{
    struct buffer *b = p->received.first;

    if (!b) {
        if (virtio_has_failed(p->device->dev)) return -EIO;
        return p->host_was_open && !p->host_open ? 0 : -EAGAIN;
    }
    if (len > b->len - b->done) len = b->len - b->done;
    memcpy(buf, (char *)page_ptr(b->page) + b->done, len);
    b->done += (uint32_t)len;
    if (b->done == b->len) offer(p, pop(&p->received));
    return (long)len;
}

long port_try_read(struct port *p, void *buf, size_t len)
{
    char *at = buf;
    long n = 1;

    debug_assert(len > 0);
    while (len != 0 && n > 0) {
        lock(p->device);
        n = read_some(p, at, len);
        unlock(p->device);
        if (n <= 0) break;
        at += n;
        len -= (size_t)n;
    }
    return at != (char *)buf ? at - (char *)buf : n;
}

static long write_some(struct port *p, const char *buf, size_t len)
{
    if (virtio_has_failed(p->device->dev)) return -EIO;
    if (!p->host_open) return p->host_was_open ? -EPIPE : -EAGAIN;
    if (!p->filling) {
        p->filling = pop(&p->free);
        if (!p->filling) return -EAGAIN;
        p->filling->len = 0;
    }
    struct buffer *b = p->filling;
    if (len > PAGE_SIZE - b->len) len = PAGE_SIZE - b->len;
    memcpy((char *)page_ptr(b->page) + b->len, buf, len);
    b->len += (uint32_t)len;
    if (b->len == PAGE_SIZE || p->sending == 0) send_filling(p);
    return (long)len;
}

long port_try_write(struct port *p, const void *buf, size_t len)
{
    const char *at = buf;
    long n = 1;

    debug_assert(len > 0);
    while (len != 0 && n > 0) {
        lock(p->device);
        n = write_some(p, at, len);
        unlock(p->device);
        if (n <= 0) break;
        at += n;
        len -= (size_t)n;
    }
    return at != (const char *)buf ? at - (const char *)buf : n;
}

/* A buffer that is being filled may be sent at any time; but then another has come back. */
size_t port_room(struct port *p)
{
    size_t room = 0;

    lock(p->device);
    if (p->host_open && !virtio_has_failed(p->device->dev)) {
        if (p->filling) room += PAGE_SIZE - p->filling->len;
        for (const struct buffer *b = p->free.first; b; b = b->next) {
            room += PAGE_SIZE;
        }
    }
    unlock(p->device);
    return room;
}

unsigned port_ready(struct port *p)
{
    unsigned ready = 0;

    lock(p->device);
    bool failed = virtio_has_failed(p->device->dev);
    bool hangup = p->host_was_open && !p->host_open;
    bool room = p->host_open && (p->filling || p->free.first);
    if (p->received.first || hangup || failed) ready |= PORT_READABLE;
    if (room || hangup || failed) ready |= PORT_WRITABLE;
    if (hangup) ready |= PORT_HANGUP;
    if (failed) ready |= PORT_FAILED;
    unlock(p->device);
    return ready;
}

long port_read(struct port *p, void *buf, size_t len)
{
    long n;

    wait_until(&p->readers, (n = port_try_read(p, buf, len)) != -EAGAIN);
    return n;
}

long port_write(struct port *p, const void *buf, size_t len)
{
    const char *at = buf;
    long n = 0;

    while (len != 0) {
        wait_until(&p->writers, (n = port_try_write(p, at, len)) != -EAGAIN);
        if (n < 0) break;
        at += n;
        len -= (size_t)n;
    }
    return at != (const char *)buf ? at - (const char *)buf : n;
}

/* 0, an error, or -EAGAIN: not yet. */
static int drained(struct port *p)
{
    int state = -EAGAIN;

    lock(p->device);
    if (!p->filling && p->sending == 0) {
        state = 0;
    } else if (virtio_has_failed(p->device->dev)) {
        state = -EIO;
    } else if (!p->host_open && p->host_was_open) {
        state = -EPIPE;
    }
    unlock(p->device);
    return state;
}

int port_drain(struct port *p)
{
    int state;

    wait_until(&p->writers, (state = drained(p)) != -EAGAIN);
    return state;
}

void ports_drain(void)
{
    for (unsigned i = 0; i < PORT_MOST; i++) {
        struct port *p = port_get(i);
        if (p && port_drain(p)) log_debug("port %s: its host did not take all", p->name);
    }
}

struct port_window port_window(struct port *p)
{
    lock(p->device);
    struct port_window w = p->window;
    unlock(p->device);
    return w;
}

struct wait_queue *port_readers(struct port *p) { return &p->readers; }
struct wait_queue *port_writers(struct port *p) { return &p->writers; }
const char *port_name(const struct port *p) { return p->name; }

/* ---- messages to the device ---- */

/* False if there is no room now. */
static bool tell(struct ports *d, unsigned port, enum event event, unsigned value)
{
    if (d->out_free == 0) return false;
    unsigned i = (unsigned)__builtin_ctz(d->out_free);
    struct message *m = &d->out[i];
    struct virtio_piece piece = {ptr_to_pa(m), sizeof(*m)};
    *m = (struct message){port, (uint16_t)event, (uint16_t)value};
    if (virtio_queue_add(d->messages_out, &piece, 1, 0, m)) return false;
    d->out_free &= ~(1u << i);
    virtio_queue_kick(d->messages_out);
    return true;
}

static bool all_came_back(const struct ports *d)
{
    return d->out_free == (1u << MESSAGES_OUT) - 1;
}

static bool tell_about(struct ports *d, struct port *p, unsigned id)
{
    if (p->owed & OWED_READY) {
        /* One at a time, and alone: what it answers needs buffers. */
        if (!all_came_back(d) || !tell(d, id, EVENT_PORT_READY, p->present)) return false;
        p->owed &= ~(unsigned)OWED_READY;
    }
    if (p->owed & OWED_OPEN) {
        if (!tell(d, id, EVENT_PORT_OPEN, p->opens != 0)) return false;
        p->owed &= ~(unsigned)OWED_OPEN;
        /* The buffers have been there all the time, but while nobody was here the device need
         * not have looked: QEMU asks its other side for bytes only when it hears of buffers. */
        if (p->present && p->opens) virtio_queue_kick(p->in);
    }
    return true;
}

static void tell_what_is_owed(struct ports *d)
{
    if (!d->several) return;
    if (d->owes_device_ready) d->owes_device_ready = !tell(d, 0, EVENT_DEVICE_READY, 1);
    for (unsigned id = 0; id < d->nports; id++) {
        if (!tell_about(d, &d->ports[id], id)) return;
    }
}

void port_open(struct port *p)
{
    lock(p->device);
    if (p->opens++ == 0) p->owed |= OWED_OPEN;
    tell_what_is_owed(p->device);
    unlock(p->device);
}

void port_close(struct port *p)
{
    lock(p->device);
    debug_assert(p->opens > 0);
    if (--p->opens == 0) p->owed |= OWED_OPEN;
    tell_what_is_owed(p->device);
    unlock(p->device);
}

/* ---- messages from the device ---- */

/* What the host sent before it closed is in the queue by now, for the message came later. It
 * is collected before the lock is given up, so nobody reads the end before it. */
static void host_opens(struct port *p, bool open)
{
    p->host_open = open;
    if (open) p->host_was_open = true;
    wait_wake_all(&p->readers);
    wait_wake_all(&p->writers);
}

static void port_appears(struct port *p, unsigned id)
{
    if (p->present) return;
    p->present = make_buffers(p) == 0;
    if (!p->present) log_warn("port %u: no memory for its buffers", id);
    p->owed |= OWED_READY;
}

static void port_goes(struct port *p)
{
    collect_input(p);
    host_opens(p, false);
    p->host_was_open = true;
    p->present = false;
    p->owed = 0;
}

/* Bytes of a name that cannot be shown are replaced. */
static void take_name(struct port *p, const char *bytes, size_t len)
{
    if (p->name[0] != '\0') return; /* others may be reading it */
    if (len > NAME_BYTES - 1) len = NAME_BYTES - 1;
    len = strnlen(bytes, len);
    for (size_t i = len; i-- > 0;) { /* the first byte last: it shows that there is one */
        char c = bytes[i] > ' ' && bytes[i] < 0x7f ? bytes[i] : '?';
        __atomic_store_n(&p->name[i], c, __ATOMIC_RELEASE);
    }
}

static void resized(struct port *p, uint16_t columns, uint16_t rows)
{
    if (p->window.columns == columns && p->window.rows == rows) return;
    p->window = (struct port_window){columns, rows, p->window.changes + 1};
    wait_wake_all(&p->readers);
}

/* `bytes` and what follows the message in them are the device's words. */
static void hear(struct ports *d, const char *bytes, size_t len)
{
    struct message m;
    uint16_t size[2];

    if (len < sizeof(m)) return;
    memcpy(&m, bytes, sizeof(m));
    if (m.port >= d->nports) {
        log_debug("port %u is one too many; ignored", m.port);
        return;
    }
    struct port *p = &d->ports[m.port];
    bytes += sizeof(m);
    len -= sizeof(m);
    if (m.event == EVENT_PORT_ADD) port_appears(p, m.port);
    if (!p->present) return;
    if (m.event == EVENT_PORT_REMOVE) port_goes(p);
    if (m.event == EVENT_PORT_NAME) take_name(p, bytes, len);
    if (m.event == EVENT_PORT_OPEN) host_opens(p, m.value != 0);
    if (m.event == EVENT_RESIZE && len >= sizeof(size)) {
        memcpy(size, bytes, sizeof(size));
        resized(p, size[0], size[1]);
    }
}

static void offer_message(struct ports *d, char *bytes)
{
    struct virtio_piece piece = {ptr_to_pa(bytes), MESSAGE_BYTES};

    if (virtio_queue_add(d->messages_in, &piece, 0, 1, bytes) == 0) {
        virtio_queue_kick(d->messages_in);
    }
}

/* Each is copied, and its buffer is there for the next one before we act on it. */
static void hear_all(struct ports *d)
{
    struct virtio_done done;

    while (virtio_queue_take(d->messages_in, &done)) {
        char bytes[MESSAGE_BYTES];
        if (done.failed) continue;
        memcpy(bytes, done.token, done.written);
        offer_message(d, done.token);
        hear(d, bytes, done.written);
    }
}

/* The answers of the device to a message are there before the message comes back. */
static void collect_messages(struct ports *d)
{
    struct virtio_done done;
    bool any = false;

    while (virtio_queue_take(d->messages_out, &done)) {
        d->out_free |= 1u << ((struct message *)done.token - d->out);
        any = true;
    }
    hear_all(d);
    tell_what_is_owed(d);
    if (any) wait_wake_all(&d->told);
}

static void everybody_wakes(struct ports *d)
{
    for (unsigned i = 0; i < d->nports; i++) {
        wait_wake_all(&d->ports[i].readers);
        wait_wake_all(&d->ports[i].writers);
    }
    wait_wake_all(&d->told);
}

static void device_has_worked(struct virtio_device *dev)
{
    struct ports *d = dev->owner;

    lock(d);
    if (d->several) collect_messages(d);
    for (unsigned i = 0; i < d->nports; i++) {
        if (!d->ports[i].present) continue;
        collect_input(&d->ports[i]);
        collect_output(&d->ports[i]);
    }
    if (virtio_has_failed(dev)) everybody_wakes(d);
    unlock(d);
}

static void config_has_changed(struct virtio_device *dev)
{
    struct ports *d = dev->owner;
    uint16_t columns = virtio_config16(dev, CONFIG_COLUMNS);
    uint16_t rows = virtio_config16(dev, CONFIG_ROWS);

    if (!virtio_has(dev, FEATURE_SIZE)) return;
    lock(d);
    resized(&d->ports[0], columns, rows);
    unlock(d);
}

/* ---- finding ports ---- */

/* Nothing is to be said any more, and nothing is on its way. */
static bool is_settled(struct ports *d)
{
    lock(d);
    bool settled = !d->several || virtio_has_failed(d->dev) ||
                   (all_came_back(d) && !d->owes_device_ready);
    for (unsigned i = 0; i < d->nports; i++) {
        settled = settled && !(d->ports[i].owed & OWED_READY);
    }
    unlock(d);
    return settled;
}

/* Until then, or until it has had its time. */
static void settle(struct ports *d)
{
    uint64_t since = rtc_read_ns();
    bool late = false;
    struct waiter w;

    if (is_settled(d)) return;
    wait_begin(&d->told, &w);
    while (!late && !is_settled(d)) {
        if (virtio_timeout_ns == 0) {
            wait_sleep(&w);
        } else if (!wait_sleep_until(&w, clock_ns() + PATIENCE_NS)) {
            late = virtio_time_has_passed(since, PATIENCE_NS);
        }
    }
    wait_end(&d->told, &w);
    if (late) log_warn("virtio at 0x%lx: is slow to tell its ports", d->dev->address);
}

void ports_settle(void)
{
    for (struct ports *d = __atomic_load_n(&all_ports, __ATOMIC_ACQUIRE); d;
         d = d->next) {
        settle(d);
    }
}

struct port *port_get(unsigned i)
{
    ports_settle();
    for (struct ports *d = __atomic_load_n(&all_ports, __ATOMIC_ACQUIRE); d;
         d = d->next) {
        if (i >= d->nports) {
            i -= d->nports;
            continue;
        }
        lock(d);
        bool present = d->ports[i].present;
        unlock(d);
        return present ? &d->ports[i] : NULL;
    }
    return NULL;
}

struct port *port_find(const char *name)
{
    for (struct ports *d = __atomic_load_n(&all_ports, __ATOMIC_ACQUIRE); d;
         d = d->next) {
        settle(d);
        for (unsigned i = 0; i < d->nports; i++) {
            lock(d);
            bool found = d->ports[i].present && strcmp(d->ports[i].name, name) == 0;
            unlock(d);
            if (found) return &d->ports[i];
        }
    }
    return NULL;
}

/* ---- starting ---- */

static unsigned queue_of_port(unsigned id) { return id == 0 ? 0 : 2 * id + 2; }

static int make_ports(struct ports *d)
{
    for (unsigned id = 0; id < d->nports; id++) {
        struct port *p = &d->ports[id];
        p->device = d;
        int err = virtio_queue_create(d->dev, queue_of_port(id), BUFFERS, &p->in);
        if (err == 0)
            err = virtio_queue_create(d->dev, queue_of_port(id) + 1, BUFFERS, &p->out);
        if (err) return err;
    }
    return 0;
}

static int make_messages(struct ports *d)
{
    d->in_bytes = kzalloc(MESSAGES_IN * MESSAGE_BYTES);
    d->out = kzalloc(MESSAGES_OUT * sizeof(*d->out));
    if (!d->in_bytes || !d->out) return -ENOMEM;
    int err =
        virtio_queue_create(d->dev, QUEUE_MESSAGES_IN, MESSAGES_IN, &d->messages_in);
    if (err) return err;
    d->out_free = (1u << MESSAGES_OUT) - 1;
    return virtio_queue_create(d->dev, QUEUE_MESSAGES_OUT, MESSAGES_OUT,
                               &d->messages_out);
}

static int set_up(struct ports *d)
{
    struct virtio_device *dev = d->dev;

    int err = make_ports(d);
    if (err) return err;
    if (d->several) err = make_messages(d);
    if (err) return err;
    dev->owner = d;
    dev->work = device_has_worked;
    dev->config_changed = config_has_changed;
    return virtio_go(dev);
}

/* The device runs. A device without messages has one port, and the host is always there. */
static void begin(struct ports *d)
{
    lock(d);
    for (unsigned i = 0; d->several && i < virtio_queue_size(d->messages_in); i++) {
        offer_message(d, d->in_bytes + i * MESSAGE_BYTES);
    }
    if (d->several) {
        d->owes_device_ready = true;
        tell_what_is_owed(d);
    } else {
        port_appears(&d->ports[0], 0);
        d->ports[0].owed = 0;
        d->ports[0].host_open = d->ports[0].host_was_open = d->ports[0].present;
    }
    unlock(d);
    config_has_changed(d->dev);
}

static unsigned count_ports(const struct virtio_device *dev)
{
    if (!virtio_has(dev, FEATURE_MULTIPORT)) return 1;
    uint32_t n = virtio_config32(dev, CONFIG_PORTS);
    return n < PORT_MOST ? n : PORT_MOST;
}

int ports_attach(struct virtio_device *dev)
{
    int err = virtio_negotiate(dev, FEATURE_SIZE | FEATURE_MULTIPORT);
    if (err) return err;
    unsigned nports = count_ports(dev);
    struct ports *d = kzalloc(sizeof(*d) + nports * sizeof(struct port));
    if (!d) {
        virtio_give_up(dev);
        return -ENOMEM;
    }
    d->dev = dev;
    d->nports = nports;
    d->several = virtio_has(dev, FEATURE_MULTIPORT);
    err = set_up(d);
    if (err) {
        virtio_give_up(dev);
        kfree(d->in_bytes);
        kfree(d->out);
        kfree(d);
        return err;
    }
    begin(d);
    d->next = all_ports;
    __atomic_store_n(&all_ports, d, __ATOMIC_RELEASE);
    return 0;
}
