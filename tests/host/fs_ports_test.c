/* Ports as files, with a driver that is a few numbers. */
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
// sources: kernel/fs/devfs/devfs.c
// libs: -lpthread
#include "fs/devfs/ports.c" /* and its statics: pages live as long as ports */

#include "fake/uaccess.h"
#include "fs/devfs/devfs.h"
#include "fs/rig.h"
#include "mm/page.h"

#include <pthread.h>
#include <unistd.h>

/* ---- the driver ---- */

enum { MOST = 4 * PAGE_SIZE };

struct port {
    const char *name;
    struct wait_queue queue;
    unsigned opens;
    pthread_mutex_t lock;
    uint8_t to_guest[3 * MOST], to_host[3 * MOST];
    size_t given, taken; /* of to_guest: by the host, by the guest */
    size_t sent, room;   /* of to_host; what more fits */
    bool gone;           /* the host */
};

static struct port ports[] = {
    {.name = "in"}, {.name = "out"}, {.name = "a/b"}, {.name = ""}};

struct port *port_get(unsigned i) { return i < ARRAY_SIZE(ports) ? &ports[i] : NULL; }
const char *port_name(const struct port *p) { return p->name; }
void port_open(struct port *p) { p->opens++; }
void port_close(struct port *p) { p->opens--; }
struct wait_queue *port_readers(struct port *p) { return &p->queue; }
struct wait_queue *port_writers(struct port *p) { return &p->queue; }

long port_try_read(struct port *p, void *buf, size_t len)
{
    pthread_mutex_lock(&p->lock);
    size_t n = p->given - p->taken < len ? p->given - p->taken : len;
    memcpy(buf, p->to_guest + p->taken, n);
    p->taken += n;
    long result = n ? (long)n : p->gone ? 0 : -EAGAIN;
    pthread_mutex_unlock(&p->lock);
    return result;
}

long port_write(struct port *p, const void *buf, size_t len)
{
    pthread_mutex_lock(&p->lock);
    bool gone = p->gone;
    if (!gone) {
        assert(len <= p->room); /* or it would wait, with a mutex held */
        memcpy(p->to_host + p->sent, buf, len);
        p->sent += len;
        p->room -= len;
    }
    pthread_mutex_unlock(&p->lock);
    return gone ? -EPIPE : (long)len;
}

size_t port_room(struct port *p)
{
    pthread_mutex_lock(&p->lock);
    size_t room = p->gone ? 0 : p->room;
    pthread_mutex_unlock(&p->lock);
    return room;
}

unsigned port_ready(struct port *p)
{
    unsigned ready = 0;

    pthread_mutex_lock(&p->lock);
    if (p->given != p->taken || p->gone) ready |= PORT_READABLE;
    if (p->room || p->gone) ready |= PORT_WRITABLE;
    if (p->gone) ready |= PORT_HANGUP;
    pthread_mutex_unlock(&p->lock);
    return ready;
}

/* ---- the host ---- */

static void host_changes(struct port *p, size_t gives, size_t makes_room, bool goes)
{
    pthread_mutex_lock(&p->lock);
    for (size_t i = 0; i < gives; i++, p->given++) {
        p->to_guest[p->given] = (uint8_t)(p->given * 31 >> 2);
    }
    p->room += makes_room;
    p->gone |= goes;
    pthread_mutex_unlock(&p->lock);
    wait_wake_all(&p->queue);
}

static struct file *begin(const char *path, unsigned flags)
{
    static bool registered;
    struct file *f;
    struct path p;

    if (!registered) EXPECT_EQ(port_devices_init(), 0);
    registered = true;
    for (unsigned i = 0; i < ARRAY_SIZE(ports); i++) {
        ports[i].given = ports[i].taken = ports[i].sent = ports[i].room = 0;
        ports[i].gone = false;
        EXPECT_EQ(pthread_mutex_init(&ports[i].lock, NULL), 0);
    }
    rig_begin();
    for (unsigned i = 0; i < 2; i++) { /* which stay */
        if (!ends[i].in) ends[i].in = kmalloc(PAGE_SIZE);
        if (!ends[i].out) ends[i].out = kmalloc(PAGE_SIZE);
        ends[i].start = ends[i].end;
    }
    struct file_system *fs = devfs_create();
    assert(fs && rig_mkdir("dev") == 0 && path_walk(&rig_env, "dev", 0, &p) == 0);
    assert(mount_add(fs, p, 0, "dev", "devtmpfs") == 0);
    path_put(p);
    assert(rig_open(path, flags, &f) == 0);
    return f;
}

static void end(struct file *f)
{
    file_put(f);
    EXPECT(ports[0].opens == 0 && ports[1].opens == 0);
    for (unsigned i = 0; i < 2; i++) {
        kfree(ends[i].in);
        kfree(ends[i].out);
        ends[i].in = ends[i].out = NULL;
    }
    file_wait_interrupted = NULL;
    rig_end();
}

TEST(ports_have_names_in_a_directory_of_their_own)
{
    struct file *f = begin("dev/port/in", O_RDONLY);
    struct attributes a;

    EXPECT_STR(rig_list("dev"), "fd port pts shm stderr stdin stdout");
    EXPECT_STR(rig_list("dev/port"), "in out");
    EXPECT_EQ(rig_stat("dev/port/out", &a), 0);
    EXPECT_EQ(a.mode, S_IFCHR | 0600);
    EXPECT_EQ(ports[0].opens, 1);
    EXPECT_EQ(file_seek(f, 0, SEEK_CUR), -ESPIPE);
    end(f);
}

TEST(a_read_gives_what_there_is_and_then_the_end)
{
    struct file *f = begin("dev/port/in", O_RDONLY | O_NONBLOCK);
    static uint8_t bytes[2 * MOST];
    size_t at = 0;

    EXPECT_EQ(rig_file_read(f, bytes, 10), -EAGAIN);
    EXPECT_EQ(file_poll(f, NULL), 0);
    host_changes(&ports[0], 10000, 0, false);
    EXPECT_EQ(file_poll(f, NULL), POLLIN | POLLRDNORM);
    EXPECT_EQ(rig_file_read(f, bytes, 0), 0);
    for (size_t len = 1; at < 10000; len = len * 3 + 1) {
        long n = rig_file_read(f, bytes + at, len);
        if (!EXPECT_EQ(n, len < 10000 - at ? len : 10000 - at)) break;
        at += (size_t)n;
    }
    EXPECT(memcmp(bytes, ports[0].to_guest, 10000) == 0);
    host_changes(&ports[0], 5, 0, true);
    EXPECT_EQ(file_poll(f, NULL), POLLIN | POLLRDNORM | POLLHUP);
    EXPECT_EQ(rig_file_read(f, bytes, 10), 5);
    EXPECT_EQ(rig_file_read(f, bytes, 10), 0);
    EXPECT_EQ(rig_file_read(f, bytes, 10), 0);
    end(f);
}

TEST(a_bad_buffer_loses_nothing)
{
    struct file *f = begin("dev/port/in", O_RDWR | O_NONBLOCK);
    struct transfer t;
    uint8_t bytes[8];

    host_changes(&ports[0], 6, MOST, false);
    transfer_user(&t, VA(1), 6);
    EXPECT_EQ(file_read(f, &t), -EFAULT);
    EXPECT_EQ(file_poll(f, NULL), POLLIN | POLLRDNORM | POLLOUT | POLLWRNORM);
    EXPECT_EQ(rig_file_read(f, bytes, 8), 6);
    EXPECT(memcmp(bytes, ports[0].to_guest, 6) == 0);
    transfer_user(&t, VA(1), 6);
    EXPECT_EQ(file_write(f, &t), -EFAULT);
    EXPECT_EQ(t.left, 6);
    EXPECT_EQ(ports[0].sent, 0);
    end(f);
}

TEST(a_small_write_is_done_whole_or_not_at_all)
{
    struct file *f = begin("dev/port/out", O_WRONLY | O_NONBLOCK);
    static uint8_t bytes[2 * MOST];

    host_changes(&ports[1], 0, 100, false);
    EXPECT_EQ(file_poll(f, NULL), 0);
    EXPECT_EQ(rig_file_write(f, bytes, 101), -EAGAIN);
    EXPECT_EQ(rig_file_write(f, bytes, 100), 100);
    host_changes(&ports[1], 0, PIPE_BUF, false);
    EXPECT_EQ(file_poll(f, NULL), POLLOUT | POLLWRNORM);
    host_changes(&ports[1], 0, PIPE_BUF, false);
    EXPECT_EQ(rig_file_write(f, bytes, sizeof(bytes)), 2 * PIPE_BUF);
    EXPECT_EQ(rig_file_write(f, bytes, sizeof(bytes)), -EAGAIN);
    host_changes(&ports[1], 0, 0, true);
    EXPECT_EQ(file_poll(f, NULL), POLLOUT | POLLWRNORM | POLLHUP);
    EXPECT_EQ(rig_file_write(f, bytes, 1), -EPIPE);
    end(f);
}

static bool yes(void) { return true; }

TEST(a_signal_ends_a_wait_and_what_was_done_counts)
{
    struct file *f = begin("dev/port/out", O_RDWR);
    static uint8_t bytes[2 * MOST];

    file_wait_interrupted = yes;
    EXPECT_EQ(rig_file_read(f, bytes, 1), -ERESTARTSYS);
    EXPECT_EQ(rig_file_write(f, bytes, 1), -ERESTARTSYS);
    host_changes(&ports[1], 0, PIPE_BUF, false);
    EXPECT_EQ(rig_file_write(f, bytes, 2 * PIPE_BUF), PIPE_BUF);
    end(f);
}

static struct file *shared;
static uint8_t got[2 * MOST];

/* Readers of one port, who wait for it together. */
static void *reader(void *arg)
{
    long n, total = 0;
    uint8_t byte[3];

    (void)arg;
    fake_hart = 1;
    while ((n = rig_file_read(shared, byte, sizeof(byte))) > 0) {
        total += n;
    }
    EXPECT_EQ(n, 0);
    return (void *)total;
}

TEST(readers_who_wait_get_every_byte_between_them)
{
    pthread_t threads[2];
    void *total[2];

    shared = begin("dev/port/in", O_RDONLY);
    for (unsigned i = 0; i < 2; i++) {
        EXPECT_EQ(pthread_create(&threads[i], NULL, reader, NULL), 0);
    }
    for (unsigned i = 0; i < 100; i++) {
        host_changes(&ports[0], 1 + test_random_below(100), 0, false);
        usleep(100);
    }
    host_changes(&ports[0], 0, 0, true);
    for (unsigned i = 0; i < 2; i++) {
        EXPECT_EQ(pthread_join(threads[i], &total[i]), 0);
    }
    EXPECT_EQ((size_t)total[0] + (size_t)total[1], ports[0].given);
    end(shared);
}

static void *writer(void *arg)
{
    fake_hart = 1;
    memset(got, 7, sizeof(got));
    EXPECT_EQ(rig_file_write(shared, got, sizeof(got)), sizeof(got));
    return arg;
}

TEST(a_writer_waits_for_room)
{
    pthread_t thread;

    shared = begin("dev/port/out", O_WRONLY);
    EXPECT_EQ(pthread_create(&thread, NULL, writer, NULL), 0);
    for (size_t given = 0; given < sizeof(got); given += 512) {
        host_changes(&ports[1], 0, 512, false);
        usleep(50);
    }
    EXPECT_EQ(pthread_join(thread, NULL), 0);
    EXPECT_EQ(ports[1].sent, sizeof(got));
    end(shared);
}

TEST(opening_without_memory_leaves_nothing_open)
{
    struct file *f = begin("dev/port/in", O_RDONLY), *second;

    kfree(ends[0].in);
    kfree(ends[0].out);
    ends[0].in = ends[0].out = NULL;
    slab_drain();
    for (uint64_t budget = 0;; budget++) {
        page_fail_after(budget);
        int err = rig_open("dev/port/in", O_RDWR, &second);
        page_fail_never();
        EXPECT_EQ(ports[0].opens, err ? 1 : 2);
        if (err == 0) break;
        EXPECT_EQ(err, -ENOMEM);
    }
    file_put(second);
    end(f);
}
