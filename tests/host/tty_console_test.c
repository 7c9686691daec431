/* The serial port as a terminal, with a port that the test plays. */
// sources: kernel/fs/attributes.c kernel/fs/cred.c kernel/fs/dentry.c kernel/fs/devices.c
// sources: kernel/fs/file.c kernel/fs/inode.c kernel/fs/locks.c kernel/fs/mount.c
// sources: kernel/fs/names.c kernel/fs/open.c kernel/fs/pagecache.c kernel/fs/pipe.c
// sources: kernel/fs/rename.c kernel/fs/seals.c kernel/fs/transfer.c kernel/fs/walk.c
// sources: kernel/fs/tmpfs/tmpfs.c kernel/fs/devfs/devfs.c kernel/lib/printf.c
// sources: kernel/mm/slab.c kernel/mm/slab_debug.c kernel/mm/kmalloc.c kernel/mm/object.c
// sources: kernel/mm/page.c kernel/mm/buddy.c kernel/mm/hart_frames.c kernel/mm/page_bank.c
// sources: kernel/mm/page_debug.c kernel/sync/spinlock.c
// sources: kernel/sched/wait.c kernel/sched/mutex.c
// sources: kernel/tty/tty.c kernel/tty/ldisc.c kernel/tty/ldisc_output.c kernel/tty/ioctl.c
// sources: kernel/tty/control.c kernel/tty/pty.c kernel/tty/devpts.c kernel/tty/console.c
// sources: tests/host/fake/machine.c tests/host/fake/grace.c tests/host/fake/threads.c
// sources: tests/host/fake/rmap.c tests/host/fake/uaccess.c tests/host/fs/rig.c
// sources: tests/host/tty/rig.c
// libs: -lpthread
#include "drivers/devices.h"
#include "drivers/devtree.h"
#include "drivers/uart.h"
#include "fake/threads.h"
#include "fs/devices.h"
#include "lib/errno.h"
#include "lib/log.h"
#include "tty/internal.h"
#include "tty/rig.h"
#include "uapi/fcntl.h"
#include "uapi/poll.h"

#include <stdlib.h>

/* ---- the port ---- */

static struct {
    bool present;
    struct irq_handler *handler;
    unsigned asked;
    unsigned room; /* bursts that it takes */
    char sent[1 << 16];
    size_t nsent;
    const char *typed;
} port;

bool devices_can_interrupt(const struct devtree *dt)
{
    (void)dt;
    return port.present;
}

int uart_listen(const struct devtree_uart *uart, struct irq_handler *h)
{
    (void)uart;
    port.handler = h;
    return 0;
}

void uart_ask(unsigned events) { port.asked = events; }

static void send(const void *bytes, size_t len)
{
    assert(port.nsent + len < sizeof(port.sent));
    memcpy(port.sent + port.nsent, bytes, len);
    port.nsent += len;
    port.sent[port.nsent] = 0;
}

bool uart_send(const uint8_t *bytes, size_t len)
{
    assert(len > 0 && len <= UART_BURST);
    if (port.room == 0) return false;
    port.room--;
    send(bytes, len);
    return true;
}

bool uart_receive(uint8_t *byte)
{
    if (!port.typed || !*port.typed) return false;
    *byte = (uint8_t)*port.typed++;
    return true;
}

void console_write(const char *bytes, size_t len) { send(bytes, len); }

static unsigned warnings;
void log_line(enum log_level level, const char *fmt, ...)
{
    (void)level;
    (void)fmt;
    warnings++;
}

/* The port has something, and interrupts if it has been asked to. */
static void interrupt(void)
{
    for (unsigned i = 0; i < 10000; i++) {
        bool input = port.asked & UART_INPUT && port.typed && *port.typed;
        bool output = port.asked & UART_OUTPUT && port.room > 0;
        if (!input && !output) return;
        port.handler->handle(port.handler);
    }
    abort(); /* it asks for ever */
}

static void key_in(const char *keys)
{
    port.typed = keys;
    interrupt();
}

static const char *sent(void)
{
    static char text[sizeof(port.sent)];

    interrupt();
    memcpy(text, port.sent, port.nsent + 1);
    port.nsent = 0;
    port.sent[0] = 0;
    return text;
}

/* ---- the terminal ---- */

static struct file *serial, *console;

static void begin(void)
{
    static bool started;
    struct devtree dt = {.uart.dev.regs = {PA(0x1000), PA(0x1100)}, .uart.dev.irq = 10};

    port.present = true;
    if (!started) assert(console_init(&dt) == 0);
    started = true;
    port.room = 1000;
    tty_rig_begin();
    EXPECT_EQ(rig_open("/dev/ttyS0", O_RDWR | O_NONBLOCK | O_NOCTTY, &serial), 0);
    EXPECT_EQ(rig_open("/dev/console", O_RDWR | O_NONBLOCK, &console), 0);
}

static void end(void)
{
    EXPECT_EQ(tty_call_value(serial, TCFLSH, TCIOFLUSH), 0);
    file_put(serial);
    file_put(console);
    tty_rig_end();
    EXPECT_STR(sent(), "");
}

TEST(keys_come_by_interrupts_and_are_echoed)
{
    begin();
    EXPECT_EQ(port.asked, UART_INPUT);
    key_in("ls\x7f-\r");
    EXPECT_STR(screen(serial), "l-\n");
    EXPECT_STR(sent(), "ls\b \b-\r\n");
    end();
}

TEST(output_that_the_port_does_not_take_waits_for_an_interrupt)
{
    begin();
    port.room = 1;
    EXPECT_EQ(type(serial, "0123456789abcdef0123456789\n"), 27);
    EXPECT_EQ(port.asked, UART_INPUT | UART_OUTPUT);
    EXPECT_STR(sent(), "0123456789abcdef");
    port.room = 1;
    EXPECT_STR(sent(), "0123456789\r\n");
    EXPECT_EQ(port.asked, UART_INPUT);
    end();
}

TEST(writers_wait_for_a_slow_port)
{
    static char text[20000];
    size_t done = 0, out = 0;

    begin();
    memset(text, 'x', sizeof(text));
    port.room = 0;
    while (done < sizeof(text)) {
        long n = rig_file_write(serial, text + done, sizeof(text) - done);
        if (n == -EAGAIN) {
            EXPECT_EQ(file_poll(serial, NULL) & POLLOUT, 0);
            port.room = 10;
            out += strlen(sent());
        } else if (EXPECT(n > 0)) {
            done += (size_t)n;
        } else {
            break;
        }
    }
    port.room = 10000;
    EXPECT_EQ(out + strlen(sent()), sizeof(text));
    end();
}

TEST(a_stop_keeps_what_has_not_been_sent)
{
    begin();
    port.room = 0;
    type(serial, "0123456789abcdefrest");
    key_in("\x13");
    port.room = 100;
    EXPECT_STR(sent(), "0123456789abcdef"); /* it was on its way */
    EXPECT_EQ(port.asked, UART_INPUT);
    key_in("e");
    EXPECT_STR(sent(), "");
    key_in("\x11");
    EXPECT_STR(sent(), "reste");
    end();
}

TEST(keys_for_which_there_is_no_room_stay_in_the_port)
{
    static char keys[6000];
    char got[8192];

    begin();
    modes_make_raw(serial, 1, 0);
    memset(keys, 'k', sizeof(keys) - 1);
    key_in(keys);
    EXPECT_EQ(port.asked & UART_INPUT, 0);
    EXPECT_EQ(port.typed - keys, 4095);
    EXPECT_EQ(rig_file_read(serial, got, sizeof(got)), 4095);
    EXPECT_EQ(port.asked & UART_INPUT, UART_INPUT);
    interrupt();
    EXPECT_EQ(rig_file_read(serial, got, sizeof(got)), 5999 - 4095);
    struct linux_termios modes = modes_get(serial);
    modes.c_lflag = ICANON | ECHO | ISIG | ECHOE | ECHOCTL | IEXTEN;
    modes.c_iflag = ICRNL | IXON;
    modes.c_oflag = OPOST | ONLCR;
    modes_set(serial, &modes);
    end();
}

TEST(a_hang_up_makes_room_for_keys)
{
    static char keys[5000];

    begin();
    memset(keys, 'k', sizeof(keys) - 1);
    keys[0] = '\n'; /* a line that waits: the rest is not one line */
    key_in(keys);
    EXPECT_EQ(port.asked & UART_INPUT, 0);
    port.typed = NULL;
    tty_hang_up(&console_tty);
    EXPECT_EQ(port.asked & UART_INPUT, UART_INPUT);
    port.room = 10000;
    EXPECT(strlen(sent()) > 4000);
    file_put(serial);
    EXPECT_EQ(rig_open("/dev/ttyS0", O_RDWR | O_NONBLOCK | O_NOCTTY, &serial), 0);
    end();
}

TEST(a_flush_takes_back_what_has_not_been_sent)
{
    uint32_t n = 0;

    begin();
    port.room = 0;
    type(serial, "0123456789abcdefrest");
    EXPECT_EQ(tty_call(serial, TIOCOUTQ, &n, sizeof(n)), 0);
    EXPECT_EQ(n, 4);
    EXPECT_EQ(tty_call_value(serial, TCFLSH, TCOFLUSH), 0);
    port.room = 10;
    EXPECT_STR(sent(), "0123456789abcdef");
    end();
}

TEST(the_console_is_beyond_job_control_and_hang_ups)
{
    struct file *f;

    begin();
    EXPECT(jobs[0].tty ==
           NULL); /* nor does opening it make it the controlling terminal */
    EXPECT_EQ(rig_open("/dev/ttyS0", O_RDWR | O_NONBLOCK, &f), 0);
    EXPECT_EQ(jobs[0].tty, &console_tty);
    jobs[1].tty = &console_tty;
    tty_get(&console_tty);
    job_self = &jobs[1];
    EXPECT_STR(screen(serial), "-512");
    EXPECT_STR(job_signals(), "21 11");
    EXPECT_STR(screen(console), "-11");
    tty_hang_up(&console_tty);
    EXPECT_STR(job_signals(), "1 -10 18 -10 1 10");
    EXPECT_STR(screen(serial), "");
    EXPECT_EQ(type(serial, "x"), -EIO);
    EXPECT_EQ(type(console, "y"), 1);
    EXPECT_STR(sent(), "y");
    file_put(serial);
    file_put(f);
    EXPECT_EQ(rig_open("/dev/ttyS0", O_RDWR | O_NONBLOCK | O_NOCTTY, &serial), 0);
    EXPECT_EQ(type(serial, "z"), 1); /* who opens it afterwards is not concerned */
    EXPECT_STR(sent(), "z");
    end();
}
