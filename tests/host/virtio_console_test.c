/*
 * Ports, against a model that tells them as QEMU does, and moves bytes when it likes.
 */
// sources: tests/host/virtio_model.c kernel/drivers/virtio.c
// sources: kernel/mm/page.c kernel/mm/buddy.c kernel/mm/hart_frames.c kernel/mm/page_bank.c
// sources: kernel/mm/page_debug.c kernel/sync/spinlock.c
// sources: tests/host/fake/machine.c tests/host/fake/grace.c
#include "drivers/virtio_console.c" /* and its statics */

#include "virtio_model.h"

#include "test.h"

#include <stdio.h>

enum { PORTS = 15, STREAM = 100000 };

static struct virtio_device dev;
static unsigned lost; /* messages that found no buffer */
static bool silent;   /* the device does nothing */

/* The host's side. */
static struct far {
    bool guest_open, host_open;
    unsigned greeted; /* times that the guest said it is ready */
    uint8_t to_guest[STREAM], from_guest[2 * STREAM];
    size_t ready, sent, got; /* bytes it wants to send, has sent, has got */
    bool slow;               /* it takes nothing */
} far[PORT_MOST + 1];

static void say(unsigned port, enum event event, unsigned value, const char *text)
{
    struct model_chain c;
    struct message m = {port, (uint16_t)event, (uint16_t)value};
    size_t len = strlen(text);

    if (!model_take(QUEUE_MESSAGES_IN, &c)) {
        lost++;
        return;
    }
    char *at = model_memory(&c.pieces[0]);
    assert(c.nread == 0 && c.nwrite == 1 && c.pieces[0].len >= sizeof(m) + len);
    memcpy(at, &m, sizeof(m));
    memcpy(at + sizeof(m), text, len);
    model_return(&c, (uint32_t)(sizeof(m) + len));
}

static void open_host(unsigned port, bool open)
{
    far[port].host_open = open;
    say(port, EVENT_PORT_OPEN, open, "");
}

static void greet(unsigned port)
{
    char name[16];

    far[port].greeted++;
    snprintf(name, sizeof(name), "port.%u", port);
    say(port, EVENT_CONSOLE_PORT, 1, "");
    say(port, EVENT_PORT_NAME, 1, name);
    if (far[port].host_open) open_host(port, true);
}

static void hear_guest(void)
{
    struct model_chain c;

    while (model_take(QUEUE_MESSAGES_OUT, &c)) {
        const struct message *m = model_memory(&c.pieces[0]);
        assert(c.nwrite == 0 && c.nread == 1 && c.pieces[0].len == sizeof(*m));
        if (m->event == EVENT_DEVICE_READY) {
            for (unsigned i = 0; i < PORTS; i++) {
                say(i, EVENT_PORT_ADD, 1, "");
            }
        } else {
            assert(m->port < PORTS);
            if (m->event == EVENT_PORT_READY && m->value) greet(m->port);
            if (m->event == EVENT_PORT_OPEN) far[m->port].guest_open = m->value;
        }
        model_return(&c, 0);
    }
}

static void move_in(unsigned port)
{
    struct far *f = &far[port];
    struct model_chain c;

    while (f->guest_open && f->host_open && f->sent < f->ready &&
           model_take(queue_of_port(port), &c)) {
        size_t len = (size_t)(1 + test_random_below(c.pieces[0].len));
        assert(c.nread == 0 && c.nwrite == 1);
        if (len > f->ready - f->sent) len = f->ready - f->sent;
        memcpy(model_memory(&c.pieces[0]), &f->to_guest[f->sent], len);
        f->sent += len;
        model_return(&c, (uint32_t)len);
    }
}

static void move_out(unsigned port)
{
    struct far *f = &far[port];
    struct model_chain c;

    while (!f->slow && model_take(queue_of_port(port) + 1, &c)) {
        size_t len = c.pieces[0].len;
        assert(c.nread == 1 && c.nwrite == 0 && f->got + len <= sizeof(f->from_guest));
        memcpy(&f->from_guest[f->got], model_memory(&c.pieces[0]), len);
        f->got += len;
        model_return(&c, 0);
    }
}

static void step(void)
{
    if (!silent) {
        hear_guest();
        for (unsigned i = 0; i < PORTS; i++) {
            move_in(i);
            move_out(i);
        }
    }
    model_interrupt(1);
}

static void begin_test(void)
{
    all_ports = NULL;
    lost = 0;
    silent = false;
    memset(far, 0, sizeof(far));
    model_begin(VIRTIO_CONSOLE, FEATURE_SIZE | FEATURE_MULTIPORT, 2 * PORTS + 2);
    model_when_blocked = step;
    model.config[0] = 80 | 25 << 16;
    model.config[1] = PORTS;
    for (unsigned i = 0; i < PORTS; i++) {
        for (unsigned n = 0; n < STREAM; n++) {
            far[i].to_guest[n] = (uint8_t)test_random();
        }
    }
}

static int attach(void)
{
    return virtio_open(&dev, &model_slot) ? -ENODEV : ports_attach(&dev);
}

/* The buffers of ports are for ever; the next test has its own. */
static void end_test(void)
{
    if (all_ports) {
        for (unsigned i = 0; i < all_ports->nports; i++) {
            free_buffers(&all_ports->ports[i]);
        }
    }
    if (!all_ports) model_end();
}

static struct port *begin_open(const char *name)
{
    begin_test();
    far[3].host_open = true;
    int err = attach();
    assert(err == 0);
    struct port *p = port_find(name);
    assert(p);
    port_open(p);
    return p;
}

TEST(all_ports_are_told_with_their_names_and_no_message_is_lost)
{
    begin_test();
    EXPECT_EQ(attach(), 0);
    for (unsigned i = 0; i < PORTS; i++) {
        char name[16];
        snprintf(name, sizeof(name), "port.%u", i);
        EXPECT(port_find(name) == port_get(i) && port_get(i));
        EXPECT_EQ(far[i].greeted, 1);
        EXPECT(!far[i].guest_open);
    }
    EXPECT_EQ(lost, 0);
    EXPECT(!port_find("port") && !port_find("") && !port_get(PORTS));
    EXPECT_EQ(port_window(port_get(0)).columns, 80);
    EXPECT_EQ(port_window(port_get(0)).rows, 25);
    end_test();
}

TEST(a_port_is_open_while_somebody_has_it_open)
{
    struct port *p = begin_open("port.3");

    step();
    EXPECT(far[3].guest_open && !far[2].guest_open);
    port_open(p);
    port_close(p);
    step();
    EXPECT(far[3].guest_open);
    port_close(p);
    step();
    EXPECT(!far[3].guest_open);
    end_test();
}

TEST(bytes_come_in_order_and_then_the_end)
{
    static uint8_t got[STREAM + 1];
    struct port *p = begin_open("port.3");
    size_t n = 0;
    long some;

    far[3].ready = STREAM;
    while (n < STREAM &&
           (some = port_read(p, got + n, 1 + test_random_below(5000))) > 0) {
        n += (size_t)some;
        if (n > STREAM / 2 && far[3].sent == STREAM && far[3].host_open)
            open_host(3, false);
    }
    if (far[3].host_open) open_host(3, false);
    EXPECT_EQ(n, STREAM);
    EXPECT(memcmp(got, far[3].to_guest, STREAM) == 0);
    EXPECT_EQ(port_read(p, got, 1), 0);
    EXPECT_EQ(port_read(p, got, 1), 0);
    EXPECT_EQ(port_ready(p), PORT_READABLE | PORT_WRITABLE | PORT_HANGUP);
    EXPECT_EQ(port_write(p, got, 1), -EPIPE);
    open_host(3, true);
    step();
    EXPECT_EQ(port_try_read(p, got, 1), -EAGAIN);
    end_test();
}

/* The host sends no more than there are buffers for until somebody reads. */
TEST(who_does_not_read_holds_the_host_back)
{
    struct port *p = begin_open("port.3");

    far[3].ready = STREAM;
    for (unsigned i = 0; i < 100; i++) {
        step();
    }
    EXPECT(far[3].sent <= BUFFERS * PAGE_SIZE && far[3].sent > 0);
    EXPECT(port_ready(p) & PORT_READABLE);
    end_test();
}

TEST(a_slow_host_holds_writers_back_and_gets_every_byte)
{
    static uint8_t out[STREAM];
    struct port *p = begin_open("port.3");
    size_t n = 0;

    for (unsigned i = 0; i < STREAM; i++) {
        out[i] = (uint8_t)test_random();
    }
    far[3].slow = true;
    for (long some;
         (some = port_try_write(p, out + n, 1 + test_random_below(300))) > 0;) {
        n += (size_t)some;
        step();
    }
    /* One went alone, before there was more; the others are full. */
    EXPECT(n > (BUFFERS - 1) * PAGE_SIZE && n <= BUFFERS * PAGE_SIZE);
    EXPECT(!(port_ready(p) & PORT_WRITABLE));
    EXPECT_EQ(port_try_write(p, out, 1), -EAGAIN);
    far[3].slow = false;
    EXPECT_EQ(port_write(p, out + n, STREAM - n), STREAM - n);
    EXPECT_EQ(port_drain(p), 0);
    EXPECT_EQ(far[3].got, STREAM);
    EXPECT(memcmp(out, far[3].from_guest, STREAM) == 0);
    end_test();
}

TEST(a_single_byte_does_not_wait_for_others)
{
    struct port *p = begin_open("port.3");

    EXPECT_EQ(port_write(p, "x", 1), 1);
    move_out(3);
    EXPECT_EQ(far[3].got, 1);
    end_test();
}

TEST(before_the_host_opens_nobody_reads_the_end_or_writes_into_nothing)
{
    struct port *p = begin_open("port.2");
    char byte;

    step();
    EXPECT_EQ(port_ready(p), 0);
    EXPECT_EQ(port_try_read(p, &byte, 1), -EAGAIN);
    EXPECT_EQ(port_try_write(p, &byte, 1), -EAGAIN);
    open_host(2, true);
    step();
    EXPECT_EQ(port_ready(p), PORT_WRITABLE);
    end_test();
}

TEST(windows_change_their_size)
{
    struct port *p = begin_open("port.3");
    const uint16_t size[2] = {132, 50};
    char bytes[5];

    memcpy(bytes, size, 4);
    bytes[4] = '\0';
    say(3, EVENT_RESIZE, 0, "\x84"); /* half a size is none */
    step();
    EXPECT_EQ(port_window(p).changes, 0);
    struct model_chain c;
    struct message m = {3, EVENT_RESIZE, 0};
    assert(model_take(QUEUE_MESSAGES_IN, &c));
    memcpy(model_memory(&c.pieces[0]), &m, sizeof(m));
    memcpy((char *)model_memory(&c.pieces[0]) + sizeof(m), size, sizeof(size));
    model_return(&c, sizeof(m) + sizeof(size));
    step();
    EXPECT_EQ(port_window(p).columns, 132);
    EXPECT_EQ(port_window(p).rows, 50);
    EXPECT_EQ(port_window(p).changes, 1);
    end_test();
}

TEST(a_port_that_is_taken_away_has_hung_up)
{
    struct port *p = begin_open("port.3");
    char byte;

    say(3, EVENT_PORT_REMOVE, 0, "");
    step();
    EXPECT_EQ(port_try_read(p, &byte, 1), 0);
    EXPECT_EQ(port_try_write(p, &byte, 1), -EPIPE);
    EXPECT(!port_get(3) && !port_find("port.3"));
    end_test();
}

/* ---- devices that do not behave ---- */

TEST(a_device_that_fails_ends_all_waits_with_eio)
{
    struct port *p = begin_open("port.3");
    char byte;

    far[3].slow = true;
    EXPECT_EQ(port_write(p, "x", 1), 1);
    model_used(0)->index += 9;
    model_interrupt(1);
    EXPECT(virtio_has_failed(&dev));
    EXPECT_EQ(port_read(p, &byte, 1), -EIO);
    EXPECT_EQ(port_write(p, &byte, 1), -EIO);
    EXPECT(port_ready(p) & PORT_FAILED);
    port_close(p);
    end_test();
}

TEST(messages_that_make_no_sense_change_nothing)
{
    struct port *p = begin_open("port.3");
    char byte;

    say(PORTS, EVENT_PORT_ADD, 1, "");
    say(0xffffffff, EVENT_PORT_OPEN, 1, "");
    say(3, 77, 1, "");
    say(3, EVENT_PORT_ADD, 1, "");
    say(3, EVENT_PORT_NAME, 1, "another name");
    struct model_chain c;
    assert(model_take(QUEUE_MESSAGES_IN, &c));
    model_return(&c, 3); /* not a whole one */
    step();
    EXPECT_EQ(lost, 0);
    EXPECT_STR(port_name(p), "port.3");
    EXPECT_EQ(port_try_read(p, &byte, 1), -EAGAIN);
    far[3].ready = 1;
    EXPECT_EQ(port_read(p, &byte, 1), 1);
    end_test();
}

TEST(a_device_that_tells_nothing_is_not_waited_for)
{
    begin_test();
    silent = true;
    EXPECT_EQ(attach(), 0);
    EXPECT(!port_find("port.3"));
    end_test();
}

TEST(a_device_without_messages_is_one_port)
{
    begin_test();
    model.features = VIRTIO_VERSION_1;
    EXPECT_EQ(attach(), 0);
    struct port *p = port_get(0);
    EXPECT(p && !port_get(1));
    far[0].guest_open = far[0].host_open = true;
    far[0].ready = 5;
    char bytes[5];
    EXPECT_EQ(port_read(p, bytes, 5) > 0, true);
    EXPECT_EQ(port_write(p, "abc", 3), 3);
    EXPECT_EQ(port_drain(p), 0);
    EXPECT_EQ(far[0].got, 3);
    end_test();
}

TEST(every_allocation_of_the_start_may_fail)
{
    for (int n = 0;; n++) {
        begin_test();
        model_allocations_left = n;
        int err = attach();
        if (err == 0) {
            EXPECT(n > 2 * PORTS);
            model_allocations_left = -1;
            end_test();
            return;
        }
        EXPECT_EQ(err, -ENOMEM);
        EXPECT(!all_ports && model.status == 0);
        end_test();
    }
}

/* A port that has no memory for buffers is not there; the others are. */
TEST(every_frame_of_a_buffer_may_be_missing)
{
    for (unsigned n = 0; n < 2 * BUFFERS; n++) {
        begin_test();
        uint64_t before = page_free_count();
        EXPECT_EQ(attach(), 0);
        page_fail_after(2 * BUFFERS + n);
        EXPECT(port_find("port.0") && !port_find("port.1") && !port_get(1));
        page_fail_never();
        EXPECT_EQ(page_free_count(), before - 2 * BUFFERS);
        end_test();
    }
}
