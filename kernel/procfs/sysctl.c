/*
 * /proc/sys: what programs ask the kernel about itself, and the little that they may change.
 *
 * Most is as it is: who writes such a value again hears that it is done, who writes another one
 * hears -EINVAL. Numbers are those that really bind here; what has no limit shows the largest
 * number that Linux would take.
 */
#include "procfs/internal.h"

#include "drivers/random.h"
#include "fs/dentry.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/object.h"
#include "mm/page.h"
#include "mm/slab.h"
#include "proc/system_names.h"
#include "uapi/capability.h"
#include "uapi/stat.h"

/* ---- kernel/ ---- */

static int show_hostname(const struct subject *s, struct text *t)
{
    struct new_utsname names;

    (void)s;
    system_names_get(&names);
    text_printf(t, "%s\n", names.nodename);
    return 0;
}

static int store_hostname(const struct subject *s, char *line)
{
    (void)s;
    return system_set_nodename(line, strlen(line));
}

static int show_domainname(const struct subject *s, struct text *t)
{
    struct new_utsname names;

    (void)s;
    system_names_get(&names);
    text_printf(t, "%s\n", names.domainname);
    return 0;
}

static int store_domainname(const struct subject *s, char *line)
{
    (void)s;
    return system_set_domainname(line, strlen(line));
}

/* A random UUID: version 4, variant 1 (RFC 9562). */
static void make_uuid(uint8_t id[16])
{
    random_bytes(id, 16);
    id[6] = (uint8_t)((id[6] & 0x0f) | 0x40);
    id[8] = (uint8_t)((id[8] & 0x3f) | 0x80);
}

static void show_uuid(const uint8_t id[16], struct text *t)
{
    for (unsigned i = 0; i < 16; i++) {
        text_printf(t, i == 4 || i == 6 || i == 8 || i == 10 ? "-%02x" : "%02x", id[i]);
    }
    text_put(t, "\n", 1);
}

static int show_new_uuid(const struct subject *s, struct text *t)
{
    uint8_t id[16];

    (void)s;
    make_uuid(id);
    show_uuid(id, t);
    return 0;
}

static int show_boot_id(const struct subject *s, struct text *t)
{
    static struct mutex lock; /* the two below */
    static uint8_t id[16];
    static bool made;

    (void)s;
    mutex_lock(&lock);
    if (!made) make_uuid(id);
    made = true;
    mutex_unlock(&lock);
    show_uuid(id, t);
    return 0;
}

/* ---- vm/ ---- */

/* Whatever the number: all that nobody uses goes. */
static int store_drop_caches(const struct subject *s, char *line)
{
    (void)s;
    if (line[0] < '1' || line[0] > '4' || line[1]) return -EINVAL;
    dentry_drain();
    objects_reclaim(~0ul);
    slab_drain();
    page_drain();
    return 0;
}

#define FIXED(name_, text_)                                  \
    {                                                        \
        .name = name_, .mode = S_IFREG | 0644, .text = text_ \
    }
#define SHOWN(name_, show_)                                  \
    {                                                        \
        .name = name_, .mode = S_IFREG | 0444, .show = show_ \
    }
#define FOLDER(name_, directory_)                                      \
    {                                                                  \
        .name = name_, .mode = S_IFDIR | 0555, .directory = directory_ \
    }

static const struct proc_entry random_entries[] = {
    SHOWN("boot_id", show_boot_id),
    SHOWN("uuid", show_new_uuid),
    FIXED("entropy_avail", "256"),
    FIXED("poolsize", "256"),
    {0},
};
static const struct proc_directory random_directory = {.entries = random_entries};

static const struct proc_entry kernel_entries[] = {
    FIXED("ostype", "Linux"),
    FIXED("osrelease", SYSTEM_RELEASE),
    FIXED("version", SYSTEM_VERSION),
    {"hostname", S_IFREG | 0644, .show = show_hostname, .store = store_hostname},
    {"domainname", S_IFREG | 0644, .show = show_domainname, .store = store_domainname},
    FOLDER("random", &random_directory),
    FIXED("pid_max", "32768"),
    FIXED("threads-max", "32768"),
    FIXED("cap_last_cap", "40"),
    FIXED("overflowuid", "65534"),
    FIXED("overflowgid", "65534"),
    FIXED("ngroups_max", "32"),
    FIXED("randomize_va_space", "2"),
    FIXED("core_pattern", "core"),
    FIXED("core_uses_pid", "0"),
    FIXED("printk", "7\t4\t1\t7"),
    FIXED("sched_child_runs_first", "0"),
    FIXED("sched_rt_period_us", "1000000"),
    FIXED("sched_rt_runtime_us", "950000"),
    FIXED("shmmax", "18446744073692774399"),
    FIXED("shmall", "18446744073692774399"),
    FIXED("shmmni", "4096"),
    FIXED("sem", "32000\t1024000000\t500\t32000"),
    FIXED("msgmax", "8192"),
    FIXED("msgmnb", "16384"),
    FIXED("msgmni", "32000"),
    FIXED("perf_event_paranoid", "4"),
    FIXED("dmesg_restrict", "0"),
    FIXED("kptr_restrict", "1"),
    FIXED("tainted", "0"),
    FIXED("panic", "0"),
    {0},
};
static const struct proc_directory kernel_directory = {.entries = kernel_entries};

static const struct proc_entry vm_entries[] = {
    FIXED("overcommit_memory", "1"),
    FIXED("overcommit_ratio", "50"),
    FIXED("max_map_count", "65530"),
    FIXED("mmap_min_addr", "65536"),
    FIXED("swappiness", "0"),
    FIXED("nr_hugepages", "0"),
    FIXED("dirty_ratio", "20"),
    FIXED("dirty_background_ratio", "10"),
    FIXED("min_free_kbytes", "0"),
    FIXED("oom_kill_allocating_task", "0"),
    FIXED("panic_on_oom", "0"),
    {"drop_caches", S_IFREG | 0200, .store = store_drop_caches},
    {0},
};
static const struct proc_directory vm_directory = {.entries = vm_entries};

static const struct proc_entry fs_entries[] = {
    FIXED("file-max", "9223372036854775807"),
    FIXED("nr_open", "1048576"),
    FIXED("pipe-max-size", "65536"),
    FIXED("pipe-user-pages-soft", "0"),
    FIXED("lease-break-time", "45"),
    FIXED("protected_hardlinks", "1"),
    FIXED("protected_symlinks", "0"),
    FIXED("suid_dumpable", "0"),
    FIXED("overflowuid", "65534"),
    FIXED("overflowgid", "65534"),
    {0},
};
static const struct proc_directory fs_directory = {.entries = fs_entries};

static const struct proc_entry net_core_entries[] = {
    FIXED("somaxconn", "4096"),  FIXED("rmem_default", "212992"),
    FIXED("rmem_max", "212992"), FIXED("wmem_default", "212992"),
    FIXED("wmem_max", "212992"), {0},
};
static const struct proc_directory net_core = {.entries = net_core_entries};

static const struct proc_entry ipv4_entries[] = {
    FIXED("ip_local_port_range", "32768\t60999"),
    FIXED("tcp_rmem", "4096\t131072\t6291456"),
    FIXED("tcp_wmem", "4096\t16384\t4194304"),
    FIXED("ip_forward", "0"),
    {0},
};
static const struct proc_directory ipv4 = {.entries = ipv4_entries};

static const struct proc_entry net_entries[] = {
    FOLDER("core", &net_core),
    FOLDER("ipv4", &ipv4),
    {0},
};
static const struct proc_directory net_directory = {.entries = net_entries};

static const struct proc_entry sys_entries[] = {
    FOLDER("kernel", &kernel_directory),
    FOLDER("vm", &vm_directory),
    FOLDER("fs", &fs_directory),
    FOLDER("net", &net_directory),
    {0},
};
const struct proc_directory sys_directory = {.entries = sys_entries};
