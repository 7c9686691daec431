/*
 * The console: the serial port as a terminal, /dev/ttyS0 and /dev/console.
 *
 *      interrupt: bytes ---> tty_receive()
 *      interrupt: room  ---> ldisc_take_output() ---> chunk ---> port
 *      program writes, echo ------------^                  ^
 *      the kernel's log, line by line ---------------------+
 *
 * Output goes to the port in chunks, each of which it takes whole or not at all. What it does not
 * take now it asks for by an interrupt. The log writes between chunks, whole lines, by polling.
 *
 * Back-pressure: programs wait for room in the line discipline's ring. When that takes no keys
 * any more, the port is not asked for any, and holds up whoever sends them.
 *
 * Without a port that interrupts there is nothing to be read, and output is written at once by way
 * of the log's console.
 *
 * Locks: the terminal's, which is taken by the interrupt's handler, too.
 */
#include "drivers/devices.h"
#include "drivers/devtree.h"
#include "drivers/uart.h"
#include "fs/devices.h"
#include "lib/log.h"
#include "tty/internal.h"
#include "uapi/stat.h"

enum { BURSTS = 8 }; /* that are sent with the lock held; then others have a turn */

struct tty console_tty;

static struct irq_handler interrupt;
static bool interrupts; /* set once */

/* Under the terminal's lock. */
static uint8_t chunk[UART_BURST]; /* taken, and not sent yet */
static size_t chunk_len;

static bool fill_chunk(struct ldisc *l)
{
    if (chunk_len == 0) chunk_len = ldisc_take_output(l, chunk, sizeof(chunk));
    return chunk_len > 0;
}

static void ask(const struct ldisc *l)
{
    bool more = chunk_len > 0 || ldisc_output_count(l) > 0;

    uart_ask((ldisc_has_input_room(l) ? UART_INPUT : 0) | (more ? UART_OUTPUT : 0));
}

static void send_by_interrupts(struct ldisc *l)
{
    for (unsigned i = 0; i < BURSTS && fill_chunk(l); i++) {
        if (!uart_send(chunk, chunk_len)) break;
        chunk_len = 0;
    }
    ask(l);
}

static void send_at_once(struct ldisc *l)
{
    while (fill_chunk(l)) {
        console_write((const char *)chunk, chunk_len);
        chunk_len = 0;
    }
}

static void output(struct tty *t)
{
    if (interrupts) {
        send_by_interrupts(&t->line);
    } else {
        send_at_once(&t->line);
    }
    tty_output_taken(t);
}

static void input_room(struct tty *t)
{
    if (interrupts) ask(&t->line);
}

static void interrupted(struct irq_handler *h)
{
    struct tty *t = &console_tty;
    uint8_t key;

    (void)h;
    tty_lock(t);
    while (ldisc_has_input_room(&t->line) && uart_receive(&key)) {
        size_t taken = tty_receive(t, &key, 1);
        debug_assert(taken == 1);
    }
    output(t);
    tty_unlock(t);
}

/* The port is as firmware has left it: eight bits. */
static void adjust(struct linux_termios2 *modes)
{
    modes->c_cflag = (modes->c_cflag & ~(CSIZE | PARENB)) | CS8 | CREAD | CLOCAL;
}

static void destroy(struct tty *t)
{
    (void)t;
    debug_assert(false); /* there is a reference that nobody gives back */
}

static const struct tty_ops console_ops = {
    .output = output, .input_room = input_room, .adjust = adjust, .destroy = destroy};

static int open_serial(struct inode *i, struct file *f)
{
    (void)i;
    return tty_open(&console_tty, f, TTY_OPEN);
}

static int open_console(struct inode *i, struct file *f)
{
    (void)i;
    return tty_open(&console_tty, f, TTY_OPEN_CONSOLE);
}

static struct char_device devices[] = {
    {.name = "ttyS0", .count = 1, .mode = 0660, .open = open_serial},
    {.name = "console", .count = 1, .mode = 0600, .open = open_console},
};

int console_init(const struct devtree *dt)
{
    struct tty *t = &console_tty;
    int err;

    devices[0].number = device_number(TTY_MAJOR, MINOR_SERIAL);
    devices[1].number = device_number(TTY_AUX_MAJOR, MINOR_CONSOLE);
    tty_setup(t, &console_ops, devices[0].number, false);
    interrupt.handle = interrupted;
    interrupts = devtree_device_present(&dt->uart.dev) && devices_can_interrupt(dt) &&
                 uart_listen(&dt->uart, &interrupt) == 0;
    if (interrupts) {
        uart_ask(UART_INPUT);
    } else {
        log_warn("console: no port interrupts, so nothing can be typed");
    }
    err = device_register(&devices[0]);
    return err ? err : device_register(&devices[1]);
}
