/* What /proc/PID/stat, status and statm look like: every field in its place. */
// sources: kernel/procfs/process_text.c kernel/procfs/text.c kernel/lib/printf.c
// sources: kernel/fs/cred.c
// sources: kernel/mm/slab.c kernel/mm/slab_debug.c kernel/mm/kmalloc.c
// sources: kernel/mm/page.c kernel/mm/buddy.c kernel/mm/hart_frames.c kernel/mm/page_bank.c
// sources: kernel/mm/page_debug.c kernel/sync/spinlock.c
// sources: tests/host/fake/machine.c tests/host/fake/grace.c
// libs: -lpthread
#include "fake/machine.h"
#include "mm/slab.h"
#include "procfs/facts.h"
#include "test.h"

#include <stdlib.h>

static struct text t;

static struct facts some_facts(void)
{
    return (struct facts){
        .pid = 17,
        .tid = 18,
        .ppid = 1,
        .pgid = 16,
        .sid = 15,
        .name = "a b)",
        .state = 'S',
        .threads = 3,
        .nice = -3,
        .born_ns = 12345678901,
        .hart = 1,
        .affinity = 0xb,
        .exit_signal = 17,
        .tty = 0x440,
        .foreground = 14,
        .umask = 027,
        .fd_size = 64,
        .no_new_privileges = true,
        .cred = {.uid = 1,
                 .euid = 2,
                 .suid = 3,
                 .fsuid = 4,
                 .gid = 5,
                 .egid = 6,
                 .sgid = 7,
                 .fsgid = 8,
                 .caps = 0x21,
                 .permitted = 0x31,
                 .inheritable = 0x41,
                 .bounding = 0x51,
                 .ngroups = 2,
                 .groups = {20, 30}},
        .usage = {1230000000, 450000000, 100, 7, 11, 12, 13},
        .children = {20000000, 30000000, 200, 8, 0, 0, 0},
        .signals = {.limit = 4096,
                    .pending = 1,
                    .blocked = 0x100000002,
                    .shared = 4,
                    .ignored = 8,
                    .caught = 0x10,
                    .queued = 2},
        .memory = {.there = true,
                   .mapped = 100,
                   .anon = 30,
                   .file = 20,
                   .peak_mapped = 110,
                   .peak = 60,
                   .locked = 1,
                   .table_bytes = 20480,
                   .data = 40,
                   .stack = 33,
                   .code = 10,
                   .library = 15,
                   .start_code = VA(0x10000),
                   .end_code = VA(0x20000),
                   .start_stack = VA(0x3fffff0000),
                   .start_data = VA(0x21000),
                   .end_data = VA(0x22000),
                   .start_brk = VA(0x23000),
                   .args = {VA(0x1000), VA(0x1010)},
                   .environment = {VA(0x1010), VA(0x1020)}},
    };
}

static const char *shown(void (*show)(const struct facts *, struct text *),
                         const struct facts *f)
{
    static bool started;

    fake_machine();
    if (!started) assert(slab_init() == 0);
    started = true;
    text_free(&t);
    show(f, &t);
    text_put(&t, "", 1);
    EXPECT_EQ(t.err, 0);
    return t.bytes;
}

TEST(stat_has_52_fields_in_their_places)
{
    struct facts f = some_facts();

    EXPECT_STR(shown(facts_show_stat, &f),
               "18 (a b)) S 1 16 15 1088 14 0 100 200 7 8 123 45 2 3 17 -3 3 0 1234 "
               "409600 50 18446744073709551615 65536 131072 274877841408 0 0 1 2 8 16 "
               "1 0 0 17 1 0 0 0 0 0 135168 139264 143360 4096 4112 4112 4128 0\n");
}

TEST(a_zombie_has_no_memory_and_a_status)
{
    struct facts f = some_facts();

    f.state = 'Z';
    f.exit_status = 3 << 8;
    f.memory = (struct memory_facts){0};
    EXPECT(strstr(shown(facts_show_stat, &f), " 0 0 768\n") != NULL);
    const char *status = shown(facts_show_status, &f);
    EXPECT(strstr(status, "\nState:\tZ (zombie)\n") != NULL);
    EXPECT(!strstr(status, "Vm") && !strstr(status, "Umask"));
    EXPECT_STR(shown(facts_show_statm, &f), "0 0 0 0 0 0 0\n");
}

TEST(priorities_are_as_programs_set_them)
{
    struct facts f = some_facts();

    f.nice = -5;
    EXPECT(strstr(shown(facts_show_stat, &f), " 45 2 3 15 -5 3 0 1234 ") != NULL);
    f.nice = 0;
    f.policy = 1;
    f.priority = 50;
    EXPECT(strstr(shown(facts_show_stat, &f), " 45 2 3 -51 0 3 0 1234 ") != NULL);
    EXPECT(strstr(shown(facts_show_stat, &f), " 0 0 17 1 50 1 0 0 0 ") != NULL);
}

TEST(statm_counts_pages)
{
    struct facts f = some_facts();

    EXPECT_STR(shown(facts_show_statm, &f), "100 50 20 10 0 73 0\n");
}

TEST(status_has_the_lines_of_linux)
{
    struct facts f = some_facts();

    EXPECT_STR(shown(facts_show_status, &f),
               "Name:\ta b)\nUmask:\t0027\nState:\tS (sleeping)\nTgid:\t17\nNgid:\t0\n"
               "Pid:\t18\nPPid:\t1\nTracerPid:\t0\nUid:\t1\t2\t3\t4\nGid:\t5\t6\t7\t8\n"
               "FDSize:\t64\nGroups:\t20 30 \nNStgid:\t17\nNSpid:\t18\nNSpgid:\t16\n"
               "NSsid:\t15\nKthread:\t0\n"
               "VmPeak:\t     440 kB\nVmSize:\t     400 kB\nVmLck:\t       4 kB\n"
               "VmPin:\t       0 kB\nVmHWM:\t     240 kB\nVmRSS:\t     200 kB\n"
               "RssAnon:\t     120 kB\nRssFile:\t      80 kB\nRssShmem:\t       0 kB\n"
               "VmData:\t     160 kB\nVmStk:\t     132 kB\nVmExe:\t      40 kB\n"
               "VmLib:\t      60 kB\nVmPTE:\t      20 kB\nVmSwap:\t       0 kB\n"
               "HugetlbPages:\t       0 kB\nCoreDumping:\t0\nTHP_enabled:\t1\n"
               "Threads:\t3\nSigQ:\t2/4096\n"
               "SigPnd:\t0000000000000001\nShdPnd:\t0000000000000004\n"
               "SigBlk:\t0000000100000002\nSigIgn:\t0000000000000008\n"
               "SigCgt:\t0000000000000010\n"
               "CapInh:\t0000000000000041\nCapPrm:\t0000000000000031\n"
               "CapEff:\t0000000000000021\nCapBnd:\t0000000000000051\n"
               "CapAmb:\t0000000000000000\n"
               "NoNewPrivs:\t1\nSeccomp:\t0\nSeccomp_filters:\t0\n"
               "Cpus_allowed:\tb\nCpus_allowed_list:\t0-1,3\n"
               "Mems_allowed:\t1\nMems_allowed_list:\t0\n"
               "voluntary_ctxt_switches:\t11\nnonvoluntary_ctxt_switches:\t12\n");
}

TEST(sets_of_harts_are_ranges)
{
    struct facts f = some_facts();

    f.affinity = ~0ul;
    EXPECT(strstr(shown(facts_show_status, &f),
                  "Cpus_allowed:\tf\nCpus_allowed_list:\t0-3\n") != NULL);
    f.affinity = 4;
    EXPECT(strstr(shown(facts_show_status, &f), "Cpus_allowed_list:\t2\n") != NULL);
}
