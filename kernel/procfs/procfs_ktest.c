/*
 * /proc on the real machine, as the kernel itself sees it. Trees and formats are tested on the host
 * (tests/host/procfs_*_test.c), processes by programs that run.
 */
#include "drivers/devtree.h"
#include "fs/cred.h"
#include "fs/file.h"
#include "lib/errno.h"
#include "lib/ktest.h"
#include "lib/string.h"
#include "mm/page.h"
#include "mm/slab.h"
#include "procfs/procfs.h"
#include "uapi/fcntl.h"

enum { MOST = 8192 };

static struct walk_env env;
static struct mount *before;
static char *text;
static const struct devtree no_machine;

static void begin(void)
{
    text = kmalloc(MOST);
    assert(text);
    struct file_system *fs = procfs_create(&no_machine);
    before = root_mount;
    assert(fs && mount_root(fs, 0, "proc", "proc") == 0);
    struct path top = {root_mount, root_mount->root};
    env = (struct walk_env){.root = top, .start = top, .who = &root_cred};
}

static void end(void)
{
    mount_remove_all();
    root_mount = before;
    kfree(text);
    slab_drain();
}

/* The beginning of a file, as a string. */
static const char *read(const char *path)
{
    struct transfer t;
    struct file *f;

    assert(path_open(&env, path, O_RDONLY, 0, &f) == 0);
    transfer_kernel(&t, text, MOST - 1);
    long n = file_read(f, &t);
    assert(n >= 0);
    text[n] = 0;
    file_put(f);
    return text;
}

static bool begins_with(const char *s, const char *start)
{
    return strncmp(s, start, strlen(start)) == 0;
}

KTEST(proc_shows_the_machine)
{
    begin();
    assert(begins_with(read("/meminfo"), "MemTotal:"));
    assert(begins_with(read("/stat"), "cpu  "));
    assert(begins_with(read("/version"), "Linux version "));
    assert(begins_with(read("/cpuinfo"), "processor\t: 0\n"));
    assert(strchr(read("/uptime"), ' ') && strchr(read("/loadavg"), '/'));
    assert(begins_with(read("/sys/kernel/ostype"), "Linux\n"));
    assert(strlen(read("/sys/kernel/random/uuid")) == 37);
    end();
}

KTEST(a_kernel_thread_has_no_self_in_proc)
{
    struct path p;

    begin();
    assert(path_walk(&env, "/self", WALK_FOLLOW, &p) == -ENOENT);
    assert(path_walk(&env, "/thread-self", WALK_FOLLOW, &p) == -ENOENT);
    assert(path_walk(&env, "/1", 0, &p) == -ENOENT);
    end();
}
