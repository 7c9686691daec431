/*
 * Files about the whole system, in the words that procps and its like look for.
 *
 * What there is not (swap, partitions, nice values) is shown as a system shows it that could have
 * it and does not.
 */
#include "procfs/internal.h"

#include "arch/riscv/mmu.h"
#include "drivers/devtree.h"
#include "drivers/devtree_isa.h"
#include "fs/devices.h"
#include "fs/pagecache.h"
#include "lib/errno.h"
#include "mm/page.h"
#include "mm/slab.h"
#include "proc/family.h"
#include "proc/system_names.h"
#include "proc/wall.h"
#include "sched/load.h"
#include "sched/timer.h"
#include "uapi/stat.h"

enum { CENTISECOND_NS = 10000000, LOAD_HUNDREDTHS = 100 };

static const struct devtree *machine;

void system_files_init(const struct devtree *dt) { machine = dt; }

static uint64_t to_kib(uint64_t pages) { return pages * (PAGE_SIZE / 1024); }

static void show_kib(struct text *t, const char *name, uint64_t kib)
{
    text_printf(t, "%-16s%8lu kB\n", name, (unsigned long)kib);
}

int show_meminfo(const struct subject *s, struct text *t)
{
    struct page_stats stats;
    const uint64_t *use = stats.by_use;

    (void)s;
    page_stats(&stats);
    uint64_t total = stats.total - use[PAGE_RESERVED];
    uint64_t free = use[PAGE_FREE] + use[PAGE_HART];
    uint64_t in_memory =
        pagecache_held_by_all(); /* the only copy; others can be brought again */
    uint64_t again = use[PAGE_CACHED] > in_memory ? use[PAGE_CACHED] - in_memory : 0;
    show_kib(t, "MemTotal:", to_kib(total));
    show_kib(t, "MemFree:", to_kib(free));
    show_kib(t, "MemAvailable:", to_kib(free + again));
    show_kib(t, "Buffers:", 0);
    show_kib(t, "Cached:", to_kib(use[PAGE_CACHED]));
    show_kib(t, "SwapCached:", 0);
    show_kib(t, "Active:", to_kib(use[PAGE_ANON]));
    show_kib(t, "Inactive:", to_kib(use[PAGE_CACHED]));
    show_kib(t, "Active(anon):", to_kib(use[PAGE_ANON]));
    show_kib(t, "Inactive(anon):", to_kib(in_memory));
    show_kib(t, "Active(file):", 0);
    show_kib(t, "Inactive(file):", to_kib(again));
    show_kib(t, "Unevictable:", 0);
    show_kib(t, "Mlocked:", 0);
    show_kib(t, "SwapTotal:", 0);
    show_kib(t, "SwapFree:", 0);
    show_kib(t, "Dirty:", 0);
    show_kib(t, "Writeback:", 0);
    show_kib(t, "AnonPages:", to_kib(use[PAGE_ANON]));
    show_kib(t, "Mapped:", to_kib(use[PAGE_CACHED]));
    show_kib(t, "Shmem:", to_kib(in_memory));
    show_kib(t, "KReclaimable:", 0);
    show_kib(t, "Slab:", to_kib(use[PAGE_SLAB]));
    show_kib(t, "SReclaimable:", 0);
    show_kib(t, "SUnreclaim:", to_kib(use[PAGE_SLAB]));
    show_kib(t, "KernelStack:", to_kib(use[PAGE_STACK]));
    show_kib(t, "PageTables:", to_kib(use[PAGE_TABLE]));
    show_kib(t, "CommitLimit:", to_kib(total));
    show_kib(t, "Committed_AS:", to_kib(use[PAGE_ANON]));
    show_kib(t, "HugePages_Total:", 0);
    show_kib(t, "Hugepagesize:", 2048);
    return 0;
}

/* Nanoseconds as seconds with two digits behind the point. */
static void show_seconds(struct text *t, uint64_t ns)
{
    uint64_t hundredths = ns / CENTISECOND_NS;

    text_printf(t, "%lu.%02lu", (unsigned long)(hundredths / 100),
                (unsigned long)(hundredths % 100));
}

/* At most `now`: the clock goes on between two looks at it. */
static uint64_t hart_idle_ns(unsigned hart, uint64_t now)
{
    uint64_t ns = ticks_to_ns(hart_idle_ticks(hart));

    return ns < now ? ns : now;
}

int show_uptime(const struct subject *s, struct text *t)
{
    uint64_t now = clock_ns(), idle = 0;

    (void)s;
    for (unsigned i = 0; i < nharts; i++) {
        idle += hart_idle_ns(i, now);
    }
    show_seconds(t, now);
    text_put(t, " ", 1);
    show_seconds(t, idle);
    text_put(t, "\n", 1);
    return 0;
}

static bool count_process(struct process *p, void *arg)
{
    unsigned *count = arg;

    *count += __atomic_load_n(&p->nthreads, __ATOMIC_RELAXED);
    return true;
}

int show_loadavg(const struct subject *s, struct text *t)
{
    uint64_t load[3];
    unsigned tasks = 0;
    int last;

    (void)s;
    load_average(load);
    process_each(count_process, &tasks);
    for (unsigned i = 0; i < ARRAY_SIZE(load); i++) {
        uint64_t shown =
            (load[i] * LOAD_HUNDREDTHS + (1ul << (LOAD_SHIFT - 1))) >> LOAD_SHIFT;
        text_printf(t, "%lu.%02lu ", (unsigned long)(shown / LOAD_HUNDREDTHS),
                    (unsigned long)(shown % LOAD_HUNDREDTHS));
    }
    numbers_taken(&last);
    text_printf(t, "%u/%u %d\n", load_runnable(), tasks, last);
    return 0;
}

/* user nice system idle iowait irq softirq steal guest guest_nice, in hundredths of a second. What
 * a hart does for programs and what it does in the kernel is not told apart. */
static void show_times(struct text *t, const char *name, uint64_t busy_ns,
                       uint64_t idle_ns)
{
    text_printf(t, "%s %lu 0 0 %lu 0 0 0 0 0 0\n", name, busy_ns / CENTISECOND_NS,
                idle_ns / CENTISECOND_NS);
}

static void show_harts(struct text *t)
{
    uint64_t now = clock_ns(), all_idle = 0;
    char name[16];

    for (unsigned i = 0; i < nharts; i++) {
        all_idle += hart_idle_ns(i, now);
    }
    show_times(t, "cpu ", now * nharts - all_idle, all_idle);
    for (unsigned i = 0; i < nharts; i++) {
        uint64_t idle = hart_idle_ns(i, now);
        printf_buf(name, sizeof(name), "cpu%u", i);
        show_times(t, name, now - idle, idle);
    }
}

int show_stat(const struct subject *s, struct text *t)
{
    int64_t boot_ns = clock_wall_ns() - (int64_t)clock_ns();
    int last;

    (void)s;
    show_harts(t);
    text_printf(t, "intr 0\nctxt 0\nbtime %ld\n", boot_ns / 1000000000);
    text_printf(t, "processes %lu\nprocs_running %u\nprocs_blocked 0\n",
                numbers_taken(&last), load_runnable());
    text_printf(t, "softirq 0 0 0 0 0 0 0 0 0 0 0\n");
    return 0;
}

int show_vmstat(const struct subject *s, struct text *t)
{
    struct page_stats stats;
    const uint64_t *use = stats.by_use;

    (void)s;
    page_stats(&stats);
    text_printf(t, "nr_free_pages %lu\n", use[PAGE_FREE] + use[PAGE_HART]);
    text_printf(t, "nr_anon_pages %lu\n", use[PAGE_ANON]);
    text_printf(t, "nr_file_pages %lu\n", use[PAGE_CACHED]);
    text_printf(t, "nr_slab_unreclaimable %lu\n", use[PAGE_SLAB]);
    text_printf(t, "nr_page_table_pages %lu\n", use[PAGE_TABLE]);
    text_printf(t, "nr_kernel_stack %lu\n", to_kib(use[PAGE_STACK]));
    text_printf(t, "pgpgin 0\npgpgout 0\npswpin 0\npswpout 0\n");
    return 0;
}

int show_version(const struct subject *s, struct text *t)
{
    (void)s;
    text_printf(t, "Linux version %s (kilburn) (%s) %s\n", SYSTEM_RELEASE, __VERSION__,
                SYSTEM_VERSION);
    return 0;
}

/* The letter v stays hidden: the kernel keeps no vector registers for programs. */
int show_cpuinfo(const struct subject *s, struct text *t)
{
    char isa[256];

    (void)s;
    for (unsigned i = 0; i < nharts; i++) {
        const struct devtree_hart *h = &machine->harts[i];
        isa_format(h->extensions, isa_extension("v", 1), isa, sizeof(isa));
        text_printf(t, "processor\t: %u\nhart\t\t: %lu\nisa\t\t: %s\n", i, h->hartid,
                    isa);
        text_printf(t, "mmu\t\t: %s\nuarch\t\t: unknown\n",
                    paging_levels() == 4 ? "sv48" : "sv39");
        text_printf(t, "mvendorid\t: 0x0\nmarchid\t\t: 0x0\nmimpid\t\t: 0x0\n\n");
    }
    return 0;
}

int show_devices(const struct subject *s, struct text *t)
{
    const struct char_device *d;
    uint32_t last = UINT32_MAX;

    (void)s;
    text_printf(t, "Character devices:\n");
    for (unsigned i = 0; (d = device_at(i)) != NULL; i++) {
        uint32_t major = device_major(d->number);
        if (major != last)
            text_printf(t, "%3u %s\n", major, major == 1 ? "mem" : d->name);
        last = major;
    }
    text_printf(t, "\nBlock devices:\n");
    return 0;
}

int show_cmdline(const struct subject *s, struct text *t)
{
    (void)s;
    text_printf(t, "%s\n", machine->bootargs);
    return 0;
}
