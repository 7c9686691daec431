/* See virtio_model.h. */
#include "virtio_model.h"

#include "arch/riscv/mmio.h"
#include "arch/riscv/trap.h"
#include "drivers/rtc.h"
#include "fake/machine.h"
#include "lib/errno.h"
#include "lib/log.h"
#include "mm/kspace.h"
#include "mm/page.h"
#include "mm/slab.h"
#include "sched/thread.h"
#include "sched/timer.h"
#include "test.h"

#include <stdlib.h>

/* Where there is no sanitizer, what is not ours cannot be told from what is. */
#ifndef __has_feature
#define __has_feature(x) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
#include <sanitizer/asan_interface.h>
#else
static void __asan_poison_memory_region(void *at, size_t size) { (void)at, (void)size; }
static void __asan_unpoison_memory_region(void *at, size_t size) { (void)at, (void)size; }
static void *__asan_region_is_poisoned(void *at, size_t size)
{
    (void)at, (void)size;
    return NULL;
}
#endif

struct model model;
void (*model_when_blocked)(void);
int model_allocations_left = -1;

static uint8_t window[MODEL_REGISTERS]; /* its address is all that counts */
const struct devtree_device model_slot = {
    .regs = {{0x10001000}, {0x10001000 + MODEL_REGISTERS}}, .irq = 1};

static struct irq_handler *handler;
static struct timer *timer;
static uint64_t now;

/* ---- the heap: never used twice, with red zones ---- */

enum { HEAP = 0x1000000, HEAP_SIZE = 0x4000000, RED_ZONE = 64, LIVE = 4096 };

static size_t heap_at;
static struct {
    char *at;
    size_t size;
} live[LIVE];
static unsigned nlive;

static char *heap(void) { return pa_to_ptr(PA(HEAP)); }

void *kmalloc(size_t size)
{
    if (model_allocations_left == 0) return NULL;
    if (model_allocations_left > 0) model_allocations_left--;
    assert(size > 0 && nlive < LIVE);
    size_t start = heap_at + RED_ZONE;
    heap_at = (start + size + 15) & ~(size_t)15;
    assert(heap_at < HEAP_SIZE);
    char *at = heap() + start;
    __asan_unpoison_memory_region(at, size);
    memset(at, 0xa5, size);
    live[nlive].at = at;
    live[nlive++].size = size;
    return at;
}

void *kzalloc(size_t size)
{
    void *at = kmalloc(size);
    return at ? memset(at, 0, size) : NULL;
}

void kfree(void *object)
{
    for (unsigned i = 0; i < nlive && object; i++) {
        if (live[i].at != object) continue;
        __asan_poison_memory_region(object, live[i].size);
        live[i] = live[--nlive];
        return;
    }
    assert(!object);
}

/* ---- the rest of the kernel ---- */

void log_line(enum log_level level, const char *fmt, ...)
{
    (void)level;
    (void)fmt;
}

void *kspace_map_device(paddr_t pa, size_t size)
{
    assert(pa.raw == model_slot.regs.start.raw && size == MODEL_REGISTERS);
    return window;
}

int probe_load32(const volatile void *at, uint32_t *out)
{
    *out = fake_mmio_read(at, 4);
    return 0;
}

int plic_add(struct irq_handler *h, uint32_t source)
{
    if (source != model_slot.irq) return -ENODEV;
    handler = h;
    return 0;
}

uint64_t rtc_read_ns(void) { return 0; }
uint64_t clock_ns(void) { return now++; }

void timer_init(struct timer *t, void (*fire)(struct timer *))
{
    *t = (struct timer){.fire = fire};
}
void timer_set(struct timer *t, uint64_t deadline_ns)
{
    (void)deadline_ns;
    timer = t;
}
bool model_timer_is_set(void) { return timer; }
void model_fire_timer(void)
{
    struct timer *t = timer;

    timer = NULL;
    preempt_off();
    if (t) t->fire(t);
    preempt_on();
}

static void block(void)
{
    assert(preempt_is_on() && model_when_blocked);
    model_when_blocked();
}
static struct thread thread;
void thread_prepare_to_block(void) { this_context = &thread.ctx; }
void thread_block(void) { block(); }
void thread_cancel_block(void) {}
void thread_wake(struct thread *t) { (void)t; }
void thread_get(struct thread *t) { t->refs++; }
void thread_put(struct thread *t) { t->refs--; }

void wait_begin(struct wait_queue *q, struct waiter *w) { w->queue = q; }
void wait_sleep(struct waiter *w)
{
    (void)w;
    block();
}
bool wait_sleep_until(struct waiter *w, uint64_t deadline_ns)
{
    static unsigned patience;

    (void)deadline_ns;
    wait_sleep(w);
    return ++patience % 16 != 0;
}
void wait_end(struct wait_queue *q, struct waiter *w)
{
    (void)q;
    (void)w;
}
void wait_wake_all(struct wait_queue *q) { (void)q; }

/* ---- registers ---- */

static void reset(void)
{
    model.resets++;
    if (model.no_reset) return;
    model.status = 0;
    model.interrupts = 0;
    for (unsigned i = 0; i < MODEL_QUEUES; i++) {
        model.queue[i] = (struct model_queue){.most = model.queue[i].most};
    }
}

static struct model_queue *selected(void)
{
    static struct model_queue none;

    none = (struct model_queue){0};
    return model.queue_sel < MODEL_QUEUES ? &model.queue[model.queue_sel] : &none;
}

static uint32_t half(uint64_t n, uint32_t sel) { return (uint32_t)(sel ? n >> 32 : n); }

static void set_half(uint64_t *n, bool upper, uint32_t value)
{
    *n = upper ? (uint32_t)*n | (uint64_t)value << 32 : *n >> 32 << 32 | value;
}

uint32_t fake_mmio_read(const volatile void *at, unsigned size)
{
    size_t reg = (size_t)((const volatile uint8_t *)at - window);

    assert(reg + size <= MODEL_REGISTERS && reg % size == 0);
    if (reg >= 0x100) {
        uint32_t value = 0;
        memcpy(&value, (char *)model.config + (reg - 0x100), size);
        return value;
    }
    assert(size == 4);
    switch (reg) {
    case 0x00:
        return model.magic;
    case 0x04:
        return model.version;
    case 0x08:
        return model.id;
    case 0x10:
        return half(model.features, model.features_sel);
    case 0x34:
        return selected()->most;
    case 0x44:
        return selected()->ready;
    case 0x60:
        return model.interrupts;
    case 0x70:
        return model.status;
    case 0xfc:
        return 0;
    default:
        panic("register 0x%zx cannot be read", reg);
    }
}

void fake_mmio_write(volatile void *at, uint32_t value)
{
    size_t reg = (size_t)((volatile uint8_t *)at - window);
    struct model_queue *q = selected();

    switch (reg) {
    case 0x14:
        model.features_sel = value;
        break;
    case 0x20:
        set_half(&model.driver_features, model.driver_sel, value);
        break;
    case 0x24:
        model.driver_sel = value;
        break;
    case 0x30:
        model.queue_sel = value;
        break;
    case 0x38:
        assert(value != 0 && value <= q->most && (value & (value - 1)) == 0);
        q->size = value;
        break;
    case 0x44:
        assert(value == 1 && q->descriptors % 16 == 0 && q->available % 2 == 0 &&
               q->used % 4 == 0 && !(model.status & 4));
        q->ready = value;
        break;
    case 0x50:
        assert(value < MODEL_QUEUES && (model.status & 4));
        model.kicks++;
        model.kicked |= 1u << value % 32;
        break;
    case 0x64:
        model.interrupts &= ~value;
        break;
    case 0x70:
        if (value == 0) {
            reset();
        } else {
            assert((value & model.status) == model.status || (value & 128));
            if (model.no_agreement) value &= ~8u;
            assert(!(value & 8) || (model.driver_features & ~model.features) == 0);
            model.status = value;
        }
        break;
    case 0x80:
    case 0x84:
        set_half(&q->descriptors, reg == 0x84, value);
        break;
    case 0x90:
    case 0x94:
        set_half(&q->available, reg == 0x94, value);
        break;
    case 0xa0:
    case 0xa4:
        set_half(&q->used, reg == 0xa4, value);
        break;
    default:
        panic("register 0x%zx cannot be written", reg);
    }
}

/* ---- rings ---- */

struct model_descriptor *model_descriptors(unsigned queue)
{
    return pa_to_ptr(PA(model.queue[queue].descriptors));
}
struct model_available *model_available(unsigned queue)
{
    return pa_to_ptr(PA(model.queue[queue].available));
}
struct model_used *model_used(unsigned queue)
{
    return pa_to_ptr(PA(model.queue[queue].used));
}

void *model_memory(const struct virtio_piece *piece)
{
    char *at = pa_to_ptr(piece->at);

    assert(piece->len != 0 && !__asan_region_is_poisoned(at, piece->len));
    return at;
}

/* True, unless the device has brought this upon itself. */
static bool must(bool held)
{
    assert(held || model.wild);
    return held;
}

bool model_take(unsigned queue, struct model_chain *out)
{
    struct model_queue *q = &model.queue[queue];

    if (!q->ready || !(model.status & 4)) return false;
    const struct model_available *a = model_available(queue);
    if (a->index == q->seen) return false;
    if (!must((uint16_t)(a->index - q->seen) <= q->size)) return false;
    unsigned at = a->ring[q->seen % q->size];
    *out = (struct model_chain){.queue = queue, .head = at};
    for (bool more = true; more;) {
        if (!must(at < q->size && out->nread + out->nwrite < q->size)) return false;
        struct model_descriptor d = model_descriptors(queue)[at];
        struct virtio_piece *p = &out->pieces[out->nread + out->nwrite];
        *p = (struct virtio_piece){PA(d.at), d.len};
        if (!model.wild) model_memory(p);
        assert(model.wild ||
               ((d.flags & ~3u) == 0 && (out->nwrite == 0 || (d.flags & 2))));
        *(d.flags & 2 ? &out->nwrite : &out->nread) += 1;
        more = d.flags & 1;
        at = d.next;
    }
    q->seen++;
    return true;
}

void model_return(const struct model_chain *c, uint32_t written)
{
    struct model_used *u = model_used(c->queue);
    unsigned at = u->index % model.queue[c->queue].size;

    u->ring[at].head = c->head;
    u->ring[at].written = written;
    u->index++;
}

void model_interrupt(unsigned why)
{
    if (!(model.status & 4) || !handler) return;
    model.interrupts |= why;
    preempt_off();
    handler->handle(handler);
    preempt_on();
    assert(model.interrupts == 0);
}

void model_begin(uint32_t id, uint64_t features, unsigned nqueues)
{
    fake_machine();
    fake_hart = 0;
    this_context = &thread.ctx;
    heap_at = 0;
    nlive = 0;
    __asan_poison_memory_region(heap(), HEAP_SIZE);
    handler = NULL;
    timer = NULL;
    model_when_blocked = NULL;
    model_allocations_left = -1;
    model = (struct model){.magic = 0x74726976,
                           .version = 2,
                           .id = id,
                           .features = features | VIRTIO_VERSION_1};
    for (unsigned i = 0; i < nqueues; i++) {
        model.queue[i].most = MODEL_ENTRIES;
    }
}

void model_end(void) { assert(nlive == 0); }
