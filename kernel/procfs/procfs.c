/* The root of /proc. See procfs.h. */
#include "procfs/procfs.h"

#include "lib/errno.h"
#include "lib/string.h"
#include "proc/process.h"
#include "proc/task.h"
#include "procfs/internal.h"
#include "uapi/stat.h"

/* For the calling process; kernel threads have none. Every program of libc's asks for it when it
 * begins, so its digits are written here, from the last on. */
static long show_self(const struct subject *s, char *buf, size_t size)
{
    const struct process *p = current_process();
    char text[12], *at = text + sizeof(text);

    (void)s;
    if (!p) return -ENOENT;
    for (unsigned n = (unsigned)p->pid; at == text + sizeof(text) || n > 0; n /= 10)
        *--at = (char)('0' + n % 10);
    size_t len = (size_t)(text + sizeof(text) - at);
    if (len > size) len = size;
    memcpy(buf, at, len);
    return (long)len;
}

static long show_thread_self(const struct subject *s, char *buf, size_t size)
{
    const struct task *t = current_task();
    char text[40];

    (void)s;
    if (!t) return -ENOENT;
    size_t len = printf_buf(text, sizeof(text), "%d/task/%d", t->process->pid, t->tid);
    if (len > size) len = size;
    memcpy(buf, text, len);
    return (long)len;
}

static long show_link_to_mounts(const struct subject *s, char *buf, size_t size)
{
    static const char text[] = "self/mounts";
    size_t len = sizeof(text) - 1 < size ? sizeof(text) - 1 : size;

    (void)s;
    memcpy(buf, text, len);
    return (long)len;
}

static const char file_systems[] =
    "nodev\tsysfs\nnodev\tproc\nnodev\ttmpfs\nnodev\tdevtmpfs\nnodev\tdevpts\nnodev\toverlay\n\terofs";
static const char swaps[] = "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority";

#define SHOWN(name_, show_)                                  \
    {                                                        \
        .name = name_, .mode = S_IFREG | 0444, .show = show_ \
    }
#define FIXED(name_, text_)                                  \
    {                                                        \
        .name = name_, .mode = S_IFREG | 0444, .text = text_ \
    }

static const struct proc_entry root_entries[] = {
    {"self", S_IFLNK | 0777, .target = show_self},
    {"thread-self", S_IFLNK | 0777, .target = show_thread_self},
    {"mounts", S_IFLNK | 0777, .target = show_link_to_mounts},
    {"sys", S_IFDIR | 0555, .directory = &sys_directory},
    SHOWN("meminfo", show_meminfo),
    SHOWN("uptime", show_uptime),
    SHOWN("loadavg", show_loadavg),
    SHOWN("stat", show_stat),
    SHOWN("vmstat", show_vmstat),
    SHOWN("version", show_version),
    SHOWN("cpuinfo", show_cpuinfo),
    SHOWN("devices", show_devices),
    SHOWN("cmdline", show_cmdline),
    FIXED("filesystems", file_systems),
    FIXED("partitions", "major minor  #blocks  name\n"),
    FIXED("swaps", swaps),
    {0},
};
static const struct proc_directory root_directory = {
    .entries = root_entries,
    .number = NUMBER_PID,
    .numbered = &process_entry,
    .list = list_processes,
    .has = has_process,
};

static const struct proc_entry root = {.mode = S_IFDIR | 0555,
                                       .directory = &root_directory};

struct file_system *procfs_create(const struct devtree *dt)
{
    system_files_init(dt);
    return proc_create(&root, PROC_SUPER_MAGIC);
}
