/*
 * Virtio over memory-mapped registers, split queues ("Virtual I/O Device Version 1.2",
 * sections 2.7 and 4.2).
 *
 *     descriptors            available (we write)      used (the device writes)
 *     +----------------+     +-------+-----+-----+     +-------+---------+-----+
 *     | at, len, next  | <-- | index |  3  |  0  |     | index | 3, 512  |     |
 *     | at, len, next  |     +-------+-----+-----+     +-------+---------+-----+
 *     | ...            |         heads of chains         heads, and bytes written
 *     +----------------+
 *
 * Memory that the device can write is read once and checked, and nothing that we rely on
 * is kept there: which descriptors belong together and whose they are stands in `slots`,
 * which is ours alone.
 *
 * Order
 *   - Our descriptors before our index: release, with the device's acquire.
 *   - The device's bytes and used entry before its index: its release, our acquire in
 *     virtio_queue_take().
 *   - Our index before the look at its wish not to be told: full fence, with the
 *     device's between its wish and its last look at our index.
 *   - Our acknowledgement of an interrupt before the look at the used index: mmio_acquire().
 *     Otherwise what comes between the two would be acknowledged without having been seen.
 *
 * Locks: dev->lock for the queues.
 */
#include "drivers/virtio.h"

#include "arch/riscv/directmap.h"
#include "arch/riscv/mmio.h"
#include "arch/riscv/trap.h"
#include "drivers/rtc.h"
#include "lib/errno.h"
#include "lib/log.h"
#include "mm/kspace.h"
#include "mm/slab.h"

enum {
    REG_MAGIC = 0x00,
    REG_VERSION = 0x04,
    REG_DEVICE_ID = 0x08,
    REG_DEVICE_FEATURES = 0x10,
    REG_DEVICE_FEATURES_SEL = 0x14,
    REG_DRIVER_FEATURES = 0x20,
    REG_DRIVER_FEATURES_SEL = 0x24,
    REG_QUEUE_SEL = 0x30,
    REG_QUEUE_NUM_MAX = 0x34,
    REG_QUEUE_NUM = 0x38,
    REG_QUEUE_READY = 0x44,
    REG_QUEUE_NOTIFY = 0x50,
    REG_INTERRUPT_STATUS = 0x60,
    REG_INTERRUPT_ACK = 0x64,
    REG_STATUS = 0x70,
    REG_QUEUE_DESCRIPTORS = 0x80,
    REG_QUEUE_AVAILABLE = 0x90,
    REG_QUEUE_USED = 0xa0,
    REG_CONFIG_GENERATION = 0xfc,
    REG_CONFIG = 0x100,
};

enum { MAGIC = 0x74726976, VERSION_LEGACY = 1, VERSION_MODERN = 2 };

enum device_status {
    STATUS_ACKNOWLEDGE = 1,
    STATUS_DRIVER = 2,
    STATUS_DRIVER_OK = 4,
    STATUS_FEATURES_OK = 8,
    STATUS_NEEDS_RESET = 64,
    STATUS_FAILED = 128,
};

enum { INTERRUPT_QUEUE = 1, INTERRUPT_CONFIG = 2 };

enum { DESCRIPTOR_NEXT = 1, DESCRIPTOR_WRITE = 2 };
enum { USED_NO_NOTIFY = 1 };

enum { MOST_ENTRIES = 256, PATIENCE = 100000 /* looks at a register */ };

uint64_t virtio_timeout_ns = 60000000000ul;

struct descriptor {
    uint64_t at;
    uint32_t len;
    uint16_t flags;
    uint16_t next;
};

struct available {
    uint16_t flags;
    uint16_t index; /* atomic: with the device */
    uint16_t ring[];
};

struct used_entry {
    uint32_t head;
    uint32_t written;
};

struct used {
    uint16_t flags; /* atomic: with the device */
    uint16_t index; /* atomic: with the device */
    struct used_entry ring[];
};

/* What we know about a descriptor. */
struct slot {
    void *token;
    uint32_t room;  /* of a head: bytes that the device may write */
    uint16_t count; /* of a head: descriptors in the chain; 0: it is no head */
    uint16_t next;  /* in the chain, or in the list of free ones */
};

struct virtio_queue {
    struct virtio_device *dev;
    struct virtio_queue *next; /* in dev->queues */
    unsigned index, size;      /* set once */

    /* Protected by dev->lock. */
    struct descriptor *descriptors;
    struct available *available;
    struct used *used;
    struct slot *slots;
    unsigned nfree;
    uint16_t free;        /* the first free descriptor, if nfree is not 0 */
    uint16_t added;       /* chains, modulo 2^16: our index */
    uint16_t taken;       /* chains: what we have seen of the device's index */
    unsigned outstanding; /* chains added and not taken */
};

static uint32_t reg_read(const struct virtio_device *dev, unsigned reg)
{
    return mmio_read32(dev->regs + reg);
}

static void reg_write(struct virtio_device *dev, unsigned reg, uint32_t value)
{
    mmio_write32(dev->regs + reg, value);
}

/* ---- finding and starting ---- */

static int refuse(const struct virtio_device *dev, const char *why)
{
    log_warn("virtio at 0x%lx: %s", dev->address, why);
    return -ENODEV;
}

static int identify(struct virtio_device *dev)
{
    uint32_t magic;

    if (probe_load32(dev->regs + REG_MAGIC, &magic)) {
        return refuse(dev, "there are no registers");
    }
    if (magic != MAGIC) return refuse(dev, "wrong magic number");
    dev->id = reg_read(dev, REG_DEVICE_ID);
    if (dev->id == VIRTIO_NONE) return 0;
    switch (reg_read(dev, REG_VERSION)) {
    case VERSION_MODERN:
        return 0;
    case VERSION_LEGACY:
        return refuse(dev, "a legacy device; QEMU needs "
                           "-global virtio-mmio.force-legacy=false");
    default:
        return refuse(dev, "a version of the interface that is not known");
    }
}

int virtio_open(struct virtio_device *dev, const struct devtree_device *at)
{
    *dev = (struct virtio_device){.address = at->regs.start.raw,
                                  .size = phys_range_size(at->regs),
                                  .source = at->irq};
    if (dev->size < REG_CONFIG || at->regs.start.raw % sizeof(uint32_t) != 0) {
        return refuse(dev, "its registers are too few, or not aligned");
    }
    dev->regs = kspace_map_device(at->regs.start, dev->size);
    if (!dev->regs) {
        refuse(dev, "no memory to map its registers");
        return -ENOMEM;
    }
    return identify(dev);
}

static void add_status(struct virtio_device *dev, uint32_t bits)
{
    reg_write(dev, REG_STATUS, reg_read(dev, REG_STATUS) | bits);
}

/* Afterwards the device touches no memory of ours. False if it does not say so. */
static bool reset(struct virtio_device *dev)
{
    reg_write(dev, REG_STATUS, 0);
    for (unsigned i = 0; i < PATIENCE; i++) {
        if (reg_read(dev, REG_STATUS) == 0) {
            mmio_acquire();
            return true;
        }
        cpu_relax();
    }
    return false;
}

static uint64_t offered_features(struct virtio_device *dev)
{
    reg_write(dev, REG_DEVICE_FEATURES_SEL, 0);
    uint64_t low = reg_read(dev, REG_DEVICE_FEATURES);
    reg_write(dev, REG_DEVICE_FEATURES_SEL, 1);
    uint64_t high = reg_read(dev, REG_DEVICE_FEATURES);
    return high << 32 | low;
}

static int not_agreed(struct virtio_device *dev, const char *why)
{
    refuse(dev, why);
    reg_write(dev, REG_STATUS, STATUS_FAILED);
    return -EIO;
}

int virtio_negotiate(struct virtio_device *dev, uint64_t wanted)
{
    if (!reset(dev)) return not_agreed(dev, "it does not reset");
    add_status(dev, STATUS_ACKNOWLEDGE);
    add_status(dev, STATUS_DRIVER);
    dev->features = offered_features(dev) & (wanted | VIRTIO_VERSION_1);
    if (!virtio_has(dev, VIRTIO_VERSION_1)) return not_agreed(dev, "not of version 1");
    reg_write(dev, REG_DRIVER_FEATURES_SEL, 0);
    reg_write(dev, REG_DRIVER_FEATURES, (uint32_t)dev->features);
    reg_write(dev, REG_DRIVER_FEATURES_SEL, 1);
    reg_write(dev, REG_DRIVER_FEATURES, (uint32_t)(dev->features >> 32));
    add_status(dev, STATUS_FEATURES_OK);
    if (!(reg_read(dev, REG_STATUS) & STATUS_FEATURES_OK)) {
        return not_agreed(dev, "it does not agree on features");
    }
    return 0;
}

static void look_for_loss(struct virtio_device *dev)
{
    if (!(reg_read(dev, REG_STATUS) & STATUS_NEEDS_RESET)) return;
    spin_lock(&dev->lock, RANK_DEVICE);
    virtio_fail(dev, "it asks to be reset");
    spin_unlock(&dev->lock, RANK_DEVICE);
}

static void interrupted(struct irq_handler *irq)
{
    struct virtio_device *dev = container_of(irq, struct virtio_device, irq);
    uint32_t why = reg_read(dev, REG_INTERRUPT_STATUS);

    reg_write(dev, REG_INTERRUPT_ACK, why & (INTERRUPT_QUEUE | INTERRUPT_CONFIG));
    mmio_acquire(); /* see "Order" */
    if (why & INTERRUPT_CONFIG) {
        look_for_loss(dev);
        if (dev->config_changed && !virtio_has_failed(dev)) dev->config_changed(dev);
    }
    if (dev->work) dev->work(dev);
}

int virtio_go(struct virtio_device *dev)
{
    dev->irq.handle = interrupted;
    if (plic_add(&dev->irq, dev->source)) {
        return refuse(dev, "there is no way for it to interrupt");
    }
    mmio_release();
    add_status(dev, STATUS_DRIVER_OK);
    return 0;
}

void virtio_fail(struct virtio_device *dev, const char *why)
{
    debug_assert(spin_is_held(&dev->lock));
    if (dev->failed) return;
    __atomic_store_n(&dev->failed, true, __ATOMIC_RELAXED);
    log_error("virtio at 0x%lx failed: %s", dev->address, why);
    if (!reset(dev)) log_error("virtio at 0x%lx: it does not reset", dev->address);
}

/* Half of it: the clocks may be set, and one of them may be coarse. */
bool virtio_time_has_passed(uint64_t since, uint64_t ns)
{
    uint64_t now = rtc_read_ns();

    return now == 0 || now - since >= ns / 2;
}

/* ---- configuration ---- */

/* Where it is, or NULL behind the end. */
static volatile uint8_t *config(const struct virtio_device *dev, unsigned offset,
                                size_t size)
{
    if (REG_CONFIG + offset + size > dev->size) return NULL;
    return dev->regs + REG_CONFIG + offset;
}

uint8_t virtio_config8(const struct virtio_device *dev, unsigned offset)
{
    volatile uint8_t *at = config(dev, offset, sizeof(uint8_t));
    return at ? mmio_read8(at) : 0;
}

uint16_t virtio_config16(const struct virtio_device *dev, unsigned offset)
{
    volatile uint8_t *at = config(dev, offset, sizeof(uint16_t));
    return at ? mmio_read16(at) : 0;
}

uint32_t virtio_config32(const struct virtio_device *dev, unsigned offset)
{
    volatile uint8_t *at = config(dev, offset, sizeof(uint32_t));
    return at ? mmio_read32(at) : 0;
}

/* Both halves of one generation; of a device that always changes it, the last ones read. */
uint64_t virtio_config64(const struct virtio_device *dev, unsigned offset)
{
    uint64_t value = 0;

    for (unsigned i = 0; i < PATIENCE; i++) {
        uint32_t generation = reg_read(dev, REG_CONFIG_GENERATION);
        value = virtio_config32(dev, offset);
        value |= (uint64_t)virtio_config32(dev, offset + sizeof(uint32_t)) << 32;
        if (reg_read(dev, REG_CONFIG_GENERATION) == generation) break;
    }
    return value;
}

/* ---- queues ---- */

/* All three parts of the ring lie one after the other, each aligned as it must be. */
static size_t ring_bytes(unsigned size, size_t *available, size_t *used)
{
    *available = size * sizeof(struct descriptor);
    size_t end = *available + sizeof(struct available) + (size + 1) * sizeof(uint16_t);
    *used = (end + 3) & ~(size_t)3;
    return *used + sizeof(struct used) + size * sizeof(struct used_entry) +
           sizeof(uint16_t);
}

static struct virtio_queue *queue_alloc(unsigned size)
{
    size_t available, used, bytes = ring_bytes(size, &available, &used);
    struct virtio_queue *q = kzalloc(sizeof(*q) + size * sizeof(struct slot));
    char *ring = q ? kzalloc(bytes) : NULL;

    if (!ring) {
        kfree(q);
        return NULL;
    }
    q->size = q->nfree = size;
    q->slots = (struct slot *)(q + 1);
    q->descriptors = (struct descriptor *)ring;
    q->available = (struct available *)(ring + available);
    q->used = (struct used *)(ring + used);
    for (unsigned i = 0; i < size; i++) {
        q->slots[i].next = (uint16_t)(i + 1);
    }
    return q;
}

static void tell_address(struct virtio_device *dev, unsigned reg, const void *at)
{
    uint64_t pa = ptr_to_pa(at).raw;

    reg_write(dev, reg, (uint32_t)pa);
    reg_write(dev, reg + sizeof(uint32_t), (uint32_t)(pa >> 32));
}

/* The largest power of 2 that is not above `n`, which is not 0. */
static unsigned power_below(uint32_t n) { return 1u << (31 - __builtin_clz(n)); }

int virtio_queue_create(struct virtio_device *dev, unsigned index, unsigned most,
                        struct virtio_queue **out)
{
    reg_write(dev, REG_QUEUE_SEL, index);
    uint32_t offered = reg_read(dev, REG_QUEUE_NUM_MAX);
    if (offered == 0 || reg_read(dev, REG_QUEUE_READY)) {
        return refuse(dev, "it lacks a queue");
    }
    if (most > MOST_ENTRIES) most = MOST_ENTRIES;
    struct virtio_queue *q = queue_alloc(offered < most ? power_below(offered) : most);
    if (!q) return -ENOMEM;

    q->dev = dev;
    q->index = index;
    q->next = dev->queues;
    dev->queues = q;
    reg_write(dev, REG_QUEUE_NUM, q->size);
    tell_address(dev, REG_QUEUE_DESCRIPTORS, q->descriptors);
    tell_address(dev, REG_QUEUE_AVAILABLE, q->available);
    tell_address(dev, REG_QUEUE_USED, q->used);
    mmio_release();
    reg_write(dev, REG_QUEUE_READY, 1);
    *out = q;
    return 0;
}

/* A device that does not even reset keeps the rings: it may still write there. */
void virtio_give_up(struct virtio_device *dev)
{
    bool quiet = reset(dev);

    while (dev->queues) {
        struct virtio_queue *q = dev->queues;
        dev->queues = q->next;
        if (quiet) kfree(q->descriptors);
        kfree(q);
    }
}

unsigned virtio_queue_size(const struct virtio_queue *q) { return q->size; }
unsigned virtio_queue_room(const struct virtio_queue *q) { return q->nfree; }

/* Takes the first free descriptor for a piece. */
static uint16_t put_piece(struct virtio_queue *q, const struct virtio_piece *piece,
                          unsigned flags)
{
    uint16_t at = q->free;
    struct slot *slot = &q->slots[at];

    q->free = slot->next;
    q->nfree--;
    q->descriptors[at] = (struct descriptor){.at = piece->at.raw,
                                             .len = piece->len,
                                             .flags = (uint16_t)flags,
                                             .next = slot->next};
    return at;
}

static void publish(struct virtio_queue *q, uint16_t head)
{
    q->available->ring[q->added % q->size] = head;
    q->added++;
    q->outstanding++;
    __atomic_store_n(&q->available->index, q->added, __ATOMIC_RELEASE);
}

int virtio_queue_add(struct virtio_queue *q, const struct virtio_piece *pieces,
                     unsigned nread, unsigned nwrite, void *token)
{
    unsigned n = nread + nwrite;

    debug_assert(spin_is_held(&q->dev->lock) && n > 0);
    if (q->dev->failed) return -EIO;
    if (n > q->nfree) return -EAGAIN;
    uint16_t head = q->free;
    struct slot *slot = &q->slots[head];
    *slot = (struct slot){.token = token, .count = (uint16_t)n, .next = slot->next};
    for (unsigned i = 0; i < n; i++) {
        unsigned flags = i + 1 < n ? DESCRIPTOR_NEXT : 0;
        if (i >= nread) {
            flags |= DESCRIPTOR_WRITE;
            slot->room += pieces[i].len;
        }
        put_piece(q, &pieces[i], flags);
    }
    publish(q, head);
    return 0;
}

void virtio_queue_kick(struct virtio_queue *q)
{
    debug_assert(spin_is_held(&q->dev->lock));
    if (q->dev->failed) return;
    __atomic_thread_fence(__ATOMIC_SEQ_CST); /* see "Order" */
    if (__atomic_load_n(&q->used->flags, __ATOMIC_RELAXED) & USED_NO_NOTIFY) return;
    mmio_release();
    reg_write(q->dev, REG_QUEUE_NOTIFY, q->index);
}

/* The chain of `head` is free again; its token. */
static void *put_back(struct virtio_queue *q, unsigned head)
{
    struct slot *first = &q->slots[head];
    unsigned last = head;

    for (unsigned i = 1; i < first->count; i++) {
        last = q->slots[last].next;
    }
    q->slots[last].next = q->free;
    q->free = (uint16_t)head;
    q->nfree += first->count;
    q->outstanding--;
    first->count = 0;
    return first->token;
}

/* The next used entry, in *out, checked against what we gave the device. */
static bool take_used(struct virtio_queue *q, struct virtio_done *out)
{
    uint16_t index = __atomic_load_n(&q->used->index, __ATOMIC_ACQUIRE);

    if (index == q->taken) return false;
    if ((uint16_t)(index - q->taken) > q->outstanding) {
        virtio_fail(q->dev, "it returns requests that it did not get");
        return false;
    }
    const struct used_entry *entry = &q->used->ring[q->taken % q->size];
    uint32_t head = __atomic_load_n(&entry->head, __ATOMIC_RELAXED);
    uint32_t written = __atomic_load_n(&entry->written, __ATOMIC_RELAXED);
    if (head >= q->size || q->slots[head].count == 0) {
        virtio_fail(q->dev, "it returns a request that it does not have");
        return false;
    }
    if (written > q->slots[head].room) {
        virtio_fail(q->dev, "it says that it wrote more than there was room for");
        return false;
    }
    q->taken++;
    *out = (struct virtio_done){.token = put_back(q, head), .written = written};
    return true;
}

static bool take_failed(struct virtio_queue *q, struct virtio_done *out)
{
    for (unsigned i = 0; i < q->size && q->outstanding != 0; i++) {
        if (q->slots[i].count == 0) continue;
        *out = (struct virtio_done){.token = put_back(q, i), .failed = true};
        return true;
    }
    return false;
}

bool virtio_queue_take(struct virtio_queue *q, struct virtio_done *out)
{
    debug_assert(spin_is_held(&q->dev->lock));
    if (!q->dev->failed && take_used(q, out)) return true;
    return q->dev->failed && take_failed(q, out);
}
