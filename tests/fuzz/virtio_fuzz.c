/*
 * A device with ports that does whatever the bytes say: it fills buffers with anything,
 * returns what it has and has not, moves its indices, and asks to be reset, while somebody
 * reads and writes. Nothing may be touched that is not the driver's, and every wait ends.
 */
// sources: tests/host/virtio_model.c kernel/drivers/virtio.c
// sources: kernel/mm/page.c kernel/mm/buddy.c kernel/mm/hart_frames.c kernel/mm/page_bank.c
// sources: kernel/mm/page_debug.c kernel/sync/spinlock.c
// sources: tests/host/fake/machine.c tests/host/fake/grace.c
#include "drivers/virtio_console.c" /* and its statics */

#include "virtio_model.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { PORTS = 3, QUEUES = 2 * PORTS + 2, STEPS = 400 };

static struct virtio_device dev;
static const uint8_t *next;
static size_t left;

static uint32_t draw(uint32_t bound)
{
    uint32_t n = 0;

    for (unsigned i = 0; i < 2 && left != 0; i++, left--) {
        n = n << 8 | *next++;
    }
    return n % bound;
}

/* Something well formed, with any contents. */
static void fill_and_return(unsigned queue)
{
    struct model_chain c;
    size_t done = 0;

    if (!model_take(queue, &c)) return;
    uint32_t len = draw(80);
    if (c.nwrite) {
        uint8_t *at = model_memory(&c.pieces[c.nread]);
        for (; done < len && done < c.pieces[c.nread].len && left != 0; done++, left--) {
            at[done] = *next++;
        }
    }
    model_return(&c, draw(16) == 0 ? len * 1000 : (uint32_t)done);
}

/* A message that makes sense, as far as one can tell. */
static void say(void)
{
    struct model_chain c;
    struct message m = {draw(PORTS + 1), (uint16_t)draw(9), (uint16_t)draw(2)};

    if (!model_take(QUEUE_MESSAGES_IN, &c)) return;
    memcpy(model_memory(&c.pieces[0]), &m, sizeof(m));
    model_return(&c, sizeof(m) + draw(8));
}

static void device_step(void)
{
    unsigned queue = draw(QUEUES);
    bool live = model.queue[queue].ready;

    switch (draw(12)) {
    case 0:
        if (live)
            model_used(queue)->index = (uint16_t)(model_used(queue)->index + draw(3));
        break;
    case 1:
        if (live) model_used(queue)->ring[draw(4)].head = draw(0x10000);
        break;
    case 2:
        if (draw(16) == 0) model.status |= 64;
        model_interrupt(2);
        break;
    case 3:
        model.config[draw(2)] = draw(0x10000);
        break;
    case 4:
    case 5:
    case 6:
        say();
        break;
    case 7:
        model_interrupt(1);
        break;
    default:
        fill_and_return(queue);
    }
}

static void guest_step(struct port *p)
{
    char bytes[5000];
    size_t len = 1 + draw(sizeof(bytes));
    long n = 0;

    memset(bytes, 7, sizeof(bytes));
    switch (draw(5)) {
    case 0:
        port_open(p);
        break;
    case 1:
        if (p->opens) port_close(p);
        break;
    case 2:
        n = port_try_read(p, bytes, len);
        break;
    case 3:
        n = port_try_write(p, bytes, len);
        break;
    default:
        port_ready(p);
    }
    assert(n <= (long)len && (n >= 0 || n == -EAGAIN || n == -EIO || n == -EPIPE));
}

static void wait_step(void)
{
    device_step();
    model_interrupt(1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    next = data;
    left = size;
    all_ports = NULL;
    model_begin(VIRTIO_CONSOLE, FEATURE_SIZE | FEATURE_MULTIPORT, QUEUES);
    model_when_blocked = wait_step;
    model.config[1] = PORTS;
    model.wild = true;
    if (virtio_open(&dev, &model_slot) || ports_attach(&dev)) return 0;
    for (unsigned i = 0; i < STEPS && left != 0; i++) {
        device_step();
        guest_step(&all_ports->ports[draw(PORTS)]);
    }
    ports_settle();
    for (unsigned i = 0; i < PORTS; i++) {
        free_buffers(&all_ports->ports[i]);
    }
    return 0;
}
