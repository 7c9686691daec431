/* Pairs of pseudo terminals: lines, waiting, hanging up, packets, names, and job control. */
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
// sources: tests/host/tty/rig.c
// libs: -lpthread
#include "fake/threads.h"
#include "fake/uaccess.h"
#include "lib/errno.h"
#include "mm/page.h"
#include "mm/slab.h"
#include "tty/control.h"
#include "tty/jobs.h"
#include "tty/rig.h"
#include "tty/tty.h"
#include "uapi/fcntl.h"
#include "uapi/poll.h"
#include "uapi/signal.h"
#include "uapi/stat.h"

#include <stdio.h>
#include <stdlib.h>

static struct pair p;

static void begin(void)
{
    tty_rig_begin();
    p = pair_open();
}

static void end(void)
{
    pair_close(&p);
    tty_rig_end();
}

static uint32_t ready(struct file *f) { return file_poll(f, NULL); }

static void clear_flags(struct file *f, unsigned flags)
{
    __atomic_fetch_and(&f->flags, ~flags, __ATOMIC_RELAXED);
}

/* ---- lines ---- */

TEST(a_line_is_read_when_it_is_finished_and_echoed_as_it_is_typed)
{
    begin();
    EXPECT_EQ(type(p.master, "ab\x7f"), 3);
    EXPECT_STR(screen(p.slave), "-11");
    EXPECT_EQ(ready(p.slave), POLLOUT | POLLWRNORM);
    EXPECT_EQ(type(p.master, "c\r"), 2);
    EXPECT_EQ(ready(p.slave), POLLIN | POLLRDNORM | POLLOUT | POLLWRNORM);
    EXPECT_STR(screen(p.slave), "ac\n");
    EXPECT_STR(screen(p.master), "ab\b \bc\r\n");
    EXPECT_STR(screen(p.master), "-11");
    end();
}

TEST(an_end_of_file_ends_a_read_and_is_seen_once)
{
    char bytes[8];

    begin();
    type(p.master, "abc\x04\x04");
    EXPECT_EQ(rig_file_read(p.slave, bytes, 3), 3); /* exactly so much: it is used up */
    EXPECT_STR(screen(p.slave), "");
    EXPECT_STR(screen(p.slave), "-11");
    type(p.master, "d\x04");
    EXPECT_EQ(rig_file_read(p.slave, bytes, 8), 1);
    EXPECT_STR(screen(p.slave), "-11");
    end();
}

TEST(a_line_that_is_too_long_keeps_its_end_and_can_be_erased)
{
    static char line[5000], got[8192];

    begin();
    memset(line, 'a', sizeof(line));
    for (unsigned i = 0; i < 3; i++) {
        EXPECT_EQ(rig_file_write(p.master, line, sizeof(line)), sizeof(line));
    }
    EXPECT_EQ(type(p.master, "z\n"), 2);
    EXPECT_EQ(rig_file_write(p.master, line, 10), -EAGAIN);
    EXPECT_EQ(ready(p.master) & POLLOUT, 0);
    EXPECT_EQ(rig_file_read(p.slave, got, sizeof(got)), 4096);
    EXPECT(got[4093] == 'a' && got[4094] == 'a' && got[4095] == '\n');
    EXPECT_EQ(ready(p.master) & POLLOUT, POLLOUT);
    EXPECT_EQ(rig_file_write(p.master, line, sizeof(line)), sizeof(line));
    EXPECT_EQ(type(p.master, "\x15ok\n"), 4);
    EXPECT_STR(screen(p.slave), "ok\n");
    end();
}

TEST(bytes_are_read_as_they_come_when_lines_do_not_matter)
{
    uint32_t n = 0;
    char bytes[4];

    begin();
    modes_make_raw(p.slave, 1, 0);
    EXPECT_EQ(type(p.master, "a\r\x03\x7f"), 4);
    EXPECT_EQ(tty_call(p.slave, TIOCINQ, &n, sizeof(n)), 0);
    EXPECT_EQ(n, 4);
    EXPECT_EQ(rig_file_read(p.slave, bytes, 3), 3);
    EXPECT_STR(screen(p.slave), "\x7f");
    EXPECT_STR(screen(p.master), "-11");
    EXPECT_STR(job_signals(), "");
    /* What came as bytes is a line to who begins to read lines. */
    type(p.master, "xy");
    struct linux_termios modes = modes_get(p.slave);
    modes.c_lflag |= ICANON;
    modes_set(p.slave, &modes);
    EXPECT_STR(screen(p.slave), "xy");
    end();
}

TEST(vmin_bytes_make_a_terminal_readable_unless_there_is_a_time)
{
    begin();
    modes_make_raw(p.slave, 3, 0);
    type(p.master, "ab");
    EXPECT_EQ(ready(p.slave) & POLLIN, 0);
    type(p.master, "c");
    EXPECT_EQ(ready(p.slave) & POLLIN, POLLIN);
    EXPECT_STR(screen(p.slave), "abc");
    modes_make_raw(p.slave, 3, 1);
    type(p.master, "d");
    EXPECT_EQ(ready(p.slave) & POLLIN, POLLIN);
    EXPECT_STR(screen(p.slave), "d");
    modes_make_raw(p.slave, 0, 0);
    EXPECT_STR(screen(p.slave), "");
    modes_make_raw(p.slave, 0, 1);
    EXPECT_STR(screen(p.slave), "-11");
    end();
}

/* ---- waiting ---- */

struct reader {
    struct file *file;
    size_t want;
    char bytes[16];
    long got;
    uint64_t took_ns;
    bool interrupted;
};

static void *read_there(void *arg)
{
    struct reader *r = arg;
    uint64_t since = fake_now;

    job_self = &jobs[1];
    fake_signal = r->interrupted;
    r->got = rig_file_read(r->file, r->bytes, r->want);
    r->took_ns = fake_now - since;
    return NULL;
}

static void begin_waiting(uint8_t vmin, uint8_t vtime)
{
    begin();
    modes_make_raw(p.slave, vmin, vtime);
    clear_flags(p.slave, O_NONBLOCK);
}

TEST(a_reader_waits_for_as_many_bytes_as_it_asked_for)
{
    struct reader r;
    pthread_t t;

    begin_waiting(3, 0);
    r = (struct reader){.file = p.slave, .want = 16};
    fake_thread_start(&t, 1, read_there, &r);
    fake_wait_for_sleepers(1);
    type(p.master, "a");
    type(p.master, "bc");
    pthread_join(t, NULL);
    EXPECT_EQ(r.got, 3);
    r = (struct reader){.file = p.slave, .want = 2};
    fake_thread_start(&t, 1, read_there, &r);
    fake_wait_for_sleepers(1);
    type(p.master, "de");
    pthread_join(t, NULL);
    EXPECT_EQ(r.got, 2);
    end();
}

TEST(a_time_without_a_byte_ends_a_read)
{
    struct reader r;
    pthread_t t;

    begin_waiting(0, 5);
    r = (struct reader){.file = p.slave, .want = 16};
    fake_thread_start(&t, 1, read_there, &r);
    pthread_join(t, NULL);
    EXPECT_EQ(r.got, 0);
    EXPECT_EQ(r.took_ns, 500000000);
    end();
    /* With VMIN it begins with the first byte. */
    begin_waiting(5, 2);
    r = (struct reader){.file = p.slave, .want = 16};
    fake_thread_start(&t, 1, read_there, &r);
    fake_wait_for_sleepers(1);
    fake_time_pass(1000000000);
    type(p.master, "ab");
    pthread_join(t, NULL);
    EXPECT_EQ(r.got, 2);
    EXPECT_EQ(r.took_ns, 1200000000);
    end();
}

TEST(a_signal_ends_a_read_that_waits)
{
    struct reader r;
    pthread_t t;

    begin_waiting(1, 0);
    r = (struct reader){.file = p.slave, .want = 16, .interrupted = true};
    fake_thread_start(&t, 1, read_there, &r);
    pthread_join(t, NULL);
    EXPECT_EQ(r.got, -ERESTARTSYS);
    clear_flags(p.master, O_NONBLOCK);
    r = (struct reader){.file = p.master, .want = 16, .interrupted = true};
    fake_thread_start(&t, 1, read_there, &r);
    pthread_join(t, NULL);
    EXPECT_EQ(r.got, -ERESTARTSYS);
    end();
}

static void *write_there(void *arg)
{
    static char bytes[20000];
    struct reader *w = arg;

    job_self = &jobs[1];
    memset(bytes, 'w', sizeof(bytes));
    w->got = rig_file_write(w->file, bytes, w->want);
    return NULL;
}

TEST(a_writer_waits_for_who_reads_the_screen)
{
    struct reader w;
    pthread_t t;
    size_t n = 0;

    begin_waiting(1, 0);
    w = (struct reader){.file = p.slave, .want = 20000};
    fake_thread_start(&t, 1, write_there, &w);
    fake_wait_for_sleepers(1);
    EXPECT_EQ(ready(p.slave) & POLLOUT, 0);
    while (n < 20000) {
        const char *text = screen(p.master);
        if (text[0] == 'w') n += strlen(text);
    }
    pthread_join(t, NULL);
    EXPECT_EQ(w.got, 20000);
    EXPECT_EQ(n, 20000);
    end();
}

TEST(who_types_waits_for_who_reads)
{
    struct reader w;
    pthread_t t;
    size_t n = 0;

    begin();
    modes_make_raw(p.slave, 1, 0);
    clear_flags(p.master, O_NONBLOCK);
    w = (struct reader){.file = p.master, .want = 20000};
    fake_thread_start(&t, 1, write_there, &w);
    while (n < 20000) {
        const char *text = screen(p.slave);
        if (text[0] == 'w') n += strlen(text);
    }
    pthread_join(t, NULL);
    EXPECT_EQ(w.got, 20000);
    end();
}

TEST(a_stopped_screen_keeps_writers_waiting_and_echo_in_order)
{
    begin();
    EXPECT_EQ(type(p.slave, "1"), 1);
    type(p.master, "\x13");
    EXPECT_EQ(type(p.slave, "2"), -EAGAIN);
    EXPECT_EQ(ready(p.slave) & POLLOUT, 0);
    type(p.master, "ab");
    EXPECT_STR(screen(p.master), "1");
    EXPECT_STR(screen(p.master), "-11");
    type(p.master, "\x11");
    EXPECT_EQ(type(p.slave, "2"), 1);
    EXPECT_STR(screen(p.master), "ab2");
    /* A program's stop is not the user's to end. */
    EXPECT_EQ(tty_call_value(p.slave, TCXONC, TCOOFF), 0);
    type(p.master, "\x11");
    EXPECT_EQ(type(p.slave, "3"), -EAGAIN);
    EXPECT_EQ(tty_call_value(p.slave, TCXONC, TCOON), 0);
    EXPECT_EQ(type(p.slave, "3"), 1);
    EXPECT_EQ(tty_call_value(p.slave, TCXONC, TCIOFF), 0);
    EXPECT_STR(screen(p.master), "3\x13");
    EXPECT_EQ(tty_call_value(p.slave, TCXONC, 4), -EINVAL);
    end();
}

/* ---- coming and going ---- */

TEST(when_the_last_slave_has_gone_the_master_reads_the_rest_and_an_error)
{
    begin();
    EXPECT_EQ(ready(p.master), POLLOUT | POLLWRNORM);
    type(p.slave, "bye");
    file_put(p.slave);
    EXPECT_EQ(ready(p.master), POLLIN | POLLRDNORM | POLLHUP | POLLOUT | POLLWRNORM);
    EXPECT_STR(screen(p.master), "bye");
    EXPECT_STR(screen(p.master), "-5");
    EXPECT_EQ(pair_open_slave(&p, O_RDWR | O_NOCTTY | O_NONBLOCK, &p.slave), 0);
    EXPECT_STR(screen(p.master), "-11");
    end();
}

TEST(when_the_master_has_gone_the_slave_is_dead_and_its_name_too)
{
    char name[32];
    struct file *f;
    uint32_t n;

    begin();
    snprintf(name, sizeof(name), "%s", pair_name(&p));
    type(p.master, "unread\n");
    file_put(p.master);
    p.master = NULL;
    EXPECT_EQ(ready(p.slave),
              POLLIN | POLLRDNORM | POLLOUT | POLLWRNORM | POLLERR | POLLHUP);
    EXPECT_STR(screen(p.slave), "");
    EXPECT_EQ(type(p.slave, "x"), -EIO);
    EXPECT_EQ(tty_call(p.slave, TIOCINQ, &n, sizeof(n)), -EIO);
    EXPECT_EQ(tty_call(p.slave, TIOCSPGRP, &n, sizeof(n)), -ENOTTY);
    EXPECT_EQ(rig_open(name, O_RDWR, &f), -ENOENT);
    EXPECT_STR(rig_list("/dev/pts"), "");
    end();
}

TEST(a_reader_that_waits_when_the_master_goes_is_told_by_an_error)
{
    struct reader r;
    pthread_t t;

    begin_waiting(1, 0);
    r = (struct reader){.file = p.slave, .want = 16};
    fake_thread_start(&t, 1, read_there, &r);
    fake_wait_for_sleepers(1);
    file_put(p.master);
    p.master = NULL;
    pthread_join(t, NULL);
    EXPECT_EQ(r.got, -EIO);
    end();
}

TEST(a_slave_is_locked_until_its_master_says_otherwise)
{
    uint32_t locked = 0;

    begin();
    EXPECT_EQ(tty_call(p.master, TIOCGPTLCK, &locked, sizeof(locked)), 0);
    EXPECT_EQ(locked, 0);
    file_put(p.slave);
    locked = 1;
    EXPECT_EQ(tty_call(p.master, TIOCSPTLCK, &locked, sizeof(locked)), 0);
    EXPECT_EQ(pair_open_slave(&p, O_RDWR, &p.slave), -EIO);
    p.slave = NULL;
    end();
}

TEST(names_come_and_go_with_their_masters_and_keep_their_attributes)
{
    struct attributes a;
    struct pair q;
    struct path at;

    begin();
    q = pair_open();
    EXPECT_STR(rig_list("/dev/pts"), "0 1");
    EXPECT_EQ(rig_stat("/dev/pts/1", &a), 0);
    EXPECT_EQ(a.mode, S_IFCHR | 0620);
    EXPECT_EQ(a.gid, 5);
    EXPECT_EQ(a.rdev, device_number(136, 1));
    EXPECT_EQ(a.ino, 4);
    EXPECT_EQ(path_walk(&rig_env, "/dev/pts/1", 0, &at), 0);
    EXPECT_EQ(path_chmod(at, 0600, &root_cred), 0);
    path_put(at);
    dentry_drain();
    EXPECT_EQ(rig_stat("/dev/pts/1", &a), 0);
    EXPECT_EQ(a.mode, S_IFCHR | 0600);
    EXPECT_EQ(rig_stat("/dev/pts/2", &a), -ENOENT);
    EXPECT_EQ(rig_stat("/dev/pts/01", &a), -ENOENT);
    pair_close(&p);
    EXPECT_STR(rig_list("/dev/pts"), "1");
    p = pair_open(); /* the number again, and none of what was the other's */
    EXPECT_STR(pair_name(&p), "/dev/pts/0");
    EXPECT_EQ(rig_stat("/dev/pts/0", &a), 0);
    EXPECT_EQ(rig_touch("/dev/pts/x"), -EPERM);
    pair_close(&q);
    end();
}

TEST(a_master_opens_its_slave_without_a_path)
{
    begin();
    EXPECT_EQ(tty_call_value(p.master, TIOCGPTPEER, O_RDWR | O_NOCTTY), 33);
    EXPECT_EQ(tty_call_value(p.master, TIOCGPTPEER, O_CREAT), -EINVAL);
    end();
}

TEST(packets_tell_what_the_slave_does)
{
    uint32_t on = 1;

    begin();
    type(p.slave, "before");
    EXPECT_EQ(tty_call(p.master, TIOCPKT, &on, sizeof(on)), 0);
    char bytes[8];
    EXPECT_EQ(rig_file_read(p.master, bytes, 8), 7);
    EXPECT(memcmp(bytes, "\0before", 7) == 0);
    EXPECT_EQ(tty_call_value(p.slave, TCFLSH, TCIFLUSH), 0);
    EXPECT_EQ(ready(p.master) & (POLLIN | POLLPRI), POLLIN | POLLPRI);
    EXPECT_EQ(rig_file_read(p.master, bytes, 8), 1);
    EXPECT_EQ(bytes[0], TIOCPKT_FLUSHREAD);
    struct linux_termios modes = modes_get(p.slave);
    modes.c_iflag &= ~IXON;
    modes_set(p.slave, &modes);
    EXPECT_EQ(rig_file_read(p.master, bytes, 8), 1);
    EXPECT_EQ(bytes[0], TIOCPKT_NOSTOP);
    EXPECT_EQ(rig_file_read(p.master, bytes, 8), -EAGAIN);
    end();
}

TEST(modes_can_be_had_with_and_without_speeds)
{
    struct linux_termios2 two;
    struct linux_termios one;

    begin();
    EXPECT_EQ(tty_call(p.slave, TCGETS2, &two, sizeof(two)), 0);
    EXPECT_EQ(two.c_ospeed, 38400);
    one = modes_get(p.slave);
    EXPECT(memcmp(&one, &two, sizeof(one)) == 0);
    one.c_cflag = B115200 | HUPCL; /* a pty has eight bits and no parity, always */
    modes_set(p.slave, &one);
    EXPECT_EQ(tty_call(p.master, TCGETS2, &two, sizeof(two)), 0);
    EXPECT_EQ(two.c_ospeed, 115200);
    EXPECT_EQ(two.c_cflag, B115200 | HUPCL | CS8 | CREAD);
    two.c_cflag = BOTHER | CS8 | CREAD;
    two.c_ospeed = 12345;
    EXPECT_EQ(tty_call(p.slave, TCSETSF2, &two, sizeof(two)), 0);
    two.c_ospeed = 0;
    EXPECT_EQ(tty_call(p.slave, TCGETS2, &two, sizeof(two)), 0);
    EXPECT_EQ(two.c_ospeed, 12345);
    EXPECT_EQ(p.slave->ops->ioctl(p.slave, TCGETS, 8), -EFAULT);
    EXPECT_EQ(p.slave->ops->ioctl(p.slave, TCSETS, 8), -EFAULT);
    EXPECT_EQ(tty_call_value(p.slave, 0x5499, 0), -ENOTTY);
    EXPECT_EQ(tty_call_value(p.slave, TIOCGPTN, FAKE_USER), -ENOTTY);
    end();
}

/* ---- job control ---- */

/* jobs[0] leads session 10 on the slave. */
static void begin_session(void)
{
    struct file *f;

    begin();
    EXPECT_EQ(pair_open_slave(&p, O_RDWR, &f), 0);
    file_put(f);
    EXPECT(jobs[0].tty != NULL);
    job_session_without_tty(99); /* of no concern */
    for (int i = 1; i < JOB_PROCESSES; i++) {
        jobs[i].tty = jobs[0].tty;
        tty_get(jobs[0].tty);
    }
}

static long foreground(struct file *f)
{
    uint32_t group = 0;
    long err = tty_call(f, TIOCGPGRP, &group, sizeof(group));

    return err ? err : (long)group;
}

static long set_foreground(struct file *f, int group)
{
    return tty_call(f, TIOCSPGRP, &group, sizeof(group));
}

TEST(a_session_leader_gets_the_terminal_that_it_opens)
{
    uint32_t session = 0;
    struct file *f;

    begin();
    EXPECT_EQ(rig_open("/dev/tty", O_RDWR, &f), -ENXIO);
    EXPECT(jobs[0].tty == NULL); /* O_NOCTTY */
    job_self = &jobs[1];
    EXPECT_EQ(pair_open_slave(&p, O_RDWR, &f), 0);
    EXPECT(jobs[1].tty == NULL); /* no leader */
    file_put(f);
    job_self = &jobs[0];
    EXPECT_EQ(pair_open_slave(&p, O_WRONLY, &f), 0);
    EXPECT(jobs[0].tty == NULL); /* not readable */
    file_put(f);
    EXPECT_EQ(foreground(p.slave), -ENOTTY);
    EXPECT_EQ(pair_open_slave(&p, O_RDWR, &f), 0);
    EXPECT_EQ(f->flags & O_NOCTTY, 0);
    file_put(f);
    EXPECT(jobs[0].tty != NULL);
    EXPECT_EQ(foreground(p.slave), 10);
    EXPECT_EQ(foreground(p.master), 10);
    EXPECT_EQ(tty_call(p.slave, TIOCGSID, &session, sizeof(session)), 0);
    EXPECT_EQ(session, 10);
    EXPECT_EQ(rig_open("/dev/tty", O_RDWR | O_NONBLOCK, &f), 0);
    type(f, "hello");
    EXPECT_STR(screen(p.master), "hello");
    file_put(f);
    end();
}

TEST(keys_signal_the_foreground)
{
    begin_session();
    EXPECT_EQ(set_foreground(p.slave, 12), 0);
    type(p.master, "lost\x03kept");
    EXPECT_STR(job_signals(), "2 12");
    EXPECT_STR(screen(p.master), "lost^Ckept");
    type(p.master, "\x1a\x1c");
    EXPECT_STR(job_signals(), "3 12 20 12");
    type(p.master, "x\n");
    job_self = &jobs[2];
    EXPECT_STR(screen(p.slave), "x\n");
    struct linux_winsize window = {24, 80, 0, 0};
    EXPECT_EQ(tty_call(p.master, TIOCSWINSZ, &window, sizeof(window)), 0);
    EXPECT_STR(job_signals(), "28 12");
    EXPECT_EQ(tty_call(p.slave, TIOCSWINSZ, &window, sizeof(window)), 0);
    EXPECT_STR(job_signals(), ""); /* it is no change */
    window.rows = 0;
    EXPECT_EQ(tty_call(p.slave, TIOCGWINSZ, &window, sizeof(window)), 0);
    EXPECT_EQ(window.rows, 24);
    EXPECT_EQ(tty_call_value(p.master, TIOCSIG, SIGINT), 0);
    EXPECT_STR(job_signals(), "2 12");
    EXPECT_EQ(tty_call_value(p.master, TIOCSIG, SIGTERM), -EINVAL);
    end();
}

TEST(the_background_is_stopped_before_it_reads_or_changes_anything)
{
    begin_session();
    struct linux_termios modes = modes_get(p.slave);
    job_self = &jobs[1];
    type(p.master, "line\n");
    EXPECT_EQ(rig_file_read(p.slave, &modes, 4), -ERESTARTSYS);
    EXPECT_STR(job_signals(), "21 11");
    jobs[1].ignored = 1ul << SIGTTIN;
    EXPECT_EQ(rig_file_read(p.slave, &modes, 4), -EIO);
    jobs[1].ignored = 0;
    jobs[1].orphaned = true;
    EXPECT_EQ(rig_file_read(p.slave, &modes, 4), -EIO);
    EXPECT_EQ(set_foreground(p.slave, 11), -ENOTTY);
    jobs[1].orphaned = false;
    EXPECT_STR(job_signals(), "");
    modes = modes_get(p.slave);
    EXPECT_EQ(tty_call(p.slave, TCSETS, &modes, sizeof(modes)), -ERESTARTSYS);
    EXPECT_STR(job_signals(), "22 11");
    EXPECT_EQ(set_foreground(p.slave, 11), -ERESTARTSYS);
    EXPECT_STR(job_signals(), "22 11");
    jobs[1].ignored = 1ul << SIGTTOU;
    EXPECT_EQ(set_foreground(p.slave, 11), 0);
    EXPECT_EQ(foreground(p.slave), 11);
    EXPECT_STR(screen(p.slave), "line\n");
    end();
}

TEST(the_background_may_write_unless_the_terminal_says_otherwise)
{
    begin_session();
    job_self = &jobs[1];
    EXPECT_EQ(type(p.slave, "a"), 1);
    job_self = &jobs[0];
    struct linux_termios modes = modes_get(p.slave);
    modes.c_lflag |= TOSTOP;
    modes_set(p.slave, &modes);
    EXPECT_EQ(type(p.slave, "b"), 1);
    job_self = &jobs[1];
    EXPECT_EQ(type(p.slave, "c"), -ERESTARTSYS);
    EXPECT_STR(job_signals(), "22 11");
    jobs[1].ignored = 1ul << SIGTTOU;
    EXPECT_EQ(type(p.slave, "d"), 1);
    EXPECT_STR(screen(p.master), "abd");
    end();
}

TEST(only_groups_of_the_session_come_to_the_foreground)
{
    begin_session();
    EXPECT_EQ(set_foreground(p.slave, 77), -ESRCH);
    EXPECT_EQ(set_foreground(p.slave, -1), -EINVAL);
    jobs[3].session = 13;
    EXPECT_EQ(set_foreground(p.slave, 13), -EPERM);
    tty_put(jobs[3].tty);
    jobs[3].tty = NULL;
    job_self = &jobs[3];
    EXPECT_EQ(set_foreground(p.slave, 13), -ENOTTY);
    EXPECT_EQ(foreground(p.slave), -ENOTTY);
    end();
}

TEST(a_terminal_controls_one_session_unless_it_is_stolen)
{
    begin_session();
    EXPECT_EQ(tty_call_value(p.slave, TIOCSCTTY, 0), 0); /* it does already */
    jobs[3].session = 13;
    tty_put(jobs[3].tty);
    jobs[3].tty = NULL;
    job_self = &jobs[3];
    EXPECT_EQ(tty_call_value(p.slave, TIOCNOTTY, 0), -ENOTTY);
    EXPECT_EQ(tty_call_value(p.slave, TIOCSCTTY, 0), -EPERM);
    EXPECT_EQ(tty_call_value(p.slave, TIOCSCTTY, 1), -EPERM);
    jobs[3].privileged = true;
    EXPECT_EQ(tty_call_value(p.slave, TIOCSCTTY, 0), -EPERM);
    EXPECT_EQ(tty_call_value(p.slave, TIOCSCTTY, 1), 0);
    EXPECT(jobs[3].tty && !jobs[0].tty && !jobs[1].tty);
    EXPECT_EQ(foreground(p.slave), 13);
    job_self = &jobs[1];
    EXPECT_EQ(tty_call_value(p.slave, TIOCSCTTY, 0), -EPERM); /* no leader */
    end();
}

TEST(a_terminal_is_given_up_by_one_process_or_by_the_leader_for_all)
{
    begin_session();
    job_self = &jobs[1];
    EXPECT_EQ(tty_call_value(p.slave, TIOCNOTTY, 0), 0);
    EXPECT(!jobs[1].tty && jobs[0].tty && jobs[2].tty);
    EXPECT_STR(job_signals(), "");
    job_self = &jobs[0];
    EXPECT_EQ(set_foreground(p.slave, 12), 0);
    EXPECT_EQ(tty_call_value(p.slave, TIOCNOTTY, 0), 0);
    EXPECT(!jobs[0].tty && !jobs[2].tty);
    EXPECT_STR(job_signals(), "1 12 18 12");
    EXPECT_EQ(tty_call_value(p.slave, TIOCSCTTY, 0), 0);
    end();
}

TEST(the_session_hears_that_the_master_has_gone)
{
    begin_session();
    EXPECT_EQ(set_foreground(p.slave, 12), 0);
    file_put(p.master);
    p.master = NULL;
    EXPECT_STR(job_signals(), "1 -10 18 -10 1 12");
    EXPECT(!jobs[0].tty && !jobs[1].tty);
    end();
}

TEST(a_leader_that_exits_takes_the_terminal_from_its_session)
{
    begin_session();
    EXPECT_EQ(set_foreground(p.slave, 12), 0);
    tty_session_ends();
    EXPECT_STR(job_signals(), "1 12");
    EXPECT(!jobs[0].tty && !jobs[1].tty);
    EXPECT_EQ(type(p.slave, "still open"), 10);
    tty_session_ends(); /* without one nothing happens */
    EXPECT_STR(job_signals(), "");
    end();
}

TEST(an_exclusive_terminal_is_opened_by_nobody_else)
{
    struct cred nobody = rig_user;
    struct file *f;

    begin();
    EXPECT_EQ(tty_call_value(p.slave, TIOCEXCL, 0), 0);
    nobody.gid = nobody.fsgid = 5; /* the name may be written */
    rig_become(&nobody);
    EXPECT_EQ(pair_open_slave(&p, O_WRONLY, &f), -EBUSY);
    EXPECT_EQ(tty_call_value(p.slave, TIOCNXCL, 0), 0);
    EXPECT_EQ(pair_open_slave(&p, O_WRONLY, &f), 0);
    file_put(f);
    rig_become(&root_cred);
    end();
}

/* ---- memory ---- */

TEST(without_memory_nothing_is_opened_and_nothing_is_left)
{
    struct file *f;

    tty_rig_begin();
    for (uint64_t budget = 0;; budget++) {
        page_fail_after(budget);
        int err = rig_open("/dev/ptmx", O_RDWR, &f);
        page_fail_never();
        if (!err) break;
        EXPECT_EQ(err, -ENOMEM);
        EXPECT_STR(rig_list("/dev/pts"), "");
    }
    file_put(f);
    p = pair_open();
    for (uint64_t budget = 0;; budget++) {
        dentry_drain();
        slab_drain();
        page_fail_after(budget);
        int err = pair_open_slave(&p, O_RDWR, &f);
        page_fail_never();
        if (!err) break;
        EXPECT_EQ(err, -ENOMEM);
    }
    file_put(f);
    end();
}
