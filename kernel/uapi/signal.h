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

    ILL_ILLOPC = 1,
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
        uint8_t bytes[112];
    };
};
static_assert(sizeof(struct siginfo) == 128, "siginfo_t of the ABI");
