/* Signals of Linux for riscv64 (asm-generic/signal.h, siginfo.h; signal(7)). */
#pragma once

#include "lib/assert.h"

#include <stdint.h>

enum {
    SIGHUP = 1,
    SIGINT,
    SIGQUIT,
    SIGILL,
    SIGTRAP,
    SIGABRT,
    SIGBUS,
    SIGFPE,
    SIGKILL,
    SIGUSR1,
    SIGSEGV,
    SIGUSR2,
    SIGPIPE,
    SIGALRM,
    SIGTERM,
    SIGSTKFLT,
    SIGCHLD,
    SIGCONT,
    SIGSTOP,
    SIGTSTP,
    SIGTTIN,
    SIGTTOU,
    SIGURG,
    SIGXCPU,
    SIGXFSZ,
    SIGVTALRM,
    SIGPROF,
    SIGWINCH,
    SIGIO,
    SIGPWR,
    SIGSYS,
    SIGRTMIN,
    SIGRTMAX = 64,
    NSIG = 64, /* numbers are 1 to NSIG */
};

/* si_code */
enum {
    SI_USER = 0,
    SI_KERNEL = 0x80,
    SI_QUEUE = -1,
    SI_TIMER = -2,
    SI_MESGQ = -3,
    SI_ASYNCIO = -4,
    SI_SIGIO = -5,
    SI_TKILL = -6,
    SI_DETHREAD = -7,
    SI_ASYNCNL = -60,

    ILL_ILLOPC = 1,
    ILL_ILLTRP = 4,
    SEGV_MAPERR = 1,
    SEGV_ACCERR = 2,
    BUS_ADRALN = 1,
    BUS_ADRERR = 2,
    TRAP_BRKPT = 1,

    CLD_EXITED = 1,
    CLD_KILLED,
    CLD_DUMPED,
    CLD_TRAPPED,
    CLD_STOPPED,
    CLD_CONTINUED,
};

union sigval {
    int32_t number;
    uint64_t pointer;
};

/* What anybody says about a signal. To programs it is longer: see below. */
struct siginfo {
    int32_t si_signo;
    int32_t si_errno;
    int32_t si_code;
    int32_t pad;
    union {
        struct { /* kill, sigqueue, and others from programs */
            int32_t pid;
            uint32_t uid;
            union sigval value;
        } from;
        struct { /* POSIX timers */
            int32_t id;
            int32_t overrun;
            union sigval value;
        } timer;
        struct { /* SIGCHLD */
            int32_t pid;
            uint32_t uid;
            int32_t status;
            int32_t pad;
            int64_t utime, stime;
        } child;
        struct { /* faults */
            uint64_t address;
        } fault;
        struct { /* SIGIO */
            int64_t band;
            int32_t fd;
        } poll;
        uint8_t bytes[32];
    };
};
static_assert(sizeof(struct siginfo) == 48, "struct kernel_siginfo of Linux");

/* siginfo_t of the ABI: the rest is 0. */
struct linux_siginfo {
    struct siginfo info;
    uint8_t rest[80];
};

/* struct sigaction.handler */
#define SIG_DFL 0ul
#define SIG_IGN 1ul

#define SA_NOCLDSTOP 0x00000001u
#define SA_NOCLDWAIT 0x00000002u
#define SA_SIGINFO   0x00000004u
#define SA_ONSTACK   0x08000000u
#define SA_RESTART   0x10000000u
#define SA_NODEFER   0x40000000u
#define SA_RESETHAND 0x80000000u

/* rt_sigaction(2); riscv64 has no restorer. */
struct linux_sigaction {
    uint64_t handler;
    uint64_t flags;
    uint64_t mask;
};

enum { SIG_BLOCK, SIG_UNBLOCK, SIG_SETMASK };

/* stack_t */
struct linux_stack {
    uint64_t sp;
    int32_t flags;
    int32_t pad;
    uint64_t size;
};
static_assert(sizeof(struct linux_stack) == 24, "stack_t of the ABI");

#define SS_ONSTACK    1u
#define SS_DISABLE    2u
#define SS_AUTODISARM 0x80000000u

enum { MINSIGSTKSZ = 2048 };

/*
 * What a handler finds at sp: siginfo, and the context that it returns to (riscv asm/ucontext.h,
 * asm/sigcontext.h). The mask may grow to 1024 signals.
 */
struct linux_registers {
    uint64_t pc;
    uint64_t x[31]; /* x1 to x31 */
};

/* Floating point, in the room of the widest (quad precision). What comes behind the D registers
 * is 0: reserved, and the header that says that no other extension's state follows. */
struct linux_fp_state {
    uint64_t f[32];
    uint32_t fcsr;
    uint32_t unused[64];
    uint32_t reserved;
    struct {
        uint32_t magic, size;
    } end;
};

struct linux_ucontext {
    uint64_t flags;
    uint64_t link;
    struct linux_stack stack;
    uint64_t sigmask;
    uint8_t unused[128 - sizeof(uint64_t)];
    uint8_t pad[8];
    struct linux_registers regs;
    struct linux_fp_state fp;
};

struct linux_sigframe {
    struct linux_siginfo info;
    struct linux_ucontext uc;
};
static_assert(sizeof(struct linux_fp_state) == 528, "union __riscv_fp_state");
static_assert(__builtin_offsetof(struct linux_ucontext, sigmask) == 40, "uc_sigmask");
static_assert(__builtin_offsetof(struct linux_ucontext, regs) == 176, "uc_mcontext");
static_assert(__builtin_offsetof(struct linux_fp_state, reserved) == 516, "sc_extdesc");
static_assert(sizeof(struct linux_ucontext) == 960, "ucontext_t");
static_assert(sizeof(struct linux_sigframe) == 1088, "struct rt_sigframe");

/* timer_create(2) */
enum { SIGEV_SIGNAL, SIGEV_NONE, SIGEV_THREAD, SIGEV_THREAD_ID = 4 };

struct linux_sigevent {
    union sigval value;
    int32_t signo;
    int32_t notify;
    int32_t tid;
    uint8_t pad[44];
};
static_assert(sizeof(struct linux_sigevent) == 64, "struct sigevent");

/* pidfd_send_signal(2): one of them, or none, which is the second */
enum {
    PIDFD_SIGNAL_THREAD = 1,
    PIDFD_SIGNAL_THREAD_GROUP = 2,
    PIDFD_SIGNAL_PROCESS_GROUP = 4,
};

/* signalfd(2) */
struct linux_signalfd_siginfo {
    uint32_t signo;
    int32_t err;
    int32_t code;
    uint32_t pid, uid;
    int32_t fd;
    uint32_t tid, band, overrun, trapno;
    int32_t status, number;
    uint64_t pointer, utime, stime, address;
    uint8_t pad[48];
};
static_assert(sizeof(struct linux_signalfd_siginfo) == 128, "struct signalfd_siginfo");
