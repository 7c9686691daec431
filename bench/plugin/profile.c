/*
 * A plugin for QEMU that counts how often each instruction of the guest runs, and writes
 * "address count" lines at the end.
 *
 *     qemu-system-riscv64 ... -plugin profile.so,out=FILE
 *
 * Kernel and user addresses do not overlap. Programs of different processes do: their
 * counts are added. One hart only: counters are added to without a lock.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "report.h"

/* An open hash table. Counters stay where they are: translated blocks point to them. */
enum { SLOTS = 1 << 22 };
static struct counter {
    uint64_t address; /* 0: a free slot */
    uint64_t count;
} * counters;

static struct counter *counter_of(uint64_t address)
{
    uint64_t i = address * 0x9e3779b97f4a7c15 >> 42;

    for (unsigned tries = 0; tries < SLOTS; tries++, i = (i + 1) % SLOTS) {
        if (counters[i].address == 0) counters[i].address = address;
        if (counters[i].address == address) return &counters[i];
    }
    fprintf(stderr, "profile: more than %d instructions\n", SLOTS);
    exit(1);
}

static void translated(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
    (void)id;
    for (size_t i = 0; i < qemu_plugin_tb_n_insns(tb); i++) {
        struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
        struct counter *c = counter_of(qemu_plugin_insn_vaddr(insn));
        qemu_plugin_register_vcpu_insn_exec_inline(insn, QEMU_PLUGIN_INLINE_ADD_U64,
                                                   &c->count, 1);
    }
}

static void at_exit(qemu_plugin_id_t id, void *data)
{
    FILE *out = report_open();

    (void)id, (void)data;
    if (!out) return;
    for (unsigned i = 0; i < SLOTS; i++) {
        if (counters[i].count == 0) continue;
        fprintf(out, "%" PRIx64 " %" PRIu64 "\n", counters[i].address, counters[i].count);
    }
    report_close(out);
}

PLUGIN_EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const void *info, int argc,
                                      char **argv)
{
    (void)info;
    if (!report_asked("profile", argc, argv)) return 1;
    counters = calloc(SLOTS, sizeof(*counters));
    if (!counters) return 1;
    qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
    qemu_plugin_register_atexit_cb(id, at_exit, NULL);
    return 0;
}
