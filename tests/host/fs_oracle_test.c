/*
 * Linux as the oracle: the same random calls on a directory of this machine and on a tmpfs of
 * ours, as root and as somebody else, results and errors compared; now and then what all files
 * are. A difference is a bug of ours, or a reason to be written down here.
 *
 * Then once more on an overlay: what the calls have left becomes an EROFS image, and further
 * calls change the directory there and the overlay of the image here.
 *
 *     TEST_SEED=n ORACLE_STEPS=100000 build/host/fs_oracle_test
 *
 * It needs a root directory of its own (chroot), hence the rights for one; without them
 * it says so, and is content.
 */
// sources: kernel/fs/attributes.c kernel/fs/cred.c kernel/fs/dentry.c kernel/fs/devices.c
// sources: kernel/fs/file.c kernel/fs/inode.c kernel/fs/locks.c kernel/fs/mount.c
// sources: kernel/fs/names.c kernel/fs/open.c kernel/fs/pagecache.c kernel/fs/pipe.c
// sources: kernel/fs/rename.c kernel/fs/seals.c kernel/fs/transfer.c kernel/fs/walk.c
// sources: kernel/fs/tmpfs/tmpfs.c kernel/lib/printf.c
// sources: kernel/fs/overlay/overlay.c kernel/fs/erofs/super.c kernel/fs/erofs/inode.c
// sources: kernel/fs/erofs/dir.c kernel/fs/erofs/vfs.c kernel/fs/erofs/contents.c
// sources: tests/host/erofs_image.c tests/host/fs/image_device.c tests/host/fake/reclaim.c
// sources: kernel/mm/slab.c kernel/mm/slab_debug.c kernel/mm/kmalloc.c kernel/mm/object.c
// sources: kernel/mm/page.c kernel/mm/buddy.c kernel/mm/hart_frames.c kernel/mm/page_bank.c
// sources: kernel/mm/page_debug.c kernel/sync/spinlock.c
// sources: tests/host/fake/machine.c tests/host/fake/grace.c tests/host/fake/mutex.c
// sources: tests/host/fake/wait.c tests/host/fake/rmap.c tests/host/fake/uaccess.c
// sources: tests/host/fs/rig.c tests/host/fs/host_side.c
// libs: -lpthread
#include "fs/host_side.h"
#include "fs/image_device.h"
#include "fs/overlay/overlay.h"
#include "fs/rig.h"
#include "lib/errno.h"
#include "mm/object.h"
#include "uapi/fcntl.h"
#include "uapi/stat.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { FILES = 6, STEPS = 20000, ROUNDS = 10, LOOK_EVERY = 400, DEEP = 6, ROOM = 20000 };

/* What both sides have open, under one number. */
static struct file *ours[FILES];
static int theirs[FILES];
static bool different;
static bool on_overlay;
static bool
    short_names; /* mkfs.erofs 1.5 says of a name of 255 characters that it is not there */
static char said[3 * PATH_LIMIT]; /* the call, for the report */

static uint64_t below(uint64_t n) { return test_random_below(n); }

static bool agree(long got, long wanted)
{
    if (got == wanted) return true;
    printf("%s: ours %ld, Linux %ld\n", said, got, wanted);
    different = true;
    return false;
}

/* A path of up to four components, some of them strange. */
static void make_path(char *path)
{
    static const char *const words[] = {"a", "b", "c",  "d", "a", "b",
                                        "c", ".", "..", "l", "m"};
    unsigned n = 1 + (unsigned)below(4);

    *path = 0;
    if (below(60) == 0) return;
    if (below(3) == 0) strcat(path, "/");
    if (below(80) == 0) return;
    for (unsigned i = 0; i < n; i++) {
        if (i) strcat(path, below(10) ? "/" : "//");
        if (!short_names && below(300) == 0) {
            size_t len = strlen(path);
            memset(path + len, 'n', 254 + below(3));
            path[len + 254 + below(3)] = 0;
            path[len + 256] = 0;
        } else {
            strcat(path, words[below(ARRAY_SIZE(words))]);
        }
    }
    if (below(12) == 0) strcat(path, "/");
}

static char one[PATH_LIMIT], two[PATH_LIMIT];

static void make_paths(void)
{
    memset(one, 0, sizeof(one));
    memset(two, 0, sizeof(two));
    make_path(one);
    make_path(two);
}

#define SAY(...) snprintf(said, sizeof(said), __VA_ARGS__)

static int find(const char *path, bool follow, struct path *out)
{
    return path_walk(&rig_env, path, follow ? WALK_FOLLOW : 0, out);
}

static uint32_t some_mode(void)
{
    static const uint32_t modes[] = {0777,  0755,  0644,  0700, 0,
                                     01777, 02775, 06755, 0333, 0555};

    return modes[below(ARRAY_SIZE(modes))];
}

static unsigned some_flags(void)
{
    static const unsigned flags[] = {O_CREAT,    O_CREAT,     O_CREAT | O_EXCL, O_TRUNC,
                                     O_APPEND,   O_DIRECTORY, O_NOFOLLOW,       O_PATH,
                                     O_NONBLOCK, O_TMPFILE};
    unsigned all = (unsigned)below(3);

    for (unsigned i = 0; i < 3; i++) {
        if (below(2)) all |= flags[below(ARRAY_SIZE(flags))];
    }
    if (below(200) == 0) all |= O_ACCMODE;
    /* Never wait for the other end of a fifo. */
    return all | O_NONBLOCK;
}

static void step_open(void)
{
    unsigned f = (unsigned)below(FILES), flags = some_flags();
    uint32_t mode = some_mode();
    struct file *file = NULL;

    SAY("open(%s, %#o, %o)", one, flags, mode);
    if (ours[f]) {
        file_put(ours[f]);
        host_close(theirs[f]);
    }
    int got = path_open(&rig_env, one, flags, mode, &file);
    int wanted = host_open(one, flags, mode);
    ours[f] = file;
    theirs[f] = wanted;
    /* O_CREAT on somebody's link, not followed, in a sticky directory: Linux says so even where
     * fs.protected_* is off. We look at links first. */
    bool sticky =
        got == -ELOOP && wanted == -EACCES && (flags & O_CREAT) && (flags & O_NOFOLLOW);
    if (!sticky) agree(got, wanted < 0 ? wanted : 0);
    if (wanted < 0 && file) {
        file_put(file);
        ours[f] = NULL;
    }
    if (wanted >= 0 && !file) host_close(wanted);
}

static long our_io(struct file *f, bool write, void *buf, size_t len, int64_t pos)
{
    struct transfer t;

    transfer_kernel(&t, buf, len);
    if (write) return pos < 0 ? file_write(f, &t) : file_write_at(f, &t, pos);
    return pos < 0 ? file_read(f, &t) : file_read_at(f, &t, pos);
}

static size_t some_length(void) { return below(4) ? below(200) : below(ROOM); }

/* Whether a write takes a set-user-ID bit away: Linux asks what the writer may, we ask what the
 * opener might. */
static bool is_privileged(const struct file *f)
{
    return f->cred != rig_env.who && f->inode->mode & (S_ISUID | S_ISGID);
}

static void step_io(void)
{
    static char a[ROOM], b[ROOM];
    unsigned f = (unsigned)below(FILES);
    bool write = below(2);
    size_t len = some_length();
    int64_t pos = below(2) ? -1 : (int64_t)below(3 * ROOM);

    if (!ours[f] || is_privileged(ours[f])) return;
    SAY("%s(%u, %zu, %ld)", write ? "write" : "read", f, len, (long)pos);
    for (size_t i = 0; i < len; i++) {
        a[i] = b[i] = write ? (char)test_random() : 0;
    }
    if (inode_is(ours[f]->inode, INODE_FIFO) && len > 4096)
        return; /* 64 KiB, counted in pages */
    long got = our_io(ours[f], write, a, len, pos);
    long wanted =
        write ? host_write(theirs[f], b, len, pos) : host_read(theirs[f], b, len, pos);
    if (agree(got, wanted) && memcmp(a, b, len) != 0) {
        printf("%s: other bytes\n", said);
        different = true;
    }
}

static void step_seek(void)
{
    unsigned f = (unsigned)below(FILES);
    int64_t offset = (int64_t)below(2 * ROOM) - ROOM / 2;
    int whence = (int)below(6);

    if (!ours[f] || inode_is(ours[f]->inode, INODE_DIRECTORY)) return;
    /* Where data are is a matter of how they are kept. */
    if (whence >= SEEK_DATA && (whence > SEEK_HOLE || offset >= 0)) return;
    SAY("lseek(%u, %ld, %d)", f, (long)offset, whence);
    agree(file_seek(ours[f], offset, whence), host_seek(theirs[f], offset, whence));
}

static void step_size(void)
{
    unsigned f = (unsigned)below(FILES);
    int64_t size = (int64_t)below(3 * ROOM) - 10, len = (int64_t)below(2 * ROOM) - 5;
    static const int modes[] = {0, 1, 3, 2};
    int mode = modes[below(ARRAY_SIZE(modes))];

    if (!ours[f] || is_privileged(ours[f])) return;
    if (below(2)) {
        SAY("ftruncate(%u, %ld)", f, (long)size);
        agree(file_truncate(ours[f], size), host_ftruncate(theirs[f], size));
    } else if (!(file_flags(ours[f]) & O_PATH)) {
        SAY("fallocate(%u, %d, %ld, %ld)", f, mode, (long)size, (long)len);
        agree(file_allocate(ours[f], (unsigned)mode, size, len),
              host_fallocate(theirs[f], mode, size, len));
    }
}

static void step_make(void)
{
    uint32_t mode = some_mode();

    switch (below(6)) {
    case 0:
        SAY("mkfifo(%s, %o)", one, mode);
        agree(path_make(&rig_env, one, S_IFIFO | mode, 0),
              host_mknod(one, S_IFIFO | mode, 0));
        break;
    case 1:
        SAY("mknod(%s, %o)", one, mode);
        agree(path_make(&rig_env, one, S_IFREG | mode, 0),
              host_mknod(one, S_IFREG | mode, 0));
        break;
    default:
        SAY("mkdir(%s, %o)", one, mode);
        agree(path_make_directory(&rig_env, one, mode), host_mkdir(one, mode));
    }
}

static void step_link(void)
{
    unsigned f = (unsigned)below(FILES);
    bool follow = below(2);
    struct path p;

    if (below(4) == 0 && ours[f]) {
        if (rig_env.who != &root_cred) return; /* Linux asks for a capability */
        SAY("linkat(%u, %s)", f, one);
        agree(path_link(ours[f]->path, &rig_env, one), host_link_file(theirs[f], one));
    } else if (below(2)) {
        SAY("symlink(%s, %s)", one, two);
        agree(path_symlink(&rig_env, one, two), host_symlink(one, two));
    } else {
        SAY("linkat(%s, %s, %d)", one, two, follow);
        int got = find(one, follow, &p);
        if (!got) {
            got = path_link(p, &rig_env, two);
            path_put(p);
        }
        agree(got, host_link(one, two, follow));
    }
}

static void step_remove(void)
{
    if (below(2)) {
        SAY("unlink(%s)", one);
        agree(path_unlink(&rig_env, one), host_unlink(one));
    } else {
        SAY("rmdir(%s)", one);
        agree(path_remove_directory(&rig_env, one), host_rmdir(one));
    }
}

static void step_rename(void)
{
    static const unsigned flags[] = {0, 0, 0, 1, 2, 2, 3};
    unsigned flag = flags[below(ARRAY_SIZE(flags))];

    SAY("rename(%s, %s, %u)", one, two, flag);
    agree(path_rename(&rig_env, one, &rig_env, two, flag), host_rename(one, two, flag));
}

static void same_attributes(const struct attributes *a, const struct host_stat *b)
{
    bool directory = (a->mode & S_IFMT) == S_IFDIR;

    agree(a->mode, b->mode);
    agree(a->uid, b->uid);
    agree(a->gid, b->gid);
    if (!directory || host_is_tmpfs()) agree(a->nlink, b->nlink);
    bool sized =
        host_is_tmpfs() && !on_overlay; /* directories: as Linux counts in memory */
    if (!directory || sized) agree((long)a->size, (long)b->size);
}

static void compare_stat(const char *path, bool follow)
{
    struct attributes a;
    struct host_stat b;
    struct path p;

    SAY("stat(%s, %d)", path, follow);
    int got = find(path, follow, &p), wanted = host_stat(path, follow, &b);
    if (agree(got, wanted) && !got) {
        attributes_get(path_inode(p), &a);
        same_attributes(&a, &b);
    }
    if (!got) path_put(p);
}

static void step_attributes(void)
{
    bool follow = below(2);
    uint32_t mode = some_mode(), uid = (uint32_t)below(4) * 1000,
             gid = (uint32_t)below(4) * 1000;
    int64_t size = (int64_t)below(3 * ROOM) - 5;
    struct path p;

    if (uid == 3000) uid = KEEP_OWNER;
    if (gid == 3000) gid = KEEP_OWNER;
    unsigned which = (unsigned)below(4);
    if (which == 0) SAY("chmod(%s, %o)", one, mode);
    if (which == 1) SAY("chown(%s, %d, %d, %d)", one, (int)uid, (int)gid, follow);
    if (which == 2) SAY("truncate(%s, %ld)", one, (long)size);
    if (which == 3) SAY("utimens(%s, %d)", one, follow);
    if (which != 1) follow = true;
    if (which == 2 && size < 0) return; /* Linux looks at the number first */
    int got = find(one, follow, &p), wanted = 0;
    struct time_change omit = {TIME_OMIT, 0}, now = {TIME_NOW, 0},
                       set = {TIME_SET, 1234567890};
    bool to_now = below(2);
    if (!got) {
        if (which == 0) got = path_chmod(p, mode, rig_env.who);
        if (which == 1) got = path_chown(p, uid, gid, rig_env.who);
        if (which == 2) got = path_truncate(p, size, rig_env.who);
        if (which == 3) {
            got = path_set_times(p, to_now ? now : omit, to_now ? now : set, rig_env.who);
        }
        path_put(p);
    }
    if (which == 0) wanted = host_chmod(one, mode);
    if (which == 1) wanted = host_chown(one, uid, gid, follow);
    if (which == 2) wanted = host_truncate(one, size);
    if (which == 3) wanted = host_set_mtime(one, 1234567890, to_now);
    agree(got, wanted);
}

static void step_ask(void)
{
    char a[PATH_LIMIT] = {0}, b[PATH_LIMIT] = {0};
    unsigned wanted = (unsigned)below(8);
    struct path p;

    switch (below(4)) {
    case 0: {
        size_t size = 1 + below(40);
        SAY("readlink(%s, %zu)", one, size);
        int err = find(one, false, &p);
        long n = err ? err : path_readlink(p, a, size);
        if (!err) path_put(p);
        if (agree(n, host_readlink(one, b, size)) && memcmp(a, b, size) != 0) {
            printf("%s: %s, not %s\n", said, a, b);
            different = true;
        }
        break;
    }
    case 1: {
        SAY("access(%s, %u)", one, wanted);
        int err = find(one, true, &p);
        int got = err ? err : path_access(p, wanted, rig_env.who);
        if (!err) path_put(p);
        agree(got, host_access(one, wanted));
        break;
    }
    case 2:
        SAY("chdir(%s)", one);
        agree(rig_chdir(one), host_chdir(one));
        break;
    default: {
        SAY("getcwd");
        long n = path_name(rig_env.start, rig_env.root, a, sizeof(a));
        if (agree(n, host_getcwd(b, sizeof(b))) && n > 0 && strcmp(a, b) != 0) {
            printf("getcwd: %s, not %s\n", a, b);
            different = true;
        }
    }
    }
}

static void step_umask(void)
{
    static const uint32_t masks[] = {0, 022, 077, 0777};
    extern unsigned umask(unsigned);

    rig_env.umask = masks[below(ARRAY_SIZE(masks))];
    umask(rig_env.umask);
}

static void step_become(void)
{
    bool root = below(3) != 0;

    rig_become(root ? &root_cred : &rig_user);
    host_become(root ? 0 : 1000);
}

/*
 * The whole tree, file by file.
 */
static void compare_bytes(const char *path)
{
    static char a[4 * ROOM + 100], b[4 * ROOM + 100];
    struct file *f;

    SAY("read(%s)", path);
    int err = path_open(&rig_env, path, O_RDONLY, 0, &f),
        fd = host_open(path, O_RDONLY, 0);
    if (!agree(err, fd < 0 ? fd : 0)) return;
    if (err) return;
    long got = our_io(f, false, a, sizeof(a), 0), wanted = host_read(fd, b, sizeof(b), 0);
    if (agree(got, wanted) && got > 0 && memcmp(a, b, (size_t)got) != 0) {
        printf("%s: other bytes\n", path);
        different = true;
    }
    file_put(f);
    host_close(fd);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void compare_tree(const char *path, unsigned depth);

static void compare_directory(const char *path, unsigned depth)
{
    static char names[DEEP][1 << 14];
    char ours_copy[1 << 14], *name[200], joined[1 << 14] = "";
    int n = host_list(path, names[depth], sizeof(names[depth]));
    const char *list = rig_list(path);

    SAY("readdir(%s)", path);
    if (!agree(list ? 0 : -1, n < 0 ? -1 : 0) || n < 0 || !list) return;
    snprintf(ours_copy, sizeof(ours_copy), "%s", list);
    char *at = names[depth];
    for (int i = 0; i < n && i < 200; i++) {
        name[i] = at;
        at += strlen(at) + 1;
    }
    qsort(name, (size_t)n, sizeof(name[0]), by_name);
    for (int i = 0; i < n; i++) {
        if (i) strcat(joined, " ");
        strcat(joined, name[i]);
    }
    if (strcmp(joined, ours_copy) != 0) {
        printf("%s has %s, not %s\n", path, ours_copy, joined);
        different = true;
        return;
    }
    for (int i = 0; i < n; i++) {
        char below_it[PATH_LIMIT];
        snprintf(below_it, sizeof(below_it), "%s/%s", path, name[i]);
        compare_tree(below_it, depth + 1);
    }
}

static void compare_tree(const char *path, unsigned depth)
{
    struct host_stat st;

    compare_stat(path, false);
    if (depth >= DEEP || host_stat(path, false, &st)) return;
    if ((st.mode & S_IFMT) == S_IFREG) compare_bytes(path);
    if ((st.mode & S_IFMT) == S_IFDIR) compare_directory(path, depth);
}

static void compare_all(void)
{
    struct cred *who = rig_env.who;

    rig_become(&root_cred);
    host_become(0);
    compare_tree("/", 0);
    for (unsigned f = 0; f < FILES; f++) {
        struct attributes a;
        struct host_stat b;
        if (!ours[f]) continue;
        SAY("fstat(%u)", f);
        attributes_get(ours[f]->inode, &a);
        if (agree(host_fstat(theirs[f], &b), 0)) same_attributes(&a, &b);
    }
    rig_become(who);
    host_become(who == &root_cred ? 0 : 1000);
}

/* What is cached alone goes, and is brought again. */
static void forget(void)
{
    dentry_drain();
    (void)objects_reclaim(100);
}

static void step(void)
{
    if (on_overlay && below(30) == 0) forget();
    make_paths();
    uint64_t which = below(100);
    if (which < 18) {
        step_open();
    } else if (which < 36) {
        step_io();
    } else if (which < 40) {
        step_seek();
    } else if (which < 45) {
        step_size();
    } else if (which < 57) {
        step_make();
    } else if (which < 66) {
        step_link();
    } else if (which < 73) {
        step_remove();
    } else if (which < 82) {
        step_rename();
    } else if (which < 86) {
        compare_stat(one, below(2));
    } else if (which < 91) {
        step_attributes();
    } else if (which < 97) {
        step_ask();
    } else if (which < 98) {
        step_umask();
    } else {
        step_become();
    }
}

static void run_steps(long steps)
{
    bool loud = getenv("ORACLE_SAY");

    for (long i = 0; i < steps && !different; i++) {
        step();
        if (loud) printf("%ld: %s\n", i, said);
        if (i % LOOK_EVERY == 0 && !different) compare_all();
        if (different)
            printf("at step %ld, as %s\n", i,
                   rig_env.who == &root_cred ? "root" : "user");
    }
    for (unsigned f = 0; f < FILES; f++) {
        if (!ours[f]) continue;
        file_put(ours[f]);
        host_close(theirs[f]);
        ours[f] = NULL;
    }
}

static long steps_wanted(void)
{
    const char *wanted = getenv("ORACLE_STEPS");

    return wanted ? atol(wanted) : STEPS;
}

static int run_sequence(void)
{
    rig_begin();
    run_steps(steps_wanted());
    if (!different) different = !rig_end();
    fflush(stdout);
    return different;
}

static struct image image;

static struct file_system *make_overlay(void)
{
    struct tmpfs_options options = {0};
    struct file_system *lower;

    assert(image_device_create(&image, &lower) == 0);
    return overlay_create(lower, &options);
}

/* Both sides are in their roots, as root, with one umask. */
static void begin_again(void)
{
    rig_become(&root_cred);
    host_chdir("/");
    step_umask();
}

/* What is there becomes an image, and steps are taken on an overlay of it. False: it cannot be
 * made. */
static bool run_on_image(void)
{
    size_t size;

    host_become(0);
    void *bytes = host_make_image(&size);
    if (!bytes) return false;
    image_copy(&image, bytes, size);
    free(bytes);
    rig_begin_on(make_overlay);
    on_overlay = true;
    begin_again();
    run_steps(steps_wanted() / ROUNDS);
    if (!different) different = !rig_end() || !EXPECT_EQ(image.held, 0);
    image_end(&image);
    return true;
}

static int run_overlay_sequence(void)
{
    short_names = true;
    rig_begin();
    run_steps(2 * LOOK_EVERY);
    if (!different) different = !rig_end();
    for (unsigned i = 0; i < ROUNDS && !different; i++) {
        if (run_on_image()) continue;
        printf("no mkfs.erofs: no overlay\n");
        break;
    }
    fflush(stdout);
    return different;
}

static void ask_linux(int (*sequence)(void))
{
    int status = 0;

    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        if (!host_enter()) {
            printf("no chroot: Linux was not asked\n");
            fflush(stdout);
            _exit(0);
        }
        _exit(sequence());
    }
    EXPECT(waitpid(child, &status, 0) == child);
    EXPECT_EQ(status, 0);
}

TEST(random_calls_have_the_results_that_linux_gives) { ask_linux(run_sequence); }

TEST(an_overlay_is_like_a_directory_that_can_be_written)
{
    ask_linux(run_overlay_sequence);
}
