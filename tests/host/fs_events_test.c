/* Waiting for many files: poll, epoll, and the files that are there for it. */
// sources: kernel/fs/attributes.c kernel/fs/cred.c kernel/fs/dentry.c kernel/fs/devices.c
// sources: kernel/fs/file.c kernel/fs/inode.c kernel/fs/locks.c kernel/fs/mount.c
// sources: kernel/fs/names.c kernel/fs/open.c kernel/fs/pagecache.c kernel/fs/pipe.c
// sources: kernel/fs/rename.c kernel/fs/seals.c kernel/fs/transfer.c kernel/fs/walk.c
// sources: kernel/fs/tmpfs/tmpfs.c kernel/lib/printf.c
// sources: kernel/fs/poll.c kernel/fs/epoll.c kernel/fs/eventfd.c kernel/fs/timerfd.c
// sources: kernel/mm/slab.c kernel/mm/slab_debug.c kernel/mm/kmalloc.c kernel/mm/object.c
// sources: kernel/mm/page.c kernel/mm/buddy.c kernel/mm/hart_frames.c kernel/mm/page_bank.c
// sources: kernel/mm/page_debug.c kernel/sync/spinlock.c
// sources: kernel/sched/wait.c kernel/sched/mutex.c
// sources: tests/host/fake/machine.c tests/host/fake/grace.c tests/host/fake/threads.c
// sources: tests/host/fake/rmap.c tests/host/fake/uaccess.c tests/host/fs/rig.c
// libs: -lpthread
#include "fake/threads.h"
#include "fake/uaccess.h"
#include "fs/epoll.h"
#include "fs/eventfd.h"
#include "fs/pipe.h"
#include "fs/poll.h"
#include "fs/rig.h"
#include "fs/timerfd.h"
#include "lib/errno.h"
#include "mm/page.h"
#include "mm/slab.h"
#include "sched/timer.h"
#include "uapi/eventfd.h"

#include <stdlib.h>

#define SECOND 1000000000ul

static struct file *make_event(uint32_t initial, unsigned flags)
{
    struct file *f;

    assert(eventfd_create(initial, flags, &f) == 0);
    return f;
}

static long put(struct file *f, uint64_t n) { return rig_file_write(f, &n, sizeof(n)); }

/* What a read gives, or its error. */
static long take(struct file *f)
{
    uint64_t n;
    long len = rig_file_read(f, &n, sizeof(n));

    return len == sizeof(n) ? (long)n : len;
}

/*
 * eventfd
 */
TEST(an_eventfd_adds_up_and_is_read_whole_or_one_by_one)
{
    char few[4] = {0};

    rig_begin();
    struct file *f = make_event(3, EFD_NONBLOCK),
                *s = make_event(2, EFD_SEMAPHORE | EFD_NONBLOCK);
    EXPECT_EQ(put(f, 4), 8);
    EXPECT_EQ(take(f), 7);
    EXPECT_EQ(take(f), -EAGAIN);
    EXPECT_EQ(take(s), 1);
    EXPECT_EQ(put(s, 1), 8);
    EXPECT_EQ(take(s), 1);
    EXPECT_EQ(take(s), 1);
    EXPECT_EQ(take(s), -EAGAIN);
    EXPECT_EQ(put(f, ~0ul), -EINVAL);
    EXPECT_EQ(put(f, ~0ul - 1), 8);
    EXPECT_EQ(file_poll(f, NULL), POLLIN);
    EXPECT_EQ(put(f, 1), -EAGAIN);
    EXPECT_EQ(put(f, 0), 8);
    EXPECT_EQ(take(f), ~0ul - 1);
    EXPECT_EQ(file_poll(f, NULL), POLLOUT);
    EXPECT_EQ(rig_file_read(f, few, 4), -EINVAL);
    EXPECT_EQ(rig_file_write(f, few, 4), -EINVAL);
    EXPECT_EQ(file_seek(f, 0, 0), -ESPIPE);
    file_put(f);
    file_put(s);
    EXPECT_EQ(eventfd_create(0, 0x10, &f), -EINVAL);
    rig_end();
}

static void *put_later(void *f)
{
    fake_wait_for_sleepers(1);
    if (put(f, 5) != 8) abort();
    return NULL;
}

static void *put_at_once(void *f)
{
    if (put(f, 5) != 8) abort();
    return NULL;
}

TEST(who_reads_an_empty_eventfd_waits_for_a_writer_and_who_fills_it_for_a_reader)
{
    pthread_t t;

    rig_begin();
    struct file *f = make_event(0, 0);
    fake_thread_start(&t, 1, put_later, f);
    EXPECT_EQ(take(f), 5);
    pthread_join(t, NULL);
    EXPECT_EQ(put(f, ~0ul - 2), 8);
    fake_thread_start(&t, 1, put_at_once, f);
    fake_wait_for_sleepers(1);
    EXPECT_EQ(take(f), ~0ul - 2);
    pthread_join(t, NULL);
    EXPECT_EQ(take(f), 5);
    file_wait_interrupted = fake_interrupted;
    fake_signal = true;
    EXPECT_EQ(take(f), -ERESTARTSYS);
    file_wait_interrupted = NULL;
    file_put(f);
    rig_end();
}

/*
 * poll
 */
TEST(poll_counts_the_files_that_have_what_is_asked_for)
{
    struct file *end[2];

    rig_begin();
    struct file *f = make_event(0, 0);
    assert(pipe_create(0, end) == 0);
    struct poll_entry e[] = {{f, POLLIN, 9},
                             {f, POLLOUT, 9},
                             {end[0], POLLIN | POLLHUP, 9},
                             {end[1], POLLIN, 9},
                             {NULL, 0, POLLNVAL}};
    EXPECT_EQ(poll_files(e, 5, WAIT_FOREVER), 2);
    EXPECT_EQ(e[0].revents, 0);
    EXPECT_EQ(e[1].revents, POLLOUT);
    EXPECT_EQ(e[2].revents, 0);
    EXPECT_EQ(e[3].revents, 0);
    EXPECT_EQ(e[4].revents, POLLNVAL);
    EXPECT_EQ(poll_files(e, 1, 0), 0);
    file_put(end[1]);
    EXPECT_EQ(poll_files(&e[2], 1, WAIT_FOREVER), 1);
    EXPECT_EQ(e[2].revents, POLLHUP);
    file_put(end[0]);
    file_put(f);
    rig_end();
}

TEST(poll_ends_at_its_deadline_or_with_a_signal)
{
    rig_begin();
    struct file *f = make_event(0, 0);
    struct poll_entry e = {f, POLLIN, 0};
    uint64_t began = fake_now;
    EXPECT_EQ(poll_files(&e, 1, began + SECOND), 0);
    EXPECT_EQ(fake_now, began + SECOND);
    EXPECT_EQ(poll_files(NULL, 0, began + 2 * SECOND), 0);
    EXPECT_EQ(fake_now, began + 2 * SECOND);
    file_wait_interrupted = fake_interrupted;
    fake_signal = true;
    EXPECT_EQ(poll_files(&e, 1, WAIT_FOREVER), -EINTR);
    fake_signal = true;
    EXPECT_EQ(put(f, 1), 8);
    EXPECT_EQ(poll_files(&e, 1, WAIT_FOREVER), 1);
    fake_signal = false;
    file_wait_interrupted = NULL;
    file_put(f);
    rig_end();
}

enum { MANY = 300 };
static struct file *many[MANY];

static void *ring_one_of_many(void *arg)
{
    fake_wait_for_sleepers(1);
    if (put(many[(uint64_t)arg], 1) != 8) abort();
    return NULL;
}

TEST(any_of_many_files_wakes_a_poller_wherever_it_stands)
{
    static struct poll_entry e[MANY];
    pthread_t t;

    rig_begin();
    for (unsigned i = 0; i < MANY; i++) {
        many[i] = make_event(0, EFD_NONBLOCK);
        e[i] = (struct poll_entry){many[i], POLLIN, 0};
    }
    for (uint64_t i = 0; i < MANY; i += 37) {
        fake_thread_start(&t, 1, ring_one_of_many, (void *)i);
        EXPECT_EQ(poll_files(e, MANY, WAIT_FOREVER), 1);
        EXPECT_EQ(e[i].revents, POLLIN);
        pthread_join(t, NULL);
        EXPECT_EQ(take(many[i]), 1);
    }
    long n = -ENOMEM;
    for (uint64_t budget = 0; n; budget++) {
        slab_drain();
        page_fail_after(budget);
        n = poll_files(e, MANY, fake_now + SECOND);
        page_fail_never();
        if (budget == 0 || n) EXPECT_EQ(n, -ENOMEM);
    }
    for (unsigned i = 0; i < MANY; i++) {
        file_put(many[i]);
    }
    rig_end();
}

/* Somebody else is faster, again and again: most wake-ups are for nothing. */
static void *put_and_take(void *f)
{
    for (unsigned i = 0; i < 2000; i++) {
        if (put(f, 1) != 8 || take(f) == -EFAULT) abort();
    }
    put(f, 7);
    return NULL;
}

TEST(no_wake_up_is_lost_between_two_looks)
{
    pthread_t t;

    rig_begin();
    struct file *f = make_event(0, EFD_NONBLOCK), *quiet = make_event(0, 0);
    for (unsigned round = 0; round < 10; round++) {
        struct poll_entry e[] = {{quiet, POLLIN, 0}, {f, POLLIN, 0}};
        fake_thread_start(&t, 1, put_and_take, f);
        long n = 0;
        while (n <= 0 || n % 8 != 7) {
            EXPECT_EQ(poll_files(e, 2, WAIT_FOREVER), 1);
            n = take(f);
        }
        pthread_join(t, NULL);
    }
    file_put(f);
    file_put(quiet);
    rig_end();
}

/*
 * epoll
 */
static struct linux_epoll_event got[16];
static unsigned ngot;
static int give_error;

static int give(void *arg, const struct linux_epoll_event *e)
{
    (void)arg;
    if (give_error) return give_error;
    got[ngot++] = *e;
    return 0;
}

static long wait_until_ns(struct file *ep, size_t max, uint64_t deadline)
{
    ngot = 0;
    return epoll_wait(ep, give, NULL, max, deadline);
}
static long look(struct file *ep) { return wait_until_ns(ep, ARRAY_SIZE(got), 0); }

static struct file *make_epoll(void)
{
    struct file *f;

    assert(epoll_create(0, &f) == 0);
    return f;
}

static int ctl(struct file *ep, int op, int fd, struct file *f, uint32_t events,
               uint64_t data)
{
    struct linux_epoll_event e = {events, data};

    return epoll_ctl(ep, op, fd, f, &e);
}

TEST(a_level_is_told_as_long_as_it_lasts_and_an_edge_once)
{
    rig_begin();
    struct file *ep = make_epoll(), *level = make_event(0, 0), *edge = make_event(0, 0);
    EXPECT_EQ(ctl(ep, EPOLL_CTL_ADD, 3, level, POLLIN, 30), 0);
    EXPECT_EQ(ctl(ep, EPOLL_CTL_ADD, 4, edge, POLLIN | EPOLLET, 40), 0);
    EXPECT_EQ(look(ep), 0);
    put(level, 1);
    put(edge, 1);
    EXPECT_EQ(look(ep), 2);
    EXPECT(got[0].data == 30 && got[0].events == POLLIN);
    EXPECT(got[1].data == 40 && got[1].events == POLLIN);
    EXPECT_EQ(look(ep), 1);
    EXPECT_EQ(got[0].data, 30);
    put(edge, 1);
    EXPECT_EQ(look(ep), 2);
    EXPECT_EQ(take(level), 1);
    EXPECT_EQ(look(ep), 0);
    EXPECT_EQ(take(edge), 2);
    put(edge, 1);
    EXPECT_EQ(take(edge), 1);
    EXPECT_EQ(look(ep), 0);
    file_put(ep);
    file_put(level);
    file_put(edge);
    rig_end();
}

TEST(what_is_ready_when_it_is_added_or_changed_is_told)
{
    rig_begin();
    struct file *ep = make_epoll(), *f = make_event(1, 0);
    EXPECT_EQ(ctl(ep, EPOLL_CTL_ADD, 3, f, POLLIN | EPOLLET, 1), 0);
    EXPECT_EQ(look(ep), 1);
    EXPECT_EQ(look(ep), 0);
    EXPECT_EQ(ctl(ep, EPOLL_CTL_MOD, 3, f, POLLOUT | EPOLLET, 2), 0);
    EXPECT_EQ(look(ep), 1);
    EXPECT(got[0].data == 2 && got[0].events == POLLOUT);
    EXPECT_EQ(ctl(ep, EPOLL_CTL_MOD, 3, f, 0, 3), 0);
    EXPECT_EQ(look(ep), 0);
    EXPECT_EQ(ctl(ep, EPOLL_CTL_DEL, 3, f, 0, 0), 0);
    put(f, 1);
    EXPECT_EQ(look(ep), 0);
    file_put(ep);
    file_put(f);
    rig_end();
}

TEST(one_shot_is_told_once_until_it_is_set_again)
{
    rig_begin();
    struct file *ep = make_epoll(), *f = make_event(1, 0);
    EXPECT_EQ(ctl(ep, EPOLL_CTL_ADD, 3, f, POLLIN | EPOLLONESHOT, 1), 0);
    EXPECT_EQ(look(ep), 1);
    put(f, 1);
    EXPECT_EQ(look(ep), 0);
    EXPECT_EQ(ctl(ep, EPOLL_CTL_MOD, 3, f, POLLIN | EPOLLONESHOT, 2), 0);
    EXPECT_EQ(look(ep), 1);
    EXPECT_EQ(got[0].data, 2);
    EXPECT_EQ(look(ep), 0);
    file_put(ep);
    file_put(f);
    rig_end();
}

TEST(the_same_file_may_stand_under_several_numbers_and_errors_are_linuxs)
{
    struct file *plain;

    rig_begin();
    struct file *ep = make_epoll(), *f = make_event(0, 0), *inner = make_epoll();
    EXPECT_EQ(rig_touch("plain"), 0);
    EXPECT_EQ(rig_open("plain", O_RDONLY, &plain), 0);
    EXPECT_EQ(ctl(ep, EPOLL_CTL_ADD, 3, f, POLLIN, 1), 0);
    EXPECT_EQ(ctl(ep, EPOLL_CTL_ADD, 3, f, POLLIN, 1), -EEXIST);
    EXPECT_EQ(ctl(ep, EPOLL_CTL_ADD, 4, f, POLLIN, 2), 0);
    EXPECT_EQ(ctl(ep, EPOLL_CTL_MOD, 5, f, POLLIN, 2), -ENOENT);
    EXPECT_EQ(ctl(ep, EPOLL_CTL_DEL, 5, f, POLLIN, 2), -ENOENT);
    EXPECT_EQ(ctl(ep, 9, 3, f, POLLIN, 2), -EINVAL);
    EXPECT_EQ(ctl(ep, EPOLL_CTL_ADD, 6, plain, POLLIN, 0), -EPERM);
    EXPECT_EQ(ctl(ep, EPOLL_CTL_ADD, 6, ep, POLLIN, 0), -EINVAL);
    EXPECT_EQ(ctl(f, EPOLL_CTL_ADD, 6, ep, POLLIN, 0), -EINVAL);
    EXPECT_EQ(ctl(ep, EPOLL_CTL_ADD, 7, inner, POLLIN | EPOLLEXCLUSIVE, 0), -EINVAL);
    EXPECT_EQ(ctl(ep, EPOLL_CTL_ADD, 7, f, POLLIN | EPOLLEXCLUSIVE | EPOLLONESHOT, 0),
              -EINVAL);
    EXPECT_EQ(ctl(ep, EPOLL_CTL_ADD, 7, f, POLLIN | EPOLLEXCLUSIVE | EPOLLWAKEUP, 3), 0);
    EXPECT_EQ(ctl(ep, EPOLL_CTL_MOD, 7, f, POLLIN, 0), -EINVAL);
    EXPECT_EQ(ctl(ep, EPOLL_CTL_MOD, 3, f, POLLIN | EPOLLEXCLUSIVE, 0), -EINVAL);
    EXPECT_EQ(epoll_wait(f, give, NULL, 1, 0), -EINVAL);
    put(f, 1);
    EXPECT_EQ(look(ep), 3);
    EXPECT_EQ(epoll_create(1, &f), -EINVAL);
    file_put(plain);
    file_put(inner);
    file_put(ep);
    file_put(f);
    rig_end();
}

TEST(a_file_that_is_closed_is_watched_no_more)
{
    rig_begin();
    struct file *ep = make_epoll(), *f = make_event(1, 0), *g = make_event(1, 0);
    EXPECT_EQ(ctl(ep, EPOLL_CTL_ADD, 3, f, POLLIN, 1), 0);
    EXPECT_EQ(ctl(ep, EPOLL_CTL_ADD, 4, g, POLLIN, 2), 0);
    file_put(f);
    EXPECT_EQ(look(ep), 1);
    EXPECT_EQ(got[0].data, 2);
    file_put(ep);
    file_put(g);
    rig_end();
}

TEST(few_at_a_time_come_in_turn_and_what_could_not_be_given_comes_again)
{
    struct file *f[5];

    rig_begin();
    struct file *ep = make_epoll();
    for (int i = 0; i < 5; i++) {
        f[i] = make_event(1, 0);
        EXPECT_EQ(ctl(ep, EPOLL_CTL_ADD, i, f[i], POLLIN, (uint64_t)i), 0);
    }
    EXPECT_EQ(wait_until_ns(ep, 2, 0), 2);
    EXPECT(got[0].data == 0 && got[1].data == 1);
    EXPECT_EQ(wait_until_ns(ep, 2, 0), 2);
    EXPECT(got[0].data == 2 && got[1].data == 3);
    EXPECT_EQ(wait_until_ns(ep, 2, 0), 2);
    EXPECT(got[0].data == 4 && got[1].data == 0);
    give_error = -EFAULT;
    EXPECT_EQ(look(ep), -EFAULT);
    give_error = 0;
    EXPECT_EQ(look(ep), 5);
    EXPECT_EQ(got[0].data, 1);
    file_put(ep);
    for (int i = 0; i < 5; i++) {
        file_put(f[i]);
    }
    rig_end();
}

TEST(epolls_may_watch_epolls_but_not_in_a_ring_and_not_too_deep)
{
    struct file *ep[7];

    rig_begin();
    struct file *f = make_event(0, 0);
    for (int i = 0; i < 7; i++) {
        ep[i] = make_epoll();
    }
    for (int i = 0; i < 4; i++) {
        EXPECT_EQ(ctl(ep[i], EPOLL_CTL_ADD, 1, ep[i + 1], POLLIN, 1), 0);
    }
    EXPECT_EQ(ctl(ep[4], EPOLL_CTL_ADD, 1, f, POLLIN, 1), 0);
    EXPECT_EQ(ctl(ep[4], EPOLL_CTL_ADD, 1, ep[5], POLLIN, 1), -ELOOP);
    EXPECT_EQ(ctl(ep[5], EPOLL_CTL_ADD, 1, ep[0], POLLIN, 1), -ELOOP);
    EXPECT_EQ(ctl(ep[2], EPOLL_CTL_ADD, 2, ep[0], POLLIN, 1), -ELOOP);
    EXPECT_EQ(ctl(ep[5], EPOLL_CTL_ADD, 1, ep[6], POLLIN, 1), 0);
    EXPECT_EQ(ctl(ep[6], EPOLL_CTL_ADD, 1, ep[5], POLLIN, 1), -ELOOP);
    EXPECT_EQ(look(ep[0]), 0);
    EXPECT_EQ(file_poll(ep[0], NULL), 0);
    put(f, 1);
    EXPECT_EQ(file_poll(ep[0], NULL), POLLIN | POLLRDNORM);
    EXPECT_EQ(look(ep[0]), 1);
    EXPECT_EQ(look(ep[4]), 1);
    EXPECT_EQ(take(f), 1);
    EXPECT_EQ(look(ep[0]), 0);
    put(f, 1);
    EXPECT_EQ(look(ep[0]), 1);
    file_put(ep[2]); /* from the middle */
    EXPECT_EQ(look(ep[0]), 0);
    EXPECT_EQ(ctl(ep[4], EPOLL_CTL_ADD, 2, ep[5], POLLIN, 1), 0);
    for (int i = 0; i < 7; i++) {
        if (i != 2) file_put(ep[i]);
    }
    file_put(f);
    rig_end();
}

TEST(an_edge_of_an_inner_epoll_is_told_outside_each_time)
{
    rig_begin();
    struct file *outer = make_epoll(), *inner = make_epoll(), *f = make_event(0, 0);
    EXPECT_EQ(ctl(inner, EPOLL_CTL_ADD, 1, f, POLLIN, 1), 0);
    EXPECT_EQ(ctl(outer, EPOLL_CTL_ADD, 1, inner, POLLIN | EPOLLET, 2), 0);
    put(f, 1);
    EXPECT_EQ(look(outer), 1);
    EXPECT_EQ(look(outer), 0);
    put(f, 1);
    EXPECT_EQ(look(outer), 1);
    EXPECT_EQ(look(outer), 0);
    file_put(f);
    file_put(inner);
    EXPECT_EQ(look(outer), 0);
    file_put(outer);
    rig_end();
}

static void *put_after_a_while(void *f)
{
    fake_wait_for_sleepers(1);
    put(f, 1);
    return NULL;
}

TEST(epoll_waits_until_a_file_has_something_or_time_is_up_or_a_signal_comes)
{
    pthread_t t;

    rig_begin();
    struct file *ep = make_epoll(), *f = make_event(0, 0);
    uint64_t began = fake_now;
    EXPECT_EQ(ctl(ep, EPOLL_CTL_ADD, 1, f, POLLIN, 1), 0);
    EXPECT_EQ(wait_until_ns(ep, 16, began + SECOND), 0);
    EXPECT_EQ(fake_now, began + SECOND);
    fake_thread_start(&t, 1, put_after_a_while, f);
    EXPECT_EQ(wait_until_ns(ep, 16, WAIT_FOREVER), 1);
    pthread_join(t, NULL);
    EXPECT_EQ(take(f), 1);
    file_wait_interrupted = fake_interrupted;
    fake_signal = true;
    EXPECT_EQ(wait_until_ns(ep, 16, WAIT_FOREVER), -EINTR);
    file_wait_interrupted = NULL;
    struct poll_entry e = {ep, POLLIN, 0};
    fake_thread_start(&t, 1, put_after_a_while, f);
    EXPECT_EQ(poll_files(&e, 1, WAIT_FOREVER), 1);
    pthread_join(t, NULL);
    file_put(ep);
    file_put(f);
    rig_end();
}

TEST(an_epoll_of_many_files_finds_each)
{
    rig_begin();
    struct file *ep = make_epoll();
    for (unsigned i = 0; i < MANY; i++) {
        many[i] = make_event(0, EFD_NONBLOCK);
        EXPECT_EQ(ctl(ep, EPOLL_CTL_ADD, (int)i, many[i], POLLIN, i), 0);
    }
    for (unsigned i = 0; i < MANY; i += 17) {
        put(many[i], 1);
        EXPECT_EQ(look(ep), 1);
        EXPECT_EQ(got[0].data, i);
        take(many[i]);
        EXPECT_EQ(ctl(ep, EPOLL_CTL_DEL, (int)i, many[i], 0, 0), 0);
    }
    for (unsigned i = 0; i < MANY; i++) {
        file_put(many[i]);
    }
    file_put(ep);
    rig_end();
}

TEST(event_files_are_made_whole_or_not_at_all)
{
    struct file *f;

    rig_begin();
    for (unsigned kind = 0; kind < 3; kind++) {
        for (uint64_t budget = 0;; budget++) {
            page_fail_after(budget);
            int err = kind == 0   ? eventfd_create(0, 0, &f)
                      : kind == 1 ? timerfd_create(CLOCK_REALTIME, 0, &f)
                                  : epoll_create(0, &f);
            page_fail_never();
            if (!err) break;
            EXPECT_EQ(err, -ENOMEM);
        }
        file_put(f);
    }
    struct file *ep = make_epoll();
    f = make_event(0, 0);
    for (int fd = 0; fd < 100; fd++) {
        for (uint64_t budget = 0;; budget++) {
            page_fail_after(budget);
            int err = ctl(ep, EPOLL_CTL_ADD, fd, f, POLLIN, 0);
            page_fail_never();
            if (!err) break;
            EXPECT_EQ(err, -ENOMEM);
        }
    }
    put(f, 1);
    EXPECT_EQ(wait_until_ns(ep, 10, 0), 10);
    file_put(f);
    EXPECT_EQ(look(ep), 0);
    file_put(ep);
    rig_end();
}

/* Rings, deletions and closings meet. */
static struct file *shared_ep;
static bool stop; /* atomic */

static void *ring_all(void *arg)
{
    (void)arg;
    while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
        for (unsigned i = 0; i < 4; i++) {
            put(many[i], 1);
            take(many[i]);
        }
    }
    return NULL;
}

static int ignore(void *arg, const struct linux_epoll_event *e)
{
    (void)arg;
    (void)e;
    return 0;
}

static void *collect_all(void *arg)
{
    (void)arg;
    while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
        if (epoll_wait(shared_ep, ignore, NULL, 8, clock_ns() + 1000) < 0) abort();
    }
    return NULL;
}

TEST(rings_meet_deletions_changes_and_closings)
{
    pthread_t ringer, collector;

    rig_begin();
    fake_grace_hold = true;
    stop = false;
    shared_ep = make_epoll();
    for (unsigned i = 0; i < 4; i++) {
        many[i] = make_event(0, EFD_NONBLOCK);
    }
    fake_thread_start(&ringer, 1, ring_all, NULL);
    fake_thread_start(&collector, 2, collect_all, NULL);
    for (unsigned i = 0; i < 3000; i++) {
        struct file *inner = make_epoll();
        EXPECT_EQ(ctl(shared_ep, EPOLL_CTL_ADD, 9, inner, POLLIN, 0), 0);
        for (int k = 0; k < 4; k++) {
            EXPECT_EQ(ctl(shared_ep, EPOLL_CTL_ADD, k, many[k], POLLIN, 0), 0);
            EXPECT_EQ(ctl(inner, EPOLL_CTL_ADD, k, many[k], POLLIN | EPOLLET, 0), 0);
        }
        for (int k = 0; k < 4; k++) {
            EXPECT_EQ(ctl(shared_ep, EPOLL_CTL_MOD, k, many[k], POLLIN | EPOLLONESHOT, 0),
                      0);
            EXPECT_EQ(ctl(shared_ep, EPOLL_CTL_DEL, k, many[k], 0, 0), 0);
        }
        file_put(inner);
    }
    __atomic_store_n(&stop, true, __ATOMIC_RELAXED);
    pthread_join(ringer, NULL);
    pthread_join(collector, NULL);
    for (unsigned i = 0; i < 4; i++) {
        file_put(many[i]);
    }
    file_put(shared_ep);
    fake_grace_hold = false;
    grace_drain();
    rig_end();
}

/*
 * timerfd
 */
static int64_t wall_offset = 1000 * (int64_t)SECOND;
static int64_t wall(void) { return (int64_t)fake_now + wall_offset; }

static struct file *make_timer(int clock)
{
    struct file *f;

    file_clock = wall;
    assert(timerfd_create(clock, TFD_NONBLOCK, &f) == 0);
    return f;
}

static int set(struct file *f, unsigned flags, uint64_t value, uint64_t interval)
{
    struct timerfd_setting new = {value, interval}, old;

    return timerfd_set(f, flags, &new, &old);
}

TEST(a_timerfd_counts_how_often_it_has_expired)
{
    struct timerfd_setting s;

    rig_begin();
    struct file *f = make_timer(CLOCK_MONOTONIC);
    EXPECT_EQ(take(f), -EAGAIN);
    EXPECT_EQ(timerfd_get(f, &s), 0);
    EXPECT(s.value == 0 && s.interval == 0);
    EXPECT_EQ(set(f, 0, SECOND, 0), 0);
    fake_time_pass(SECOND / 4);
    EXPECT_EQ(timerfd_get(f, &s), 0);
    EXPECT(s.value == SECOND / 4 * 3 && s.interval == 0);
    EXPECT_EQ(file_poll(f, NULL), 0);
    fake_time_pass(SECOND);
    EXPECT_EQ(file_poll(f, NULL), POLLIN);
    EXPECT_EQ(take(f), 1);
    EXPECT_EQ(take(f), -EAGAIN);
    EXPECT_EQ(set(f, 0, SECOND, 2 * SECOND), 0);
    fake_time_pass(6 * SECOND);
    EXPECT_EQ(timerfd_get(f, &s), 0);
    EXPECT(s.value == SECOND && s.interval == 2 * SECOND);
    EXPECT_EQ(take(f), 3);
    fake_time_pass(SECOND);
    EXPECT_EQ(take(f), 1);
    EXPECT_EQ(set(f, TFD_TIMER_ABSTIME, fake_now - 1, 0), 0);
    EXPECT_EQ(take(f), 1);
    EXPECT_EQ(set(f, 0, 0, SECOND), 0);
    fake_time_pass(3 * SECOND);
    EXPECT_EQ(take(f), -EAGAIN);
    EXPECT_EQ(set(f, 4, 0, 0), -EINVAL);
    EXPECT_EQ(rig_file_write(f, &s, 8), -EINVAL);
    file_put(f);
    EXPECT_EQ(timerfd_create(5, 0, &f), -EINVAL);
    EXPECT_EQ(timerfd_create(CLOCK_REALTIME, 1, &f), -EINVAL);
    rig_end();
}

TEST(who_reads_a_timerfd_waits_for_it_and_who_polls_it_is_woken_each_period)
{
    rig_begin();
    struct file *f = make_timer(CLOCK_BOOTTIME), *e = make_event(0, 0),
                *ep = make_epoll();
    uint64_t began = fake_now;
    EXPECT_EQ(set(f, 0, SECOND, SECOND), 0);
    EXPECT_EQ(
        timerfd_set(e, 0, &(struct timerfd_setting){0}, &(struct timerfd_setting){0}),
        -EINVAL);
    EXPECT_EQ(ctl(ep, EPOLL_CTL_ADD, 1, f, POLLIN | EPOLLET, 1), 0);
    for (unsigned i = 1; i < 4; i++) {
        EXPECT_EQ(wait_until_ns(ep, 16, WAIT_FOREVER), 1);
        EXPECT_EQ(fake_now, began + i * SECOND);
        EXPECT_EQ(take(f), 1);
    }
    __atomic_fetch_and(&f->flags, ~O_NONBLOCK, __ATOMIC_RELAXED);
    EXPECT_EQ(take(f), 1);
    EXPECT_EQ(fake_now, began + 4 * SECOND);
    file_put(ep);
    file_put(e);
    file_put(f);
    rig_end();
}

TEST(timers_of_the_wall_clock_follow_it_when_it_is_set)
{
    rig_begin();
    struct file *f = make_timer(CLOCK_REALTIME);
    EXPECT_EQ(set(f, TFD_TIMER_ABSTIME, (uint64_t)wall() + 10 * SECOND, 0), 0);
    fake_time_pass(SECOND);
    EXPECT_EQ(take(f), -EAGAIN);
    wall_offset += 20 * (int64_t)SECOND;
    timerfd_clock_was_set();
    EXPECT_EQ(take(f), 1);
    EXPECT_EQ(set(f, TFD_TIMER_ABSTIME, (uint64_t)wall() + SECOND, 0), 0);
    wall_offset -= 5 * (int64_t)SECOND; /* nobody has said so yet when the timer fires */
    fake_time_pass(2 * SECOND);
    EXPECT_EQ(take(f), -EAGAIN);
    __atomic_fetch_and(&f->flags, ~O_NONBLOCK, __ATOMIC_RELAXED);
    EXPECT_EQ(take(f), 1);
    EXPECT_EQ(set(f, 0, 3 * SECOND, 0), 0); /* relative ones do not care */
    wall_offset += 100 * (int64_t)SECOND;
    timerfd_clock_was_set();
    EXPECT_EQ(file_poll(f, NULL), 0);
    EXPECT_EQ(
        set(f, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, (uint64_t)wall() + SECOND, 0),
        0);
    timerfd_clock_was_set();
    EXPECT_EQ(file_poll(f, NULL), POLLIN);
    EXPECT_EQ(take(f), -ECANCELED);
    EXPECT_EQ(take(f), 1);
    file_put(f);
    rig_end();
}
