/* Pipes, fifos and the devices that are memory. */
// sources: kernel/fs/attributes.c kernel/fs/cred.c kernel/fs/dentry.c kernel/fs/devices.c
// sources: kernel/fs/file.c kernel/fs/inode.c kernel/fs/locks.c kernel/fs/mount.c
// sources: kernel/fs/names.c kernel/fs/open.c kernel/fs/pagecache.c kernel/fs/pipe.c
// sources: kernel/fs/rename.c kernel/fs/seals.c kernel/fs/transfer.c kernel/fs/walk.c
// sources: kernel/fs/tmpfs/tmpfs.c kernel/lib/printf.c
// sources: kernel/mm/slab.c kernel/mm/slab_debug.c kernel/mm/kmalloc.c kernel/mm/object.c
// sources: kernel/mm/page.c kernel/mm/buddy.c kernel/mm/hart_frames.c kernel/mm/page_bank.c
// sources: kernel/mm/page_debug.c kernel/sync/spinlock.c
// sources: tests/host/fake/machine.c tests/host/fake/grace.c tests/host/fake/mutex.c
// sources: tests/host/fake/wait.c tests/host/fake/rmap.c tests/host/fake/uaccess.c
// sources: tests/host/fs/rig.c
// sources: kernel/fs/devfs/devfs.c kernel/fs/devfs/memory.c
// libs: -lpthread
#include "drivers/random.h"
#include "fake/uaccess.h"
#include "fs/devfs/devfs.h"
#include "fs/devices.h"
#include "fs/pipe.h"
#include "fs/rig.h"
#include "lib/errno.h"
#include "mm/page.h"
#include "uapi/fcntl.h"
#include "uapi/poll.h"
#include "uapi/stat.h"

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

void random_bytes(void *out, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        ((uint8_t *)out)[i] = (uint8_t)(i * 7 + 1);
    }
}

static size_t stirred;
void random_add(const void *bytes, size_t len)
{
    (void)bytes;
    stirred += len;
}

static struct file *end[2];

static void begin_pipe(unsigned flags)
{
    rig_begin();
    assert(pipe_create(flags, end) == 0);
}

static void close_end(unsigned which)
{
    if (end[which]) file_put(end[which]);
    end[which] = NULL;
}

static void end_pipe(void)
{
    close_end(0);
    close_end(1);
    rig_end();
}

static long put(const void *bytes, size_t len)
{
    return rig_file_write(end[1], bytes, len);
}
static long take(void *bytes, size_t len) { return rig_file_read(end[0], bytes, len); }

TEST(bytes_come_out_as_they_went_in)
{
    static uint8_t bytes[3 * PIPE_SIZE];
    uint64_t in = 0, out = 0;

    begin_pipe(O_NONBLOCK);
    for (unsigned i = 0; i < 3000; i++) {
        size_t len = test_random_below(test_random_below(4) ? 300 : 2 * PIPE_SIZE) + 1;
        if (test_random_below(2)) {
            for (size_t k = 0; k < len; k++) {
                bytes[k] = (uint8_t)((in + k) * 31 >> 3);
            }
            uint64_t room = PIPE_SIZE - (in - out);
            long n = put(bytes, len);
            long wanted = len <= room                    ? (long)len
                          : len <= PIPE_BUF || room == 0 ? -EAGAIN
                                                         : (long)room;
            if (!EXPECT_EQ(n, wanted)) break;
            if (n > 0) in += (uint64_t)n;
        } else {
            long n = take(bytes, len);
            uint64_t there = in - out;
            if (!EXPECT_EQ(n, there == 0    ? -EAGAIN
                              : len < there ? (long)len
                                            : (long)there))
                break;
            for (long k = 0; k < n; k++) {
                if (!EXPECT_EQ(bytes[k], (uint8_t)((out + (uint64_t)k) * 31 >> 3)))
                    return;
            }
            if (n > 0) out += (uint64_t)n;
        }
        EXPECT_EQ(pipe_bytes(end[0]), in - out);
    }
    end_pipe();
}

TEST(ends_that_have_gone_are_noticed)
{
    char c = 'x';

    begin_pipe(0);
    EXPECT_EQ(put("ab", 2), 2);
    close_end(1);
    EXPECT_EQ(file_poll(end[0], NULL), POLLIN | POLLRDNORM | POLLHUP);
    EXPECT_EQ(take(&c, 1), 1);
    EXPECT_EQ(take(&c, 1), 1);
    EXPECT_EQ(take(&c, 1), 0);
    EXPECT_EQ(file_poll(end[0], NULL), POLLHUP);
    end_pipe();
    begin_pipe(0);
    EXPECT_EQ(file_poll(end[1], NULL), POLLOUT | POLLWRNORM);
    close_end(0);
    EXPECT_EQ(put(&c, 1), -EPIPE);
    EXPECT_EQ(file_poll(end[1], NULL), POLLOUT | POLLWRNORM | POLLERR);
    end_pipe();
}

TEST(a_pipe_has_no_position_and_each_end_one_direction)
{
    char c;
    char buf[64];
    struct attributes a;

    begin_pipe(0);
    EXPECT_EQ(file_seek(end[0], 0, SEEK_CUR), -ESPIPE);
    EXPECT_EQ(rig_file_write(end[0], "x", 1), -EBADF);
    EXPECT_EQ(rig_file_read(end[1], &c, 1), -EBADF);
    struct transfer t;
    transfer_kernel(&t, &c, 1);
    EXPECT_EQ(file_read_at(end[0], &t, 0), -ESPIPE);
    long n = path_name(end[0]->path, rig_env.root, buf, sizeof(buf));
    EXPECT_EQ(n, strlen(buf) + 1);
    EXPECT(strncmp(buf, "pipe:[", 6) == 0);
    attributes_get(end[0]->inode, &a);
    EXPECT_EQ(a.mode, S_IFIFO | 0600);
    EXPECT_EQ(end[0]->inode, end[1]->inode);
    EXPECT_EQ(file_truncate(end[1], 0), -EINVAL);
    struct file *more[2];
    EXPECT_EQ(pipe_create(O_DIRECT, more), -EINVAL);
    end_pipe();
}

static long user_put(uint64_t offset, size_t len)
{
    struct transfer t;

    transfer_user(&t, VA(FAKE_USER + offset), len);
    return file_write(end[1], &t);
}

TEST(a_small_write_from_a_bad_buffer_writes_nothing_and_a_read_into_one_loses_nothing)
{
    struct transfer t;
    char c[8] = "";

    begin_pipe(O_NONBLOCK);
    memcpy(fake_user, "0123456789", 10);
    fake_user_end = 10;
    EXPECT_EQ(user_put(5, 10), -EFAULT);
    EXPECT_EQ(pipe_bytes(end[0]), 0);
    EXPECT_EQ(user_put(0, 10), 10);
    transfer_user(&t, VA(FAKE_USER + 8), 10);
    EXPECT_EQ(file_read(end[0], &t), 2);
    transfer_user(&t, VA(FAKE_USER + 10), 10);
    EXPECT_EQ(file_read(end[0], &t), -EFAULT);
    EXPECT_EQ(take(c, 8), 8);
    EXPECT(memcmp(c, "23456789", 8) == 0);
    fake_user_end = FAKE_USER_SIZE;
    end_pipe();
}

TEST(a_pipe_without_memory_says_so_and_keeps_what_it_has)
{
    static char bytes[PIPE_BUF];
    struct file *more[2];

    begin_pipe(O_NONBLOCK);
    EXPECT_EQ(put("ab", 2), 2);
    page_fail_after(0);
    EXPECT_EQ(put(bytes, PIPE_BUF), -ENOMEM);
    EXPECT_EQ(put(bytes, 10), 10);
    page_fail_never();
    EXPECT_EQ(pipe_bytes(end[0]), 12);
    for (uint64_t budget = 0;; budget++) {
        page_fail_after(budget);
        int err = pipe_create(0, more);
        page_fail_never();
        if (!err) break;
        EXPECT_EQ(err, -ENOMEM);
    }
    file_put(more[0]);
    file_put(more[1]);
    end_pipe();
}

/*
 * Threads that wait for each other.
 */
enum { RECORD = 600, RECORDS = 400, WRITERS = 3 };

static void *write_records(void *arg)
{
    uint64_t self = (uint64_t)arg;
    char record[RECORD];

    fake_hart = 1 + (unsigned)self;
    memset(record, 'a' + (int)self, sizeof(record));
    for (unsigned i = 0; i < RECORDS; i++) {
        if (rig_file_write(end[1], record, RECORD) != RECORD) abort();
    }
    return NULL;
}

TEST(writers_wait_for_room_and_small_writes_are_never_torn)
{
    pthread_t thread[WRITERS];
    char record[RECORD];
    unsigned count[WRITERS] = {0};

    begin_pipe(0);
    for (uint64_t i = 0; i < WRITERS; i++) {
        pthread_create(&thread[i], NULL, write_records, (void *)i);
    }
    for (unsigned n = 0; n < WRITERS * RECORDS; n++) {
        size_t got = 0;
        while (got < RECORD) {
            long part = take(record + got, RECORD - got);
            if (part <= 0) abort();
            got += (size_t)part;
        }
        for (unsigned i = 1; i < RECORD; i++) {
            if (record[i] != record[0]) abort();
        }
        count[record[0] - 'a']++;
    }
    for (unsigned i = 0; i < WRITERS; i++) {
        pthread_join(thread[i], NULL);
        EXPECT_EQ(count[i], RECORDS);
    }
    end_pipe();
}

static void *write_much(void *arg)
{
    static char bytes[10 * PIPE_SIZE];

    fake_hart = 1;
    *(long *)arg = rig_file_write(end[1], bytes, sizeof(bytes));
    return NULL;
}

TEST(a_large_write_ends_when_the_last_reader_goes_and_says_how_far_it_came)
{
    static char bytes[3 * PIPE_SIZE];
    pthread_t thread;
    long n = 0;
    size_t got = 0;

    begin_pipe(0);
    pthread_create(&thread, NULL, write_much, &n);
    while (got < sizeof(bytes)) {
        got += (size_t)take(bytes, sizeof(bytes) - got);
    }
    close_end(0);
    pthread_join(thread, NULL);
    EXPECT(n >= (long)got && n <= (long)got + PIPE_SIZE);
    end_pipe();
}

static bool interrupted(void) { return true; }

TEST(a_signal_ends_a_wait)
{
    char c;
    static char full[PIPE_SIZE];
    struct file *f;

    begin_pipe(0);
    file_wait_interrupted = interrupted;
    EXPECT_EQ(take(&c, 1), -ERESTARTSYS);
    EXPECT_EQ(put(full, PIPE_SIZE), PIPE_SIZE);
    EXPECT_EQ(put(full, 1), -ERESTARTSYS);
    EXPECT_EQ(path_make(&rig_env, "fifo", S_IFIFO | 0666, 0), 0);
    EXPECT_EQ(rig_open("fifo", O_RDONLY, &f), -ERESTARTSYS);
    EXPECT_EQ(rig_open("fifo", O_WRONLY, &f), -ERESTARTSYS);
    file_wait_interrupted = NULL;
    end_pipe();
}

TEST(a_pipe_is_opened_once_more_without_waiting)
{
    struct path p;
    struct file *f;
    char buf[8] = "";

    begin_pipe(0);
    p = end[0]->path;
    path_get(p);
    EXPECT_EQ(rig_file_write(end[1], "hi", 2), 2);
    close_end(1);
    EXPECT_EQ(path_open_found(p, O_RDONLY, &root_cred, &f), 0);
    EXPECT_EQ(rig_file_read(f, buf, sizeof(buf)), 2);
    EXPECT_STR(buf, "hi");
    EXPECT_EQ(rig_file_read(f, buf, sizeof(buf)), 0);
    close_end(0);
    file_put(f);
    EXPECT_EQ(path_open_found(p, O_RDONLY, &root_cred, &f), -ENXIO);
    path_put(p);
    end_pipe();
}

static const struct file_ops no_ops = {0};

TEST(what_is_no_pipe_and_has_no_name_cannot_be_opened_once_more)
{
    struct file *f, *again;

    rig_begin();
    EXPECT_EQ(file_make_anonymous("event", &no_ops, O_RDWR, NULL, &f), 0);
    EXPECT_EQ(path_open_found(f->path, O_RDWR, &root_cred, &again), -ENXIO);
    file_put(f);
    rig_end();
}

static void *open_writer(void *arg)
{
    struct file *f;

    fake_hart = 1;
    (void)arg;
    if (rig_open("fifo", O_WRONLY, &f) != 0) abort();
    if (rig_file_write(f, "through", 7) != 7) abort();
    file_put(f);
    return NULL;
}

TEST(the_ends_of_a_fifo_wait_for_each_other)
{
    pthread_t thread;
    struct file *f;
    char buf[16] = "";

    rig_begin();
    EXPECT_EQ(path_make(&rig_env, "fifo", S_IFIFO | 0666, 0), 0);
    EXPECT_EQ(rig_open("fifo", O_WRONLY | O_NONBLOCK, &f), -ENXIO);
    for (unsigned i = 0; i < 20; i++) {
        pthread_create(&thread, NULL, open_writer, NULL);
        if (i % 2) usleep(1000);
        EXPECT_EQ(rig_open("fifo", O_RDONLY, &f), 0);
        EXPECT_EQ(rig_file_read(f, buf, sizeof(buf)), 7);
        EXPECT_EQ(rig_file_read(f, buf, sizeof(buf)), 0);
        file_put(f);
        pthread_join(thread, NULL);
    }
    EXPECT_EQ(rig_open("fifo", O_RDONLY | O_NONBLOCK, &f), 0);
    EXPECT_EQ(file_poll(f, NULL), 0); /* nobody has hung up yet */
    EXPECT_EQ(rig_file_read(f, buf, 1), 0);
    EXPECT_EQ(rig_unlink("fifo"), 0);
    file_put(f);
    rig_end();
}

/* A poller that counts where it was told to wait. */
struct counting {
    struct poll_table table;
    struct wait_queue *queue[4];
    unsigned count;
};

static void count(struct poll_table *table, struct wait_queue *q)
{
    struct counting *c = container_of(table, struct counting, table);

    c->queue[c->count++] = q;
}

TEST(a_poller_waits_in_the_queue_of_its_end)
{
    struct counting c = {.table.add = count};

    begin_pipe(0);
    EXPECT_EQ(file_poll(end[0], &c.table), 0);
    EXPECT_EQ(file_poll(end[1], &c.table), POLLOUT | POLLWRNORM);
    EXPECT_EQ(c.count, 2);
    EXPECT(c.queue[0] != c.queue[1]);
    EXPECT_EQ(put("x", 1), 1);
    EXPECT_EQ(file_poll(end[0], NULL), POLLIN | POLLRDNORM);
    end_pipe();
}

/*
 * Devices.
 */
static void begin_devices(void)
{
    static bool registered;
    struct path p;

    rig_begin();
    if (!registered) EXPECT_EQ(memory_devices_init(), 0);
    registered = true;
    struct file_system *fs = devfs_create();
    assert(fs);
    EXPECT_EQ(rig_mkdir("dev"), 0);
    EXPECT_EQ(path_walk(&rig_env, "dev", 0, &p), 0);
    EXPECT_EQ(mount_add(fs, p, 0, "dev", "devtmpfs"), 0);
    path_put(p);
}

TEST(devices_of_memory_answer_as_they_should)
{
    struct file *f;
    uint8_t bytes[600];

    begin_devices();
    EXPECT_STR(rig_list("dev"),
               "fd full null pts random shm stderr stdin stdout urandom zero");
    EXPECT_EQ(rig_open("dev/null", O_RDWR | O_TRUNC | O_CREAT, &f), 0);
    EXPECT_EQ(rig_file_read(f, bytes, 10), 0);
    EXPECT_EQ(rig_file_write(f, bytes, 600), 600);
    EXPECT_EQ(file_seek(f, 100, SEEK_END), 0);
    EXPECT_EQ(file_poll(f, NULL), POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM);
    file_put(f);
    EXPECT_EQ(rig_open("dev/zero", O_RDWR, &f), 0);
    bytes[0] = bytes[599] = 1;
    EXPECT_EQ(rig_file_read(f, bytes, 600), 600);
    EXPECT(bytes[0] == 0 && bytes[599] == 0);
    file_put(f);
    EXPECT_EQ(rig_open("dev/full", O_RDWR, &f), 0);
    EXPECT_EQ(rig_file_write(f, bytes, 1), -ENOSPC);
    EXPECT_EQ(rig_file_read(f, bytes, 1), 1);
    file_put(f);
    EXPECT_EQ(rig_open("dev/urandom", O_RDWR, &f), 0);
    EXPECT_EQ(rig_file_read(f, bytes, 600), 600);
    EXPECT_EQ(bytes[1], 8);
    EXPECT_EQ(rig_file_write(f, bytes, 300), 300);
    EXPECT_EQ(stirred, 300);
    file_put(f);
    rig_end();
}

TEST(a_number_that_nobody_has_cannot_be_opened_and_one_that_is_taken_not_registered)
{
    struct char_device again = {"again", device_number(1, 1), 4, 0, NULL, NULL};
    struct file *f;

    begin_devices();
    EXPECT_EQ(path_make(&rig_env, "odd", S_IFCHR | 0666, device_number(99, 300)), 0);
    EXPECT_EQ(rig_open("odd", O_RDONLY, &f), -ENXIO);
    EXPECT_EQ(path_make(&rig_env, "block", S_IFBLK | 0666, device_number(1, 3)), 0);
    EXPECT_EQ(rig_open("block", O_RDONLY, &f), -ENXIO);
    EXPECT_EQ(path_make(&rig_env, "null", S_IFCHR | 0666, device_number(1, 3)), 0);
    EXPECT_EQ(rig_open("null", O_RDONLY, &f), 0);
    file_put(f);
    EXPECT_EQ(device_register(&again), -EBUSY);
    EXPECT_EQ(device_major(device_number(99, 300)), 99);
    EXPECT_EQ(device_minor(device_number(99, 300)), 300);
    rig_become(&rig_user);
    EXPECT_EQ(path_make(&rig_env, "/tmpdev", S_IFCHR | 0666, 0), -EPERM);
    rig_become(&root_cred);
    rig_end();
}

TEST(devices_appear_whole_or_not_at_all)
{
    rig_begin();
    for (uint64_t budget = 0;; budget++) {
        page_fail_after(budget);
        struct file_system *fs = devfs_create();
        page_fail_never();
        if (!fs) continue;
        file_system_abandon(fs);
        break;
    }
    rig_end();
}

/*
 * Bytes that are looked at before they are taken.
 */
TEST(what_is_peeked_at_stays_until_it_is_taken)
{
    char bytes[16] = {0};

    begin_pipe(0);
    assert(rig_file_write(end[1], "abcdef", 6) == 6);
    assert(pipe_peek(end[0], bytes, 4, true) == 4 && memcmp(bytes, "abcd", 4) == 0);
    pipe_peek_end(end[0], 0);
    assert(pipe_bytes(end[0]) == 6);
    assert(pipe_peek(end[0], bytes, 16, true) == 6 && memcmp(bytes, "abcdef", 6) == 0);
    pipe_peek_end(end[0], 5);
    assert(pipe_bytes(end[0]) == 1);
    assert(rig_file_read(end[0], bytes, 4) == 1 && bytes[0] == 'f');
    assert(pipe_peek(end[0], bytes, 4, false) == -EAGAIN);
    close_end(1);
    assert(pipe_peek(end[0], bytes, 4, true) == 0);
    end_pipe();
}

TEST(peeking_goes_round_the_ring)
{
    enum { MANY = 3 * PIPE_SIZE };
    char *sent = malloc(PIPE_SIZE), *seen = malloc(PIPE_SIZE);
    uint64_t written = 0, taken = 0;

    assert(sent && seen);
    begin_pipe(O_NONBLOCK);
    while (taken < MANY) {
        size_t n = test_random_below(PIPE_SIZE) + 1;
        for (size_t i = 0; i < n; i++) {
            sent[i] = (char)((written + i) % 251);
        }
        long put = rig_file_write(end[1], sent, n);
        assert(put > 0 || put == -EAGAIN);
        if (put > 0) written += (uint64_t)put;
        long n_seen = pipe_peek(end[0], seen, test_random_below(PIPE_SIZE) + 1, false);
        assert(n_seen > 0);
        for (long i = 0; i < n_seen; i++) {
            assert(seen[i] == (char)((taken + (uint64_t)i) % 251));
        }
        size_t take = test_random_below((uint64_t)n_seen + 1);
        pipe_peek_end(end[0], take);
        taken += take;
        assert(pipe_bytes(end[0]) == (long)(written - taken));
        assert(pipe_room(end[1], false) > 0 || written - taken > PIPE_SIZE - PIPE_BUF);
    }
    end_pipe();
    free(sent);
    free(seen);
}

TEST(while_one_peeks_nobody_else_reads)
{
    char bytes[4];

    begin_pipe(O_NONBLOCK);
    assert(rig_file_write(end[1], "ab", 2) == 2);
    assert(pipe_peek(end[0], bytes, 1, true) == 1);
    assert(rig_file_read(end[0], bytes, 2) == -EAGAIN);
    assert(pipe_peek(end[0], bytes, 1, true) == -EAGAIN);
    pipe_peek_end(end[0], 1);
    assert(rig_file_read(end[0], bytes, 2) == 1 && bytes[0] == 'b');
    close_end(0);
    assert(pipe_room(end[1], true) == -EPIPE);
    end_pipe();
}

/*
 * Another size.
 */
TEST(a_pipe_keeps_its_bytes_when_its_size_changes)
{
    static const uint64_t sizes[] = {4096, 8192, 65536, 1 << 20};
    static char bytes[PIPE_SIZE];
    uint64_t written = 0, taken = 0;

    begin_pipe(O_NONBLOCK);
    for (unsigned round = 0; round < 500; round++) {
        size_t n = test_random_below(9000) + 1;
        for (size_t i = 0; i < n; i++) {
            bytes[i] = (char)((written + i) % 253);
        }
        long put = rig_file_write(end[1], bytes, n);
        if (put > 0) written += (uint64_t)put;
        uint64_t size = sizes[test_random_below(ARRAY_SIZE(sizes))];
        int err = pipe_resize(end[0], size);
        assert(err == (written - taken > size ? -EBUSY : 0));
        if (!err) assert(pipe_size(end[1]) == size);
        long got = rig_file_read(end[0], bytes, test_random_below(9000) + 1);
        for (long i = 0; i < got; i++) {
            assert(bytes[i] == (char)((taken + (uint64_t)i) % 253));
        }
        if (got > 0) taken += (uint64_t)got;
        assert(pipe_bytes(end[0]) == (long)(written - taken));
    }
    end_pipe();
}

TEST(a_pipe_that_cannot_get_another_size_has_the_old_one)
{
    static char bytes[20000];

    for (uint64_t budget = 0;; budget++) {
        begin_pipe(0);
        assert(rig_file_write(end[1], bytes, sizeof(bytes)) == sizeof(bytes));
        page_fail_after(budget);
        int err = pipe_resize(end[1], 32768);
        page_fail_never();
        assert(err == 0 || err == -ENOMEM);
        assert(pipe_size(end[0]) == (err ? PIPE_SIZE : 32768));
        assert(rig_file_read(end[0], bytes, sizeof(bytes)) == sizeof(bytes));
        end_pipe();
        if (err == 0) {
            assert(budget > 4);
            return;
        }
    }
}
