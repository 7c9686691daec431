/*
 * A monitor for machine mode: the least that lets a supervisor run on the QEMU virt
 * board, for `-bios none`. It implements enough of the Supervisor Binary Interface 2.0
 * for Kilburn and for Linux: base, timer, IPI, remote fence, hart state, console, reset.
 *
 * Physical memory, at the start of RAM:
 *
 *     0x80000000  monitor: code, data, a stack of 1 KiB for each of 64 harts
 *     0x800ffff0  which hart boots: "boothart" and its number, if a test says so
 *     0x80100000  a device tree to use instead of the machine's, if one was loaded
 *     0x80200000  the kernel, a flat image, entered at its first byte
 *
 * The other device tree is for tests of machines that QEMU does not have:
 * `-device loader,file=x.dtb,addr=0x80100000`. It is passed on if its magic is right
 * and it is at most 64 KiB; or, after the eight bytes "badtree:", unlooked at, so
 * that a kernel can be shown a damaged one.
 *
 * This is firmware of one board: addresses of its devices are constants here. All
 * exceptions that supervisor mode can have are delegated; what comes here is its
 * ecalls, software interrupts from other harts, and the timer of harts without Sstc.
 */
#include "monitor/hart.h"

#include <stddef.h>

#define CLINT_MSIP(hart)     ((volatile uint32_t *)(0x2000000ul + 4 * (hart)))
#define CLINT_MTIMECMP(hart) ((volatile uint64_t *)(0x2004000ul + 8 * (hart)))
#define UART                 ((volatile uint8_t *)0x10000000)
#define TEST_DEVICE          ((volatile uint32_t *)0x100000)
#define KERNEL_ENTRY         0x80200000ul
#define OTHER_TREE           0x80100000ul

enum {
    UART_DATA = 0,
    UART_LINE_STATUS = 5,
    UART_RECEIVED = 1,
    UART_EMPTY = 0x20,
};
enum { TEST_PASS = 0x5555, TEST_FAIL = 0x3333, TEST_RESET = 0x7777 };

#define MSTATUS_MPP   (3ul << 11)
#define MSTATUS_MPP_S (1ul << 11)
#define MSTATUS_MPIE  (1ul << 7)

#define INTERRUPT     (1ul << 63)
#define CAUSE_S_ECALL 9
#define SSIP          (1ul << 1)
#define MSIP          (1ul << 3)
#define STIP          (1ul << 5)
#define MTIP          (1ul << 7)

#define MENVCFG_STCE  (1ul << 63)
#define MENVCFG_PBMTE (1ul << 62)
#define MENVCFG_CACHE (0xful << 4) /* cbo.inval, .clean, .flush and .zero */

enum sbi_error {
    SBI_OK = 0,
    SBI_NOT_SUPPORTED = -2,
    SBI_INVALID_PARAM = -3,
    SBI_ALREADY_AVAILABLE = -6,
};

enum sbi_extension {
    EXT_SET_TIMER = 0x0, /* legacy, as the next three */
    EXT_PUTCHAR = 0x1,
    EXT_GETCHAR = 0x2,
    EXT_SHUTDOWN = 0x8,
    EXT_BASE = 0x10,
    EXT_TIME = 0x54494d45,
    EXT_IPI = 0x735049,
    EXT_RFENCE = 0x52464e43,
    EXT_HSM = 0x48534d,
    EXT_RESET = 0x53525354,
    EXT_CONSOLE = 0x4442434e,
    EXT_KILBURN = 0x0a004b42, /* ours: function 0 gives the default command line */
};
enum { SPEC_VERSION = 2 << 24, IMPLEMENTATION_ID = 0x4b42, IMPLEMENTATION_VERSION = 1 };

/* For a machine that was started without -append. */
static const char default_command_line[] = "demo=memory halt loglevel=error";

struct sbi_result {
    long error;
    uint64_t value;
};

static struct hart harts[MONITOR_HARTS];
static bool has_sstc;

/* entry.S: registers that a hart may lack. */
uint64_t menvcfg_write(uint64_t bits);
uint64_t stimecmp_disarm(void);

#define csr_read(name)                                                \
    ({                                                                \
        uint64_t value_;                                              \
        __asm__ volatile("csrr %0, " #name : "=r"(value_)::"memory"); \
        value_;                                                       \
    })
#define csr_write(name, value) \
    __asm__ volatile("csrw " #name ", %0" ::"r"(value) : "memory")
#define csr_set(name, bits) __asm__ volatile("csrs " #name ", %0" ::"r"(bits) : "memory")
#define csr_clear(name, bits) \
    __asm__ volatile("csrc " #name ", %0" ::"r"(bits) : "memory")

static unsigned this_hart(void) { return (unsigned)csr_read(mhartid); }

/* Everything supervisor mode may do, it may do; interrupts and exceptions are its own. */
static void prepare_hart(void)
{
    const uint64_t exceptions =
        0xb1ff; /* all defined ones of U mode, and S mode's but ecall */
    const uint64_t interrupts = 0x222; /* software, timer, external */

    /* QEMU 7.2 keeps the bit of Sstc for harts without it, too: so the timer is tried. */
    has_sstc =
        menvcfg_write(MENVCFG_STCE | MENVCFG_PBMTE | MENVCFG_CACHE) & MENVCFG_STCE &&
        stimecmp_disarm();
    csr_write(medeleg, exceptions);
    csr_write(mideleg, interrupts);
    csr_write(mcounteren, 0xfffffffful);
    csr_write(pmpaddr0, ~0ul);
    csr_write(pmpcfg0, 0x1ful); /* one region, all of memory: read, write, execute */
    csr_write(satp, 0ul);
    csr_clear(mstatus, MSTATUS_MPP);
    csr_set(mstatus, MSTATUS_MPP_S);
    csr_clear(mstatus, MSTATUS_MPIE);
    csr_write(mie, MSIP);
}

static void putchar(uint8_t c)
{
    while (!(UART[UART_LINE_STATUS] & UART_EMPTY)) {
    }
    UART[UART_DATA] = c;
}

static long getchar(void)
{
    return UART[UART_LINE_STATUS] & UART_RECEIVED ? UART[UART_DATA] : -1;
}

static _Noreturn void end_machine(uint32_t how)
{
    *TEST_DEVICE = how;
    for (;;) {
        __asm__ volatile("wfi");
    }
}

static void send_request(unsigned hart, enum request what)
{
    __atomic_fetch_or(&harts[hart].requests, what, __ATOMIC_SEQ_CST);
    *CLINT_MSIP(hart) = 1;
}

/* Machine software interrupt: does what other harts have asked. */
static void answer_requests(void)
{
    struct hart *h = &harts[this_hart()];

    *CLINT_MSIP(this_hart()) = 0;
    __atomic_thread_fence(__ATOMIC_SEQ_CST); /* lower the interrupt before looking */
    uint32_t what = __atomic_exchange_n(&h->requests, 0, __ATOMIC_SEQ_CST);
    if (what & REQUEST_IPI) csr_set(mip, SSIP);
    if (what & REQUEST_FENCE) __asm__ volatile("sfence.vma" ::: "memory");
    if (what & REQUEST_FENCE_I) __asm__ volatile("fence.i" ::: "memory");
    if (what & (REQUEST_FENCE | REQUEST_FENCE_I)) {
        __atomic_fetch_sub(h->acknowledge, 1, __ATOMIC_RELEASE);
    }
}

/* The harts that a mask of the interface names: bit i is hart base + i, base -1 all. */
struct hart_set {
    uint64_t mask;
    uint64_t base;
};

static bool in_set(struct hart_set set, unsigned hart)
{
    if (harts[hart].state != HART_STARTED) return false;
    if (set.base == ~0ul) return true;
    return hart >= set.base && hart - set.base < 64 && set.mask >> (hart - set.base) & 1;
}

static struct sbi_result send_ipis(struct hart_set set)
{
    for (unsigned i = 0; i < MONITOR_HARTS; i++) {
        if (in_set(set, i)) send_request(i, REQUEST_IPI);
    }
    return (struct sbi_result){SBI_OK, 0};
}

/* One remote fence at a time; whoever waits for a turn or an answer also answers. */
static struct sbi_result remote_fence(uint64_t function, struct hart_set set)
{
    static uint32_t busy;
    static uint32_t unanswered;
    enum request what = function == 0 ? REQUEST_FENCE_I : REQUEST_FENCE;

    if (function > 2) return (struct sbi_result){SBI_NOT_SUPPORTED, 0};
    while (__atomic_exchange_n(&busy, 1, __ATOMIC_ACQUIRE)) {
        answer_requests();
    }
    for (unsigned i = 0; i < MONITOR_HARTS; i++) {
        if (!in_set(set, i)) continue;
        __atomic_fetch_add(&unanswered, 1, __ATOMIC_RELAXED);
        harts[i].acknowledge = &unanswered;
        send_request(i, what);
    }
    while (__atomic_load_n(&unanswered, __ATOMIC_ACQUIRE)) {
        answer_requests();
    }
    __atomic_store_n(&busy, 0, __ATOMIC_RELEASE);
    return (struct sbi_result){SBI_OK, 0};
}

static struct sbi_result set_timer(uint64_t when)
{
    if (has_sstc) {
        __asm__ volatile("csrw 0x14d, %0" ::"r"(when)); /* stimecmp */
    } else {
        *CLINT_MTIMECMP(this_hart()) = when;
        csr_clear(mip, STIP);
        csr_set(mie, MTIP);
    }
    return (struct sbi_result){SBI_OK, 0};
}

static bool known_extension(uint64_t ext)
{
    static const uint32_t known[] = {
        EXT_SET_TIMER, EXT_PUTCHAR, EXT_GETCHAR, EXT_SHUTDOWN, EXT_BASE,    EXT_TIME,
        EXT_IPI,       EXT_RFENCE,  EXT_HSM,     EXT_RESET,    EXT_CONSOLE, EXT_KILBURN};

    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (known[i] == ext) return true;
    }
    return false;
}

static struct sbi_result base_call(uint64_t function, uint64_t arg)
{
    switch (function) {
    case 0:
        return (struct sbi_result){SBI_OK, SPEC_VERSION};
    case 1:
        return (struct sbi_result){SBI_OK, IMPLEMENTATION_ID};
    case 2:
        return (struct sbi_result){SBI_OK, IMPLEMENTATION_VERSION};
    case 3:
        return (struct sbi_result){SBI_OK, known_extension(arg)};
    case 4:
        return (struct sbi_result){SBI_OK, csr_read(mvendorid)};
    case 5:
        return (struct sbi_result){SBI_OK, csr_read(marchid)};
    case 6:
        return (struct sbi_result){SBI_OK, csr_read(mimpid)};
    default:
        return (struct sbi_result){SBI_NOT_SUPPORTED, 0};
    }
}

/* An absent hart may be on its way, so it is started too, and finds that when it comes. */
static struct sbi_result start_hart(uint64_t hart, uint64_t entry, uint64_t opaque)
{
    if (hart >= MONITOR_HARTS) return (struct sbi_result){SBI_INVALID_PARAM, 0};
    struct hart *h = &harts[hart];
    uint32_t state = __atomic_load_n(&h->state, __ATOMIC_ACQUIRE);
    if (state != HART_ABSENT && state != HART_STOPPED) {
        return (struct sbi_result){SBI_ALREADY_AVAILABLE, 0};
    }
    h->entry = entry;
    h->opaque = opaque;
    /* Releases the two above to monitor_park(). Two starters of one hart are a bug of
     * the supervisor; the second loses, or both give the same order. */
    if (!__atomic_compare_exchange_n(&h->state, &state, HART_START_PENDING, false,
                                     __ATOMIC_ACQ_REL, __ATOMIC_RELAXED) &&
        state == HART_STOPPED) {
        __atomic_store_n(&h->state, HART_START_PENDING, __ATOMIC_RELEASE);
    }
    *CLINT_MSIP(hart) = 1;
    return (struct sbi_result){SBI_OK, 0};
}

static struct sbi_result hart_state_call(uint64_t function, const uint64_t *arg)
{
    switch (function) {
    case 0:
        return start_hart(arg[0], arg[1], arg[2]);
    case 1:
        monitor_park(this_hart());
    case 2:
        if (arg[0] >= MONITOR_HARTS || harts[arg[0]].state == HART_ABSENT) {
            return (struct sbi_result){SBI_INVALID_PARAM, 0};
        }
        return (struct sbi_result){SBI_OK, harts[arg[0]].state - HART_STARTED};
    default:
        return (struct sbi_result){SBI_NOT_SUPPORTED, 0};
    }
}

static struct sbi_result console_call(uint64_t function, const uint64_t *arg)
{
    if (function == 0) {
        for (uint64_t i = 0; i < arg[0]; i++) {
            putchar(*(const uint8_t *)(arg[1] + i));
        }
        return (struct sbi_result){SBI_OK, arg[0]};
    }
    if (function == 2) {
        putchar((uint8_t)arg[0]);
        return (struct sbi_result){SBI_OK, 0};
    }
    return (struct sbi_result){SBI_NOT_SUPPORTED, 0};
}

static struct sbi_result reset_call(uint64_t type, uint64_t reason)
{
    if (type > 2) return (struct sbi_result){SBI_INVALID_PARAM, 0};
    if (type != 0) end_machine(TEST_RESET);
    end_machine(reason == 0 ? TEST_PASS : 1u << 16 | TEST_FAIL);
}

static struct sbi_result dispatch(uint64_t ext, uint64_t function, const uint64_t *arg)
{
    switch (ext) {
    case EXT_BASE:
        return base_call(function, arg[0]);
    case EXT_TIME:
        return set_timer(arg[0]);
    case EXT_IPI:
        return send_ipis((struct hart_set){arg[0], arg[1]});
    case EXT_RFENCE:
        return remote_fence(function, (struct hart_set){arg[0], arg[1]});
    case EXT_HSM:
        return hart_state_call(function, arg);
    case EXT_CONSOLE:
        return console_call(function, arg);
    case EXT_RESET:
        return reset_call(arg[0], arg[1]);
    case EXT_KILBURN:
        return (struct sbi_result){SBI_OK, (uint64_t)default_command_line};
    default:
        return (struct sbi_result){SBI_NOT_SUPPORTED, 0};
    }
}

/* The calls from before extensions had numbers return one word, in a0. */
static bool legacy_call(struct registers *r)
{
    switch (r->x[17]) {
    case EXT_SET_TIMER:
        r->x[10] = (uint64_t)set_timer(r->x[10]).error;
        return true;
    case EXT_PUTCHAR:
        putchar((uint8_t)r->x[10]);
        r->x[10] = 0;
        return true;
    case EXT_GETCHAR:
        r->x[10] = (uint64_t)getchar();
        return true;
    case EXT_SHUTDOWN:
        end_machine(TEST_PASS);
    default:
        return false;
    }
}

void monitor_trap(struct registers *r)
{
    uint64_t cause = csr_read(mcause);

    if (cause == (INTERRUPT | 3)) {
        answer_requests();
    } else if (cause == (INTERRUPT | 7)) {
        csr_clear(mie, MTIP);
        csr_set(mip, STIP);
    } else if (cause == CAUSE_S_ECALL) {
        csr_write(mepc, csr_read(mepc) + 4);
        if (legacy_call(r)) return;
        struct sbi_result result = dispatch(r->x[17], r->x[16], &r->x[10]);
        r->x[10] = (uint64_t)result.error;
        r->x[11] = result.value;
    } else {
        /* A fault of the monitor itself. */
        end_machine(126u << 16 | TEST_FAIL);
    }
}

/* Waits for start_hart(). Also the end of a hart that stops itself. */
_Noreturn void monitor_park(uint64_t hartid)
{
    struct hart *h = &harts[hartid];

    prepare_hart();
    csr_write(mie, MSIP); /* wakes wfi; mstatus.MIE is 0, so no trap is taken */
    uint32_t state = __atomic_load_n(&h->state, __ATOMIC_RELAXED);
    if (state != HART_START_PENDING) {
        /* Fails only if start_hart() has come meanwhile, which is as good. */
        __atomic_compare_exchange_n(&h->state, &state, HART_STOPPED, false,
                                    __ATOMIC_RELEASE, __ATOMIC_RELAXED);
    }
    while (!(csr_read(mip) & MSIP) ||
           __atomic_load_n(&h->state, __ATOMIC_ACQUIRE) != HART_START_PENDING) {
        __asm__ volatile("wfi" ::: "memory");
    }
    *CLINT_MSIP(hartid) = 0;
    __atomic_store_n(&h->requests, 0, __ATOMIC_RELAXED);
    __atomic_store_n(&h->state, HART_STARTED, __ATOMIC_RELEASE);
    enter_supervisor(h->entry, hartid, h->opaque);
}

static uint32_t big_endian(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* The device tree to pass on: the machine's, unless another was loaded. */
static uint64_t choose_tree(uint64_t machine_tree)
{
    static const uint8_t marker[8] = {'b', 'a', 'd', 't', 'r', 'e', 'e', ':'};
    const uint8_t *other = (const uint8_t *)OTHER_TREE;
    bool marked = true;

    for (unsigned i = 0; i < sizeof(marker); i++) {
        marked &= other[i] == marker[i];
    }
    if (marked) return OTHER_TREE + sizeof(marker);
    if (big_endian(other) == 0xd00dfeed && big_endian(other + 4) <= 64 << 10)
        return OTHER_TREE;
    return machine_tree;
}

_Noreturn void monitor_boot(uint64_t hartid, uint64_t dtb)
{
    prepare_hart();
    harts[hartid].state = HART_STARTED;
    enter_supervisor(KERNEL_ENTRY, hartid, choose_tree(dtb));
}
