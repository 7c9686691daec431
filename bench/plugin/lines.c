/*
 * A plugin for QEMU that finds the cache lines which several harts write, however the host
 * lets them run.
 *
 *     qemu-system-riscv64 -m 512M ... -plugin lines.so,out=FILE
 *
 * A program says by two hints, which harts ignore, where the work begins that is to be judged,
 * and where it ends; a hart is judged between the two. Each line of 64 bytes of memory knows
 * which hart wrote it last. When another one writes it, while it is judged, that is a move: the
 * line would travel from cache to cache. How many moves happen depends on how the harts mix.
 * What cannot depend on it is the most that there can be: of the judged writes to a line, every
 * one that is not by the hart which writes it most can fetch it once, and lose it once.
 *
 * Written at the end, where ADDRESS is a word in the line, or for all but the kernel's own data and
 * the firmware's the 2 MiB that it is in, and PC an instruction that wrote it:
 *
 *     move PC ADDRESS TIMES      how often lines moved because of that
 *     most PC ADDRESS TIMES      how often a line that several harts wrote could have moved
 *
 * Only the kernel and the firmware are judged. What programs write changes who wrote last, and
 * no more: a page that is cleared for another process may come from another hart.
 *
 * Between the end of one piece of work and the beginning of the next, things change hands: the
 * memory of a thread that has ended serves another. So counts are those of a piece, and are put
 * aside when the next one first writes the line.
 *
 * Harts are threads of QEMU. A line's last writer is exchanged atomically; counts of a line are
 * one for each hart; all else has a lock.
 */
#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>

#include "report.h"

enum { HARTS = 4, LINE = 64 };
static const uint64_t MEMORY = 512 << 20;
static const uint32_t BEGIN = 0x51b02013, END = 0x51e02013;

static struct line {
    uint64_t pc, address; /* of the last write that was judged */
    uint64_t most;        /* in pieces of work that are over */
    uint32_t writes[HARTS];
    uint16_t piece;
    uint8_t writer; /* its number and 1, or 0 */
} * lines;

/* An open hash table. */
enum { SLOTS = 1 << 20 };
static struct move {
    uint64_t pc, address, times; /* pc 0: a free slot */
} * moves;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static struct {
    _Alignas(LINE) bool judged;
} harts[HARTS];
static unsigned judged_harts; /* how many are; changed under the lock */
static uint16_t piece;        /* changed under the lock, when the first hart begins */

static void count_move(uint64_t pc, uint64_t address)
{
    uint64_t i = (pc * 0x9e3779b97f4a7c15 ^ address * 0xbf58476d1ce4e5b9) >> 44;
    unsigned tries = 0;

    pthread_mutex_lock(&lock);
    while (moves[i].pc && (moves[i].pc != pc || moves[i].address != address)) {
        if (++tries == SLOTS) {
            fprintf(stderr, "lines: more than %d kinds of moves\n", SLOTS);
            exit(1);
        }
        i = (i + 1) % SLOTS;
    }
    moves[i].pc = pc;
    moves[i].address = address;
    moves[i].times++;
    pthread_mutex_unlock(&lock);
}

/* How often the line can have moved in this piece, whatever the order of its writes. */
static uint64_t most_moves(const struct line *line)
{
    uint64_t sum = 0, most = 0;

    for (unsigned i = 0; i < HARTS; i++) {
        sum += line->writes[i];
        if (line->writes[i] > most) most = line->writes[i];
    }
    return 2 * (sum - most) < sum ? 2 * (sum - most) : sum;
}

static void begin_piece(struct line *line)
{
    uint16_t now = __atomic_load_n(&piece, __ATOMIC_RELAXED);

    pthread_mutex_lock(&lock);
    if (line->piece != now) {
        line->most += most_moves(line);
        memset(line->writes, 0, sizeof(line->writes));
        __atomic_store_n(&line->piece, now, __ATOMIC_RELEASE);
    }
    pthread_mutex_unlock(&lock);
}

/* The kernel is in the upper half; the firmware runs where memory is. */
static bool is_judged(uint64_t pc) { return pc >> 63 || pc >> 31 == 1; }

/* What is told of an address: names are only known in the kernel's image, the last 2 GiB, and the
 * first 4 GiB have the firmware. */
static uint64_t told(uint64_t vaddr)
{
    bool named = vaddr >> 31 == UINT64_MAX >> 31 || vaddr >> 32 == 0;

    return named ? vaddr / 8 * 8 : vaddr >> 21 << 21;
}

static void accessed(unsigned hart, qemu_plugin_meminfo_t info, uint64_t vaddr,
                     void *data)
{
    struct qemu_plugin_hwaddr *where;
    uint64_t pc = (uint64_t)data, address = told(vaddr);
    struct line *line;
    uint8_t last;

    if (!qemu_plugin_mem_is_store(info)) return;
    where = qemu_plugin_get_hwaddr(info, vaddr);
    if (!where || qemu_plugin_hwaddr_is_io(where)) return;
    line = &lines[qemu_plugin_hwaddr_phys_addr(where) % MEMORY / LINE];
    last = __atomic_exchange_n(&line->writer, (uint8_t)(hart + 1), __ATOMIC_RELAXED);
    if (!harts[hart].judged || !is_judged(pc)) return;
    if (__atomic_load_n(&line->piece, __ATOMIC_ACQUIRE) != piece) begin_piece(line);
    __atomic_store_n(&line->pc, pc, __ATOMIC_RELAXED);
    __atomic_store_n(&line->address, address, __ATOMIC_RELAXED);
    line->writes[hart]++;
    if (last != 0 && last != hart + 1) count_move(pc, address);
}

static void began(unsigned hart, void *data)
{
    (void)data;
    pthread_mutex_lock(&lock);
    if (judged_harts++ == 0) piece++;
    pthread_mutex_unlock(&lock);
    harts[hart].judged = true;
}

static void ended(unsigned hart, void *data)
{
    (void)data;
    harts[hart].judged = false;
    pthread_mutex_lock(&lock);
    judged_harts--;
    pthread_mutex_unlock(&lock);
}

static void translated(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
    size_t n = qemu_plugin_tb_n_insns(tb);

    (void)id;
    for (size_t i = 0; i < n; i++) {
        struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
        uint32_t word = 0;

        if (qemu_plugin_insn_size(insn) == sizeof(word)) {
            memcpy(&word, qemu_plugin_insn_data(insn), sizeof(word));
        }
        if (word == BEGIN) {
            qemu_plugin_register_vcpu_insn_exec_cb(insn, began, QEMU_PLUGIN_CB_NO_REGS,
                                                   NULL);
        } else if (word == END) {
            qemu_plugin_register_vcpu_insn_exec_cb(insn, ended, QEMU_PLUGIN_CB_NO_REGS,
                                                   NULL);
        }
        qemu_plugin_register_vcpu_mem_cb(insn, accessed, QEMU_PLUGIN_CB_NO_REGS,
                                         QEMU_PLUGIN_MEM_RW,
                                         (void *)qemu_plugin_insn_vaddr(insn));
    }
}

static void at_exit(qemu_plugin_id_t id, void *data)
{
    FILE *out = report_open();

    (void)id, (void)data;
    if (!out) return;
    for (unsigned i = 0; i < SLOTS; i++) {
        if (!moves[i].pc) continue;
        fprintf(out, "move %" PRIx64 " %" PRIx64 " %" PRIu64 "\n", moves[i].pc,
                moves[i].address, moves[i].times);
    }
    for (uint64_t i = 0; i < MEMORY / LINE; i++) {
        uint64_t most = lines[i].most + most_moves(&lines[i]);
        if (most == 0) continue;
        fprintf(out, "most %" PRIx64 " %" PRIx64 " %" PRIu64 "\n", lines[i].pc,
                lines[i].address, most);
    }
    report_close(out);
}

PLUGIN_EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const void *info, int argc,
                                      char **argv)
{
    (void)info;
    if (!report_asked("lines", argc, argv)) return 1;
    lines = calloc(MEMORY / LINE, sizeof(*lines));
    moves = calloc(SLOTS, sizeof(*moves));
    if (!lines || !moves) return 1;
    qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
    qemu_plugin_register_atexit_cb(id, at_exit, NULL);
    return 0;
}
