/*
 * /sys, as far as programs ask for it: which harts there are. The rest are directories that
 * are empty, so that who lists them finds nothing and not an error.
 */
#include "arch/riscv/hart.h"
#include "procfs/internal.h"
#include "procfs/procfs.h"
#include "uapi/stat.h"

static int show_online(const struct subject *s, struct text *t)
{
    (void)s;
    text_put_ranges(t, harts_online());
    text_put(t, "\n", 1);
    return 0;
}

static int show_possible(const struct subject *s, struct text *t)
{
    (void)s;
    text_put_ranges(t, ~0ul >> (64 - nharts));
    text_put(t, "\n", 1);
    return 0;
}

/* Each hart is a core of its own, and all are in one package. */
static int show_self_mask(const struct subject *s, struct text *t)
{
    text_printf(t, "%lx\n", 1ul << s->fd);
    return 0;
}

static int show_self_list(const struct subject *s, struct text *t)
{
    text_printf(t, "%d\n", s->fd);
    return 0;
}

static int show_all_mask(const struct subject *s, struct text *t)
{
    (void)s;
    text_printf(t, "%lx\n", ~0ul >> (64 - nharts));
    return 0;
}

static unsigned list_harts(const struct subject *s, int from, int *out)
{
    unsigned n = 0;

    (void)s;
    for (; from < (int)nharts && n < NUMBERS_AT_ONCE; from++) {
        out[n++] = from;
    }
    return n;
}

static bool has_hart(const struct subject *s, int number, uint32_t *mode)
{
    (void)s, (void)mode;
    return number < (int)nharts;
}

#define SHOWN(name_, show_)                                  \
    {                                                        \
        .name = name_, .mode = S_IFREG | 0444, .show = show_ \
    }
#define FOLDER(name_, directory_)                                      \
    {                                                                  \
        .name = name_, .mode = S_IFDIR | 0555, .directory = directory_ \
    }

static const struct proc_directory empty = {0};

static const struct proc_entry topology_entries[] = {
    SHOWN("core_id", show_self_list),
    SHOWN("core_cpus", show_self_mask),
    SHOWN("core_cpus_list", show_self_list),
    SHOWN("thread_siblings", show_self_mask),
    SHOWN("thread_siblings_list", show_self_list),
    SHOWN("package_cpus", show_all_mask),
    SHOWN("package_cpus_list", show_possible),
    SHOWN("core_siblings", show_all_mask),
    SHOWN("core_siblings_list", show_possible),
    {"physical_package_id", S_IFREG | 0444, .text = "0"},
    {0},
};
static const struct proc_directory topology = {.entries = topology_entries};

static const struct proc_entry hart_entries[] = {FOLDER("topology", &topology), {0}};
static const struct proc_directory hart = {.entries = hart_entries};
static const struct proc_entry hart_entry = {.mode = S_IFDIR | 0555, .directory = &hart};

static const struct proc_entry cpu_entries[] = {
    SHOWN("online", show_online),
    SHOWN("possible", show_possible),
    SHOWN("present", show_possible),
    {"offline", S_IFREG | 0444, .text = ""},
    {"kernel_max", S_IFREG | 0444, .text = "63"},
    {0},
};
static const struct proc_directory cpu = {
    .entries = cpu_entries,
    .number = NUMBER_FD,
    .prefix = "cpu",
    .numbered = &hart_entry,
    .list = list_harts,
    .has = has_hart,
};

static const struct proc_entry system_entries[] = {FOLDER("cpu", &cpu), {0}};
static const struct proc_directory system = {.entries = system_entries};

static const struct proc_entry device_entries[] = {FOLDER("system", &system), {0}};
static const struct proc_directory devices = {.entries = device_entries};

static const struct proc_entry dev_entries[] = {
    FOLDER("block", &empty), FOLDER("char", &empty), {0}};
static const struct proc_directory dev = {.entries = dev_entries};

static const struct proc_entry fs_entries[] = {FOLDER("cgroup", &empty), {0}};
static const struct proc_directory fs = {.entries = fs_entries};

static const struct proc_entry root_entries[] = {
    FOLDER("block", &empty),  FOLDER("class", &empty),
    FOLDER("dev", &dev),      FOLDER("devices", &devices),
    FOLDER("fs", &fs),        FOLDER("kernel", &empty),
    FOLDER("module", &empty), {0},
};
static const struct proc_directory root_directory = {.entries = root_entries};
static const struct proc_entry root = {.mode = S_IFDIR | 0555,
                                       .directory = &root_directory};

struct file_system *sysfs_create(void) { return proc_create(&root, SYSFS_MAGIC); }
