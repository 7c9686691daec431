/*
 * Linux as the oracle: the same keys, writes, reads and modes for a pty of this machine and for
 * one of ours, and what comes out at both ends compared. A difference is a bug of ours, or a
 * reason to be written down here.
 *
 *     TEST_SEED=n ORACLE_STEPS=100000 build/host/tty_oracle_test
 *
 * Linux's bytes travel by way of a worker thread. So each step ends when Linux shows as much as we
 * do, on the screen and as a number of bytes to be read; what it shows too much is seen by
 * a later step. A character that flushes or stops is a step of its own, since Linux echoes what
 * came before it in one go, and forgets what the worker has not carried yet.
 *
 * When that shows nothing, for a line waits to be read and echo is off or stopped, all we can do is
 * to give the worker time. So a difference counts if it comes again when the same steps are
 * repeated.
 *
 * Left out: OLCUC, with which Linux changes the letters of ISO 8859-1, too; and the byte 0xff
 * without OPOST, whose echo is the only one that moves Linux's idea of the cursor; and TCIOFF, whose
 * character Linux sends even while output is stopped; and other ways of output while echo is held
 * back by a stop, which Linux processes when it goes out, and we when it is typed.
 *
 * Without ptys on this machine it says so, and is content.
 */
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
// sources: kernel/tty/control.c kernel/tty/pty.c kernel/tty/devpts.c
// sources: tests/host/fake/machine.c tests/host/fake/grace.c tests/host/fake/threads.c
// sources: tests/host/fake/rmap.c tests/host/fake/uaccess.c tests/host/fs/rig.c
// sources: tests/host/tty/rig.c tests/host/tty/host_pty.c
// libs: -lpthread
#include "lib/errno.h"
#include "tty/host_pty.h"
#include "tty/internal.h"
#include "tty/rig.h"
#include "uapi/poll.h"

#include <stdio.h>
#include <stdlib.h>

enum { STEPS = 3000, ROUND = 100, TRIES = 4, PATIENCE = 2000, BIG = 1 << 14 };

static struct pair ours;
static int master, slave;
static bool different;
static bool quiet; /* a difference will be looked for once more */
static char said[256];

enum { HISTORY = 20 };
static char history[HISTORY][256]; /* the last steps */
static unsigned steps_done;

static uint64_t random_state;

/* Steps can be repeated (splitmix64). */
static uint64_t below(uint64_t n)
{
    uint64_t z = random_state += 0x9e3779b97f4a7c15;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return (z ^ z >> 31) % n;
}

static void show(const char *who, const uint8_t *bytes, long n)
{
    printf("  %s (%ld):", who, n);
    for (long i = 0; bytes && i < n; i++) {
        printf(bytes[i] > ' ' && bytes[i] < 0x7f ? " %c" : " \\x%02x", bytes[i]);
    }
    printf("\n");
}

static void report(const char *what, const uint8_t *a, long n, const uint8_t *b, long m)
{
    for (unsigned i = steps_done > HISTORY ? steps_done - HISTORY : 0; i < steps_done;
         i++) {
        printf("%s\n", history[i % HISTORY]);
    }
    printf("%s: %s\n", said, what);
    show("ours", a, n);
    show("Linux", b, m);
}

/* Numbers, and if there are any, bytes. */
static void compare(const char *what, const uint8_t *a, long n, const uint8_t *b, long m)
{
    if (n == m && (!a || n <= 0 || memcmp(a, b, (size_t)n) == 0)) return;
    if (!quiet) report(what, a, n, b, m);
    different = true;
}

static void compare_screens(void)
{
    static uint8_t a[BIG], b[BIG];
    long n = rig_file_read(ours.master, a, sizeof(a)), m = 0;

    if (n == -EAGAIN) n = 0;
    for (unsigned tries = 0; tries < PATIENCE; tries++) {
        long more = host_pty_read(master, b + m, sizeof(b) - (size_t)m);
        if (more > 0) m += more;
        if (m >= n) break;
        host_pause(100);
    }
    compare("screen", a, n, b, m);
}

static void compare_counts(void)
{
    uint32_t n = 0, m = 0;

    assert(tty_call(ours.slave, TIOCINQ, &n, sizeof(n)) == 0);
    for (unsigned tries = 0; tries < PATIENCE; tries++) {
        host_pty_poll(slave);
        host_pty_call(slave, TIOCINQ, &m);
        if (n == m) break;
        host_pause(100);
    }
    compare("count", NULL, n, NULL, m);
}

static void compare_polls(void)
{
    const unsigned looked_at = POLLIN | POLLOUT | POLLHUP | POLLPRI | POLLERR;

    unsigned n = file_poll(ours.slave, NULL) & looked_at, m = host_pty_poll(slave);
    for (unsigned tries = 0; n != m && tries < PATIENCE; tries++) {
        host_pause(100);
        m = host_pty_poll(slave);
    }
    compare("poll of the slave", NULL, n, NULL, m);
}

static void say(const char *step, const uint8_t *bytes, size_t len)
{
    size_t at = (size_t)snprintf(said, sizeof(said), "%s", step);

    for (size_t i = 0; i < len; i++) {
        at += (size_t)snprintf(said + at, sizeof(said) - at, " %02x", bytes[i]);
    }
}

static void catch_up(void)
{
    compare_screens();
    compare_counts();
    if (host_pty_poll(slave) & POLLIN) host_pause(1000);
    compare_screens();
    compare_polls();
}

/* ---- steps ---- */

static uint8_t random_byte(void)
{
    static const uint8_t special[] =
        "\r\n\t\b\x7f\x15\x17\x12\x16\x04\x11\x13 _\\/^;\xff\xc3\xa9";

    switch (below(8)) {
    case 0:
    case 1:
    case 2:
        return special[below(sizeof(special) - 1)];
    case 3:
        return (uint8_t)below(256);
    case 4:
        return (uint8_t)(0x80 + below(64));
    default:
        return (uint8_t)('a' + below(26));
    }
}

/* Does it flush or stop? */
static bool stands_alone(uint8_t c)
{
    const struct linux_termios modes = modes_get(ours.slave);

    if (modes.c_iflag & ISTRIP) c &= 0x7f;
    bool flushes =
        c == modes.c_cc[VINTR] || c == modes.c_cc[VQUIT] || c == modes.c_cc[VSUSP];
    bool stops = c == modes.c_cc[VSTOP];
    return (modes.c_lflag & ISIG && flushes) || (modes.c_iflag & IXON && stops);
}

static void type_bytes(const uint8_t *bytes, size_t len)
{
    long n = rig_file_write(ours.master, bytes, len);
    long m = host_pty_write(master, bytes, len);

    /* Linux has another buffer in front, which never is full here. */
    if (n == (long)len) compare("typed", NULL, n, NULL, m);
}

static void step_type(void)
{
    uint8_t bytes[12];
    size_t n = 0, len = 1 + below(sizeof(bytes));
    bool processed = modes_get(ours.slave).c_oflag & OPOST; /* the whole round */

    while (n < len) {
        uint8_t c = random_byte();
        if (stands_alone(c)) {
            if (n == 0) bytes[n++] = c;
            break;
        }
        bytes[n++] = c == 0xff && !processed ? 'x' : c;
    }
    say("typing", bytes, n);
    type_bytes(bytes, n);
}

static void write_bytes(const uint8_t *bytes, size_t len)
{
    long n = rig_file_write(ours.slave, bytes, len);

    compare("written", NULL, n, NULL, host_pty_write(slave, bytes, len));
}

static void step_write(void)
{
    uint8_t bytes[20];
    size_t len = 1 + below(sizeof(bytes));

    for (size_t i = 0; i < len; i++) {
        bytes[i] = random_byte();
    }
    say("writing", bytes, len);
    write_bytes(bytes, len);
}

static void step_read(void)
{
    static uint8_t a[BIG], b[BIG];
    size_t len = below(4) ? 1 + below(12) : 5000;

    snprintf(said, sizeof(said), "reading %zu bytes", len);
    long n = rig_file_read(ours.slave, a, len);
    compare("read", a, n, b, host_pty_read(slave, b, len));
}

static bool is_stopped(void)
{
    const struct tty_file *tf = ours.slave->data;

    return tf->tty->line.stopped;
}

static void set_both(const struct linux_termios *modes)
{
    struct linux_termios copy = *modes;

    modes_set(ours.slave, modes);
    compare("modes", NULL, 0, NULL, host_pty_call(slave, TCSETS, &copy));
}

static void without_processing(void)
{
    struct linux_termios modes = modes_get(ours.slave);

    modes.c_oflag &= ~OPOST;
    set_both(&modes);
}

static void step_modes(void)
{
    static const uint32_t iflags[] = {ISTRIP, INLCR, IGNCR, ICRNL,
                                      IXON,   IXANY, IUTF8, PARMRK};
    static const uint32_t oflags[] = {ONLCR, OCRNL, ONOCR, ONLRET, XTABS};
    static const uint32_t lflags[] = {ISIG,   ICANON,  ECHO,    ECHOE,  ECHOK, ECHONL,
                                      NOFLSH, ECHOCTL, ECHOPRT, ECHOKE, IEXTEN};
    static const uint8_t characters[] = {VERASE, VKILL,    VWERASE, VEOF,  VEOL, VEOL2,
                                         VLNEXT, VREPRINT, VSTART,  VSTOP, VINTR};
    struct linux_termios modes = modes_get(ours.slave);

    switch (is_stopped() ? 2 : below(5)) {
    case 0:
        modes.c_iflag ^= iflags[below(ARRAY_SIZE(iflags))];
        break;
    case 1:
        modes.c_oflag ^= oflags[below(ARRAY_SIZE(oflags))];
        break;
    case 2:
    case 3:
        modes.c_lflag ^= lflags[below(ARRAY_SIZE(lflags))];
        break;
    default:
        modes.c_cc[characters[below(ARRAY_SIZE(characters))]] = random_byte();
        break;
    }
    if (below(20) == 0) modes.c_lflag |= ICANON | ECHO | IEXTEN | ISIG;
    snprintf(said, sizeof(said), "modes i %o o %o l %o cc", modes.c_iflag, modes.c_oflag,
             modes.c_lflag);
    for (unsigned i = 0; i < NCCS; i++) {
        snprintf(said + strlen(said), sizeof(said) - strlen(said), " %02x",
                 modes.c_cc[i]);
    }
    set_both(&modes);
}

static void step_control(void)
{
    static const struct {
        unsigned request;
        uint64_t arg;
    } calls[] = {{TCFLSH, TCIFLUSH}, {TCFLSH, TCIOFLUSH}, {TCFLSH, 7}, {TCXONC, TCOOFF},
                 {TCXONC, TCOON},    {TCXONC, TCOON},     {TCXONC, 9}};
    unsigned i = (unsigned)below(ARRAY_SIZE(calls));

    snprintf(said, sizeof(said), "call %x %lu", calls[i].request, calls[i].arg);
    long n = tty_call_value(ours.slave, calls[i].request, calls[i].arg);
    compare("call", NULL, n, NULL,
            host_pty_call(slave, calls[i].request, (void *)(uintptr_t)calls[i].arg));
    /* Linux shows the echo that was held back when something is written next. */
    if (calls[i].request == TCXONC && calls[i].arg == TCOON)
        write_bytes((const uint8_t *)"x", 1);
}

static void step(void)
{
    switch (below(16)) {
    case 0:
        step_modes();
        break;
    case 1:
    case 2:
    case 3:
        step_read();
        break;
    case 4:
    case 5:
        step_write();
        break;
    case 6:
        if (below(3) == 0) step_control();
        break;
    default:
        step_type();
        break;
    }
    catch_up();
    memcpy(history[steps_done++ % HISTORY], said, sizeof(said));
}

static bool begin(void)
{
    if (!host_pty_open(&master, &slave)) {
        printf("no ptys here: nothing to compare with\n");
        return false;
    }
    tty_rig_begin();
    ours = pair_open();
    steps_done = 0;
    return true;
}

static void end(void)
{
    pair_close(&ours);
    host_pty_close(slave);
    host_pty_close(master);
    tty_rig_end();
}

TEST(a_new_terminal_is_as_linux_makes_it)
{
    struct linux_termios a, b;

    if (!begin()) return;
    a = modes_get(ours.slave);
    host_pty_call(slave, TCGETS, &b);
    EXPECT(memcmp(&a, &b, sizeof(a)) == 0);
    compare_polls();
    EXPECT(!different);
    end();
}

/* False: there is nothing to compare with. */
static bool run(uint64_t seed)
{
    different = false;
    random_state = seed;
    if (!begin()) return false;
    if (below(4) == 0) without_processing();
    for (unsigned k = 0; k < ROUND && !different; k++) {
        step();
    }
    end();
    return true;
}

TEST(keys_writes_and_reads_come_out_as_on_linux)
{
    const char *given = getenv("ORACLE_STEPS");
    unsigned long steps = given ? strtoul(given, NULL, 0) : STEPS;

    for (unsigned long done = 0; done < steps; done += ROUND) {
        uint64_t seed = test_random();
        for (unsigned tries = 0; tries < TRIES && (tries == 0 || different); tries++) {
            quiet = tries < TRIES - 1;
            if (!run(seed)) return;
        }
        if (!EXPECT(!different)) return;
    }
}
