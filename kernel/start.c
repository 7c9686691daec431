/*
 * See start.h.
 *
 *     /          the root: memory, or an image under an overlay that is memory
 *     /dev       devices
 *     /dev/pts   pseudo terminals
 *     /dev/shm, /tmp, /run   memory
 *     /proc      processes; /sys: harts
 *
 * A directory that is missing is made; what cannot be mounted is said in the log, and the start
 * goes on without it: programs may not need it.
 */
#include "start.h"

#include "arch/riscv/directmap.h"
#include "drivers/devtree.h"
#include "file_systems.h"
#include "fs/cred.h"
#include "fs/devfs/devfs.h"
#include "fs/devfs/ports.h"
#include "fs/initramfs.h"
#include "fs/root.h"
#include "fs/tmpfs/tmpfs.h"
#include "init.h"
#include "lib/cmdline.h"
#include "lib/errno.h"
#include "lib/log.h"
#include "lib/string.h"
#include "mm/page.h"
#include "mm/slab.h"
#include "proc/exec.h"
#include "proc/linux.h"
#include "proc/shared_memory.h"
#include "proc/signal.h"
#include "proc/vdso.h"
#include "proc/wall.h"
#include "procfs/procfs.h"
#include "syscall/harts.h"
#include "syscall/linux.h"
#include "tty/pty.h"
#include "tty/tty.h"

enum { INIT_WORDS = 32 };

bool start_is_asked_for(void) { return cmdline_get("init") != NULL; }

static struct walk_env kernel_env(void)
{
    struct path top = {root_mount, root_mount->root};

    return (struct walk_env){.root = top, .start = top, .who = &root_cred};
}

/* root=NAME: the image on the disk of that name, changed in memory. Else there is nothing but what
 * the initrd brings. */
static int mount_the_root(void)
{
    const char *disk = cmdline_get("root"), *reason;

    if (!disk) return root_mount_memory();
    int err = root_mount_erofs(disk, &reason);
    if (err) log_error("root=%s: %s", disk, reason);
    return err;
}

/* Its contents were copied; whole pages of it are the allocator's from now on. */
static void release_initrd(void)
{
    paddr_t first = pa_ceil(machine.initrd.start), end = pa_floor(machine.initrd.end);

    if (first.raw < end.raw)
        page_release_reserved((struct pfn_range){pa_to_pfn(first), pa_to_pfn(end)});
}

static void unpack_initrd(void)
{
    const struct devtree *m = &machine;
    struct path top = {root_mount, root_mount->root};
    size_t size = phys_range_size(m->initrd);
    struct initramfs_result result = {0};

    if (size == 0) return;
    int err = initramfs_unpack(top, pa_to_ptr(m->initrd.start), size, &result);
    if (err) log_error("initrd: error %d at %s", -err, result.name);
    release_initrd();
}

/* Takes fs over in any case. */
static void mount_on(struct file_system *fs, const char *where, unsigned flags,
                     const char *type)
{
    struct walk_env env = kernel_env();
    struct path at;

    if (!fs) {
        log_error("%s: there is no memory", where);
        return;
    }
    int err = path_make_directory(&env, where, 0755);
    if (err == 0 || err == -EEXIST) err = path_walk(&env, where, WALK_FOLLOW, &at);
    if (!err) {
        err = mount_add(fs, at, flags, type, type);
        path_put(at);
    }
    if (!err) return;
    log_error("%s cannot be mounted: error %d", where, -err);
    file_system_abandon(fs);
}

static void mount_memory(const char *where, uint32_t mode)
{
    const struct tmpfs_options options = {.mode = mode, .npages = page_free_count() / 2};

    mount_on(tmpfs_create(&options), where, MOUNT_NOSUID | MOUNT_NODEV, "tmpfs");
}

static void mount_others(void)
{
    mount_on(procfs_create(&machine), "/proc", MOUNT_NOSUID | MOUNT_NODEV | MOUNT_NOEXEC,
             "proc");
    mount_on(sysfs_create(), "/sys", MOUNT_NOSUID | MOUNT_NODEV | MOUNT_NOEXEC, "sysfs");
    mount_on(devfs_create(), "/dev", MOUNT_NOSUID, "devtmpfs");
    mount_on(devpts_create(), "/dev/pts", MOUNT_NOSUID | MOUNT_NOEXEC, "devpts");
    mount_memory("/dev/shm", 01777);
    mount_memory("/tmp", 01777);
    mount_memory("/run", 0755);
}

/* argv of process 1: its name, and what stands behind "--". */
static void fill_arguments(const char **words)
{
    unsigned n = 0;

    words[n++] = cmdline_get("init");
    while (n < INIT_WORDS && cmdline_argument(n - 1)) {
        words[n] = cmdline_argument(n - 1);
        n++;
    }
    words[n] = NULL;
}

static void describe_harts(void)
{
    uint64_t all = ~0ul;

    for (unsigned i = 0; i < machine.nharts; i++) {
        all &= machine.harts[i].extensions;
    }
    syscall_set_harts(all, machine.timebase);
}

/* 0, or what keeps programs from running at all. */
static int prepare(void)
{
    file_clock = clock_wall_ns;
    file_wait_interrupted = signal_pending;
    exec_init();
    int err = vdso_init();
    if (err) return err;
    clock_wall_init();
    err = memory_devices_init();
    if (!err) err = port_devices_init();
    if (!err) err = tty_init(&machine);
    if (!err) err = shared_memory_init();
    describe_harts();
    if (!err) err = mount_the_root();
    if (err) return err;
    unpack_initrd();
    file_systems_register();
    mount_others();
    return 0;
}

int start_programs(void)
{
    static const char *const environment[] = {
        "HOME=/root", "TERM=linux",
        "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", NULL};
    static const char *words[INIT_WORDS + 1];
    const struct personality *how =
        cmdline_flag("strace") ? &linux_traced_personality : &linux_personality;
    struct process *first;

    int err = prepare();
    if (err) {
        log_error("programs cannot be started: error %d", -err);
        return 1;
    }
    fill_arguments(words);
    err = linux_start_first(how, words[0], words, environment, &first);
    if (err) {
        log_error("%s: error %d", words[0], -err);
        return 1;
    }
    const struct process_end *end = process_wait(first);
    log_info("process 1 has ended: %s %d",
             end->kind == PROCESS_EXITED ? "exit" : "signal or trap", end->code);
    return end->kind == PROCESS_EXITED ? end->code : 1;
}
