/*
 * Signals, as a program sees them. Each line says what happened; Linux's are the right ones.
 *
 *     signals          all parts
 *     signals PART...  some
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

static const char *self;

static void say(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void say(const char *format, ...)
{
    char line[256];
    va_list args;

    va_start(args, format);
    int n = vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    if (write(1, line, (size_t)n) != n) _exit(99);
}

static const char *error(long result)
{
    return result >= 0 ? "ok" : strerrorname_np(errno);
}

/* ---- what a handler saw last ---- */

static volatile sig_atomic_t count, last_number, last_code, last_value;
static void *volatile last_address;
static volatile int order[32];
static sigset_t mask_inside;
static sigjmp_buf out;

static void note(int number, siginfo_t *info, void *context)
{
    (void)context;
    if (count < 32) order[count] = info->si_value.sival_int;
    count++;
    last_number = number;
    last_code = info->si_code;
    last_value = info->si_value.sival_int;
    last_address = info->si_addr;
    sigprocmask(SIG_BLOCK, NULL, &mask_inside);
}

static void jump(int number, siginfo_t *info, void *context)
{
    note(number, info, context);
    siglongjmp(out, 1);
}

static void handle(int number, void (*handler)(int, siginfo_t *, void *), int flags)
{
    struct sigaction a = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | flags};

    sigemptyset(&a.sa_mask);
    if (sigaction(number, &a, NULL)) say("sigaction %d: %s\n", number, error(-1));
    count = 0;
}

static void set_default(int number) { signal(number, SIG_DFL); }

static sigset_t set_of(int a, int b)
{
    sigset_t s;

    sigemptyset(&s);
    sigaddset(&s, a);
    if (b) sigaddset(&s, b);
    return s;
}

static void block(int a, int b)
{
    sigset_t s = set_of(a, b);
    sigprocmask(SIG_BLOCK, &s, NULL);
}

static void unblock(int a, int b)
{
    sigset_t s = set_of(a, b);
    sigprocmask(SIG_UNBLOCK, &s, NULL);
}

static int is_pending(int number)
{
    sigset_t s;

    sigpending(&s);
    return sigismember(&s, number);
}

static int is_blocked(int number)
{
    sigset_t s;

    sigprocmask(SIG_BLOCK, NULL, &s);
    return sigismember(&s, number);
}

static void pause_ms(long ms)
{
    struct timespec t = {ms / 1000, ms % 1000 * 1000000};

    while (nanosleep(&t, &t) && errno == EINTR) {
    }
}

/* Until so many have been handled. None comes between the look and the wait. */
static void wait_for(int number, int n)
{
    sigset_t before, none;

    sigprocmask(SIG_BLOCK, NULL, &none);
    before = none;
    sigaddset(&before, number);
    sigprocmask(SIG_SETMASK, &before, NULL);
    while (count < n)
        sigsuspend(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

static long now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* ---- parts ---- */

/* Again and again: the first may come before the call that it is to end. */
static void alarms(long us)
{
    struct itimerval t = {{0, us}, {0, us}};
    setitimer(ITIMER_REAL, &t, NULL);
}

static void part_handlers(void)
{
    struct sigaction a;

    handle(SIGUSR1, note, 0);
    raise(SIGUSR1);
    say("raise: %d handled, code %d, blocked inside %d, after %d\n", count, last_code,
        sigismember(&mask_inside, SIGUSR1), is_blocked(SIGUSR1));
    kill(getpid(), SIGUSR1);
    say("kill: %d handled, code %d\n", count, last_code);
    handle(SIGUSR1, note, SA_NODEFER);
    raise(SIGUSR1);
    say("nodefer: blocked inside %d\n", sigismember(&mask_inside, SIGUSR1));
    handle(SIGUSR1, note, SA_RESETHAND);
    raise(SIGUSR1);
    sigaction(SIGUSR1, NULL, &a);
    say("resethand: default after %d\n", a.sa_handler == SIG_DFL);

    a.sa_handler = SIG_IGN;
    say("sigaction KILL: %s\n", error(sigaction(SIGKILL, &a, NULL)));
    say("sigaction 0: %s\n", error(syscall(SYS_rt_sigaction, 0, NULL, &a, 8)));
    say("sigaction 64: %s\n", error(syscall(SYS_rt_sigaction, 64, NULL, &a, 8)));
    say("sigaction 65: %s\n", error(syscall(SYS_rt_sigaction, 65, NULL, &a, 8)));
    say("sigaction size: %s\n", error(syscall(SYS_rt_sigaction, 1, NULL, &a, 16)));
    say("sigprocmask how: %s\n",
        error(syscall(SYS_rt_sigprocmask, 7, &mask_inside, NULL, 8)));
    signal(SIGUSR1, SIG_IGN);
    raise(SIGUSR1);
    say("ignored: survived\n");
    set_default(SIGURG);
    raise(SIGURG);
    raise(SIGCHLD);
    raise(SIGWINCH);
    raise(SIGCONT);
    say("default ignored: survived\n");
    set_default(SIGUSR1);
}

static void queue(int number, int value)
{
    union sigval v = {.sival_int = value};

    if (sigqueue(getpid(), number, v)) say("sigqueue: %s\n", error(-1));
}

static void part_pending(void)
{
    int rt = SIGRTMIN + 2;

    handle(SIGUSR1, note, 0);
    handle(rt, note, 0);
    block(SIGUSR1, rt);
    raise(SIGUSR1);
    raise(SIGUSR1);
    say("pending %d %d\n", is_pending(SIGUSR1), is_pending(SIGUSR2));
    unblock(SIGUSR1, 0);
    say("coalesced: %d\n", count);
    count = 0;
    for (int i = 1; i <= 5; i++) {
        queue(rt, i * 10);
    }
    unblock(rt, 0);
    say("queued: %d: %d %d %d %d %d, code %d\n", count, order[0], order[1], order[2],
        order[3], order[4], last_code);
    /* the lowest number first */
    handle(SIGRTMIN + 1, note, 0);
    block(rt, SIGRTMIN + 1);
    queue(rt, 7);
    queue(SIGRTMIN + 1, 8);
    handle(rt, note, 0);
    unblock(rt, SIGRTMIN + 1);
    say("order: %d, last %d\n", count, last_number - SIGRTMIN);
    /* what is ignored while it is pending is thrown away */
    block(SIGUSR1, 0);
    raise(SIGUSR1);
    signal(SIGUSR1, SIG_IGN);
    say("ignored while pending: %d\n", is_pending(SIGUSR1));
    unblock(SIGUSR1, 0);

    struct rlimit few = {4, 4};
    setrlimit(RLIMIT_SIGPENDING, &few);
    block(rt, 0);
    union sigval v = {0};
    int sent = 0;
    while (sent < 100 && sigqueue(getpid(), rt, v) == 0) {
        sent++;
    }
    say("limit: %s, few %d\n", error(-1), sent <= 4);
    signal(rt, SIG_IGN);
    unblock(rt, 0);
    set_default(rt);
}

static void part_suspend(void)
{
    sigset_t none;

    sigemptyset(&none);
    handle(SIGUSR1, note, 0);
    block(SIGUSR1, 0);
    raise(SIGUSR1);
    int r = sigsuspend(&none);
    say("sigsuspend: %d %s, handled %d, blocked %d, inside %d\n", r, error(r), count,
        is_blocked(SIGUSR1), sigismember(&mask_inside, SIGUSR1));
    unblock(SIGUSR1, 0);
    say("sigsuspend size: %s\n", error(syscall(SYS_rt_sigsuspend, &none, 4)));
    set_default(SIGUSR1);
}

static void part_wait(void)
{
    sigset_t s = set_of(SIGUSR1, SIGRTMIN + 3);
    struct timespec none = {0, 0}, some = {0, 20000000}, bad = {0, -1};
    siginfo_t info;

    sigprocmask(SIG_BLOCK, &s, NULL);
    say("sigtimedwait now: %s\n", error(sigtimedwait(&s, &info, &none)));
    say("sigtimedwait 20ms: %s\n", error(sigtimedwait(&s, &info, &some)));
    say("sigtimedwait bad: %s\n", error(sigtimedwait(&s, &info, &bad)));
    queue(SIGRTMIN + 3, 99);
    int n = sigtimedwait(&s, &info, NULL);
    say("sigtimedwait: rt %d, value %d, code %d\n", n == SIGRTMIN + 3,
        info.si_value.sival_int, info.si_code);
    handle(SIGALRM, note, SA_RESTART);
    alarms(10000);
    say("sigwaitinfo interrupted: %s", error(sigwaitinfo(&s, &info)));
    alarms(0);
    say(", handled %d\n", count > 0);
    pid_t parent = getpid(), child = fork();
    if (child == 0) {
        pause_ms(10);
        kill(parent, SIGUSR1);
        _exit(0);
    }
    n = sigwaitinfo(&s, &info);
    say("from child: %d %d %d\n", n == SIGUSR1, info.si_pid == child, info.si_code);
    waitpid(child, NULL, 0);
    sigprocmask(SIG_UNBLOCK, &s, NULL);
}

static char stack_memory[65536] __attribute__((aligned(16)));
static volatile int was_on_stack;

static void where(int number, siginfo_t *info, void *context)
{
    char here;
    stack_t s;

    note(number, info, context);
    was_on_stack = &here >= stack_memory && &here < stack_memory + sizeof(stack_memory);
    sigaltstack(NULL, &s);
    say("  inside: on stack %d, flags %x, aligned %d\n", was_on_stack,
        (unsigned)s.ss_flags, ((uintptr_t)context & 15) == 0);
}

static int deeper(int n)
{
    volatile char frame[4096];

    frame[0] = (char)n;
    return n < 1000000 ? deeper(n + 1) + frame[0] : 0;
}

static void part_stack(void)
{
    stack_t s = {.ss_sp = stack_memory, .ss_size = sizeof(stack_memory)}, old;

    sigaltstack(NULL, &old);
    say("at first: flags %x\n", (unsigned)old.ss_flags);
    say("set: %s\n", error(sigaltstack(&s, NULL)));
    handle(SIGUSR1, where, SA_ONSTACK);
    raise(SIGUSR1);
    handle(SIGUSR1, where, 0);
    raise(SIGUSR1);
    s.ss_size = 100;
    say("small: %s\n", error(sigaltstack(&s, NULL)));
    s.ss_size = sizeof(stack_memory);
    s.ss_flags = 8;
    say("flags: %s\n", error(sigaltstack(&s, NULL)));
    s.ss_flags = (int)(1u << 31);
    say("autodisarm: %s\n", error(sigaltstack(&s, NULL)));
    handle(SIGUSR1, where, SA_ONSTACK);
    raise(SIGUSR1);
    sigaltstack(NULL, &old);
    say("after: flags %x\n", (unsigned)old.ss_flags);
    s.ss_flags = 0;
    sigaltstack(&s, NULL);

    handle(SIGSEGV, jump, SA_ONSTACK);
    if (sigsetjmp(out, 1) == 0) deeper(0);
    say("overflow: handled %d, signal %d\n", count, last_number);
    s.ss_flags = SS_DISABLE;
    say("disable: %s\n", error(sigaltstack(&s, NULL)));
    set_default(SIGSEGV);
    set_default(SIGUSR1);

    pid_t child = fork(); /* without an alternate stack there is no room for the frame */
    if (child == 0) {
        handle(SIGSEGV, jump, 0);
        deeper(0);
        _exit(0);
    }
    int status;
    waitpid(child, &status, 0);
    say("overflow without stack: signal %d\n",
        WIFSIGNALED(status) ? WTERMSIG(status) : 0);
}

#define TRY(what, code)                                                                 \
    do {                                                                                \
        count = 0;                                                                      \
        if (sigsetjmp(out, 1) == 0) {                                                   \
            code;                                                                       \
        }                                                                               \
        say("%s: handled %d, signal %d, code %d", what, count, last_number, last_code); \
    } while (0)

static void part_faults(void)
{
    long page = sysconf(_SC_PAGESIZE);
    volatile char *none = (char *)0x1000, *read_only, *beyond;
    int fd = memfd_create("x", 0);

    if (ftruncate(fd, page)) return;
    read_only = mmap(NULL, page, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    beyond = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    for (int n = SIGHUP; n <= SIGSYS; n++) {
        if (n == SIGSEGV || n == SIGBUS || n == SIGILL || n == SIGTRAP)
            handle(n, jump, 0);
    }
    TRY("read nothing", (void)none[5]);
    say(", address %lx\n", (unsigned long)last_address);
    TRY("write nothing", none[7] = 1);
    say(", address %lx\n", (unsigned long)last_address);
    TRY("write read-only", read_only[9] = 1);
    say(", at %ld\n", (long)((char *)last_address - (char *)read_only));
    TRY("run data", ((void (*)(void))(uintptr_t)read_only)());
    say(", at %ld\n", (long)((char *)last_address - (char *)read_only));
    TRY("run nothing", ((void (*)(void))(uintptr_t)none)());
    say(", address %lx\n", (unsigned long)last_address);
    TRY("read upper half", (void)*(volatile char *)0xffffffc000000000);
    say(", address %lx\n", (unsigned long)last_address);
    beyond[page - 1] = 1;
    TRY("beyond file", beyond[page + 11] = 1);
    say(", at %ld\n", (long)((char *)last_address - (char *)beyond));
    TRY("illegal", __asm__ volatile(".word 0"));
    say(", address %d\n", last_address != NULL);
    TRY("privileged", __asm__ volatile("csrr x0, sstatus"));
    say("\n");
    TRY("ebreak", __asm__ volatile("ebreak"));
    say("\n");
    block(SIGSEGV, 0);
    pid_t child = fork();
    if (child == 0) {
        none[0] = 1;
        _exit(0);
    }
    int status;
    waitpid(child, &status, 0);
    say("fault while blocked: %d\n", WIFSIGNALED(status) ? WTERMSIG(status) : 0);
    unblock(SIGSEGV, 0);
    signal(SIGSEGV, SIG_IGN);
    child = fork();
    if (child == 0) {
        none[0] = 1;
        _exit(0);
    }
    waitpid(child, &status, 0);
    say("fault while ignored: %d\n", WIFSIGNALED(status) ? WTERMSIG(status) : 0);
    set_default(SIGSEGV);
    set_default(SIGBUS);
    set_default(SIGILL);
    set_default(SIGTRAP);
    close(fd);
}

static void skip(int number, siginfo_t *info, void *context)
{
    ucontext_t *c = context;

    note(number, info, context);
    c->uc_mcontext.__gregs[REG_PC] += 4;
    c->uc_mcontext.__gregs[REG_A0] = 4711;
    sigaddset(&c->uc_sigmask, SIGUSR2);
}

static void spoil(int number, siginfo_t *info, void *context)
{
    note(number, info, context);
    __asm__ volatile("fmv.d.x fs0, zero\nfmv.d.x fa0, zero\nfmv.d.x ft0, zero\nfsrmi 2" ::
                         : "fs0", "fa0", "ft0");
}

static void part_context(void)
{
    long a0 = 1;

    handle(SIGSEGV, skip, 0);
    __asm__ volatile(
        "li a0, 5\n.option push\n.option norvc\nld a1, 0(zero)\n.option pop\nmv %0, a0"
        : "=r"(a0)::"a0", "a1", "memory");
    say("context: handled %d, a0 %ld, mask %d\n", count, a0, is_blocked(SIGUSR2));
    unblock(SIGUSR2, 0);
    set_default(SIGSEGV);

    handle(SIGUSR1, spoil, 0);
    double x = 0;
    long pid = getpid(), rounding = 9;
    register long r0 __asm__("a0") = pid;
    register long r1 __asm__("a1") = SIGUSR1;
    register long r7 __asm__("a7") = SYS_kill;
    __asm__ volatile(
        "li t0, 0x4005bf0a8b145769\nfmv.d.x fs0, t0\nfmv.d.x ft0, t0\nfsrmi 1\n"
        "ecall\nfadd.d %0, fs0, ft0\nfrrm %1\nfsrmi 0"
        : "=f"(x), "=r"(rounding), "+r"(r0)
        : "r"(r1), "r"(r7)
        : "t0", "fs0", "ft0", "memory");
    say("floating point: handled %d, %.6f, rounding %ld\n", count, x, rounding);
    set_default(SIGUSR1);
}

static void *write_later(void *fd)
{
    sigset_t all;

    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, NULL);
    pause_ms(60);
    if (write(*(int *)fd, "x", 1) != 1) say("write failed\n");
    return NULL;
}

static void part_restart(void)
{
    int ends[2];
    char byte;
    pthread_t thread;
    struct timespec t = {0, 500000000}, rest = {0, 0};

    if (pipe(ends)) return;
    handle(SIGALRM, note, 0);
    alarms(10000);
    long n = read(ends[0], &byte, 1);
    say("read: %s, handled %d\n", error(n), count > 0);

    handle(SIGALRM, note, SA_RESTART);
    pthread_create(&thread, NULL, write_later, &ends[1]);
    alarms(10000);
    n = read(ends[0], &byte, 1);
    say("read with SA_RESTART: %s %ld, handled %d\n", error(n), n, count > 0);
    pthread_join(thread, NULL);

    signal(SIGALRM, SIG_IGN);
    pthread_create(&thread, NULL, write_later, &ends[1]);
    alarms(10000);
    n = read(ends[0], &byte, 1);
    say("read, ignored: %s %ld\n", error(n), n);
    pthread_join(thread, NULL);

    handle(SIGALRM, note, SA_RESTART);
    alarms(10000);
    int r = nanosleep(&t, &rest);
    say("nanosleep: %s, handled %d, rest %d\n", error(r), count > 0,
        rest.tv_nsec > 10000000 && rest.tv_nsec < 495000000);
    struct pollfd p = {ends[0], POLLIN, 0};
    alarms(10000);
    say("poll: %s\n", error(poll(&p, 1, 1000)));
    alarms(10000);
    fd_set set;
    FD_ZERO(&set);
    FD_SET(ends[0], &set);
    struct timeval second = {1, 0};
    say("select: %s\n", error(select(ends[0] + 1, &set, NULL, NULL, &second)));
    alarms(10000);
    say("pause: %s\n", error(pause()));
    handle(SIGALRM, note, SA_RESTART);
    block(SIGALRM, 0);
    alarms(5000);
    sigset_t none;
    sigemptyset(&none);
    t = (struct timespec){1, 0};
    r = ppoll(&p, 1, &t, &none);
    say("ppoll with mask: %s, handled %d, blocked %d\n", error(r), count > 0,
        is_blocked(SIGALRM));
    alarms(1000);
    pause_ms(10);
    r = ppoll(&p, 0, &(struct timespec){0, 0}, NULL);
    say("ppoll without: %s, pending %d\n", error(r), is_pending(SIGALRM));
    alarms(0);
    unblock(SIGALRM, 0);

    pid_t child = fork();
    if (child == 0) {
        pause_ms(60);
        _exit(3);
    }
    int status = 0;
    handle(SIGALRM, note, SA_RESTART);
    alarms(10000);
    pid_t w = wait(&status);
    say("wait with SA_RESTART: %d, status %d, handled %d\n", w == child,
        WEXITSTATUS(status), count > 0);
    alarms(0);
    child = fork();
    if (child == 0) {
        pause_ms(60);
        _exit(3);
    }
    handle(SIGALRM, note, 0);
    alarms(10000);
    say("wait: %s\n", error(wait(&status)));
    alarms(0);
    waitpid(child, &status, 0);
    set_default(SIGALRM);
    close(ends[0]);
    close(ends[1]);
}

static unsigned char last_info[sizeof(siginfo_t)];
static void keep_info(int number, siginfo_t *info, void *context)
{
    (void)number, (void)context;
    memcpy(last_info, info, sizeof(last_info));
}

/* What comes of the bytes that no kind of siginfo uses. */
static void part_info(void)
{
    static const int codes[] = {SI_QUEUE, SI_TKILL, -7, -8, -60, 0,
                                1,        6,        7,  11, 12,  0x80};
    static const int numbers[] = {SIGUSR1, SIGCHLD, SIGSEGV, SIGILL};
    unsigned char info[sizeof(siginfo_t)];

    for (unsigned i = 0; i < 4 * sizeof(codes) / sizeof(*codes); i++) {
        int number = numbers[i % 4], code = codes[i / 4];
        handle(number, keep_info, 0);
        memset(info, 0, sizeof(info));
        memcpy(info + 8, &code, sizeof(code));
        for (int full = 0; full < 2; full++) {
            memset(last_info, 0, sizeof(last_info));
            info[47] = 3;
            info[48] = full ? 4 : 0;
            info[127] = full ? 5 : 0;
            say("signal %d, code %d, %s: %s, ", number, code, full ? "full" : "short",
                error(syscall(SYS_rt_sigqueueinfo, getpid(), number, info)));
            say("%d %d %d\n", last_info[47], last_info[48], last_info[127]);
        }
        set_default(number);
    }
}

static void part_kill(void)
{
    say("kill 0 self: %s\n", error(kill(getpid(), 0)));
    say("kill nobody: %s\n", error(kill(999999, 0)));
    say("kill group of nobody: %s\n", error(kill(-99999, SIGTERM)));
    say("kill 65: %s\n", error(kill(getpid(), 65)));
    say("kill -1 as a signal: %s\n", error(kill(getpid(), -1)));
    say("tgkill wrong group: %s\n",
        error(syscall(SYS_tgkill, getpid() + 1, getpid(), 0)));
    say("tgkill 0: %s\n", error(syscall(SYS_tgkill, 0, getpid(), 0)));
    say("tkill: %s\n", error(syscall(SYS_tkill, getpid(), 0)));
    siginfo_t info = {.si_signo = SIGUSR1, .si_code = SI_QUEUE};
    handle(SIGUSR1, note, 0);
    say("rt_sigqueueinfo: %s\n",
        error(syscall(SYS_rt_sigqueueinfo, getpid(), SIGUSR1, &info)));
    say("handled %d, code %d\n", count, last_code);
    part_info();
    pid_t child = fork();
    if (child == 0) {
        setpgid(0, 0);
        for (;;)
            pause();
    }
    pause_ms(20);
    info.si_code = SI_USER;
    say("rt_sigqueueinfo pretending: %s\n",
        error(syscall(SYS_rt_sigqueueinfo, child, SIGUSR1, &info)));
    int status;
    say("kill group: %s\n", error(kill(-child, SIGTERM)));
    waitpid(child, &status, 0);
    say("child: signalled %d by %d, core %d\n", WIFSIGNALED(status), WTERMSIG(status),
        WCOREDUMP(status) != 0);
    for (int n = 1; n < SIGRTMIN; n += 1) {
        if (n == SIGCHLD || n == SIGCONT || n == SIGURG || n == SIGWINCH || n == 32 ||
            n == 33)
            continue;
        child = fork();
        if (child == 0) {
            set_default(n == SIGKILL || n == SIGSTOP ? SIGTERM : n);
            struct rlimit none = {0, 0};
            setrlimit(RLIMIT_CORE, &none);
            setpgid(0, 0);
            kill(getpid(), n);
            _exit(0);
        }
        waitpid(child, &status, WUNTRACED);
        say("%d: %s %d\n", n,
            WIFSIGNALED(status)  ? "ends"
            : WIFSTOPPED(status) ? "stops"
                                 : "nothing",
            WIFSIGNALED(status)  ? WTERMSIG(status)
            : WIFSTOPPED(status) ? WSTOPSIG(status)
                                 : 0);
        if (WIFSTOPPED(status)) {
            kill(child, SIGKILL);
            waitpid(child, &status, 0);
            say("  then killed by %d\n", WTERMSIG(status));
        }
    }
    set_default(SIGUSR1);
}

static void *spin(void *done)
{
    block(SIGUSR1, SIGCONT);
    while (!*(volatile int *)done) {
        sched_yield();
    }
    return NULL;
}

static void part_stop(void)
{
    siginfo_t info;
    int status, done = 0, ready[2];
    char byte = 0;

    if (pipe(ready)) return;
    handle(SIGCHLD, note, SA_RESTART); /* that it goes on may be told late */
    pid_t child = fork();
    if (child == 0) {
        sigset_t none;
        sigemptyset(&none);
        pthread_t a;
        pthread_create(&a, NULL, spin, &done);
        pause_ms(1);
        handle(SIGUSR1, note, 0);
        handle(SIGCONT, note, 0);
        block(SIGUSR1, SIGCONT);
        if (write(ready[1], &byte, 1) != 1) _exit(1);
        while (count == 0)
            sigsuspend(&none);
        pause_ms(50);
        _exit(last_number == SIGCONT || last_number == SIGUSR1 ? 5 : 6);
    }
    if (read(ready[0], &byte, 1) != 1) return;
    kill(child, SIGSTOP);
    pid_t w = waitpid(child, &status, WUNTRACED);
    pause_ms(10);
    say("stopped: %d %d %d, SIGCHLD code %d status %d\n", w == child, WIFSTOPPED(status),
        WSTOPSIG(status), last_code, 0);
    say("again: %d\n", waitpid(child, &status, WUNTRACED | WNOHANG));
    kill(child, SIGUSR1);
    pause_ms(20);
    say("still stopped: %d\n", waitpid(child, &status, WNOHANG));
    kill(child, SIGCONT);
    memset(&info, 0, sizeof(info));
    waitid(P_PID, (id_t)child, &info, WCONTINUED);
    say("continued: code %d, status %d\n", info.si_code, info.si_status);
    w = waitpid(child, &status, 0);
    say("over: %d %d\n", WIFEXITED(status), WEXITSTATUS(status));
    pause_ms(1);
    say("SIGCHLDs: at least three %d, last code %d\n", count >= 3, last_code);

    handle(SIGCHLD, note, SA_NOCLDSTOP);
    child = fork();
    if (child == 0) {
        raise(SIGSTOP);
        _exit(0);
    }
    waitpid(child, &status, WUNTRACED);
    kill(child, SIGCONT);
    waitpid(child, &status, 0);
    pause_ms(1);
    say("with SA_NOCLDSTOP: %d\n", count);

    signal(SIGCHLD, SIG_IGN);
    child = fork();
    if (child == 0) _exit(1);
    say("nobody to wait for: %s\n", error(wait(&status)));
    set_default(SIGCHLD);

    child = fork(); /* a sleep goes on after it was stopped */
    if (child == 0) {
        struct timespec t = {0, 100000000};
        long begin = now_ms();
        int r = nanosleep(&t, NULL);
        long took = now_ms() - begin;
        say("  sleep: %s, whole %d\n", error(r), took >= 99);
        _exit(0);
    }
    pause_ms(20);
    kill(child, SIGSTOP);
    pause_ms(20);
    kill(child, SIGCONT);
    waitpid(child, &status, 0);
}

static volatile int ticks;
static volatile int overruns;

static void tick(int number, siginfo_t *info, void *context)
{
    note(number, info, context);
    ticks++;
    overruns += info->si_overrun;
}

static void part_itimer(void)
{
    struct itimerval t, zero = {{0, 0}, {0, 0}};

    handle(SIGALRM, note, 0);
    alarms(10000);
    wait_for(SIGALRM, 5);
    getitimer(ITIMER_REAL, &t);
    say("itimer: %d %ld, code %d\n", count >= 5, (long)t.it_interval.tv_usec, last_code);
    setitimer(ITIMER_REAL, &zero, &t);
    say("old: armed %d\n", t.it_value.tv_usec > 0);
    getitimer(ITIMER_REAL, &t);
    say("off: %ld %ld\n", (long)t.it_value.tv_usec, (long)t.it_interval.tv_usec);
    say("getitimer 3: %s\n", error(syscall(SYS_getitimer, 3, &t)));
    t.it_value.tv_usec = 1000000;
    say("setitimer 1000000: %s\n", error(setitimer(ITIMER_REAL, &t, NULL)));

    t = (struct itimerval){{0, 5000}, {0, 5000}};
    handle(SIGPROF, note, 0);
    setitimer(ITIMER_PROF, &t, NULL);
    while (count < 3) {
    }
    say("prof: %d\n", last_number == SIGPROF);
    setitimer(ITIMER_PROF, &zero, NULL);
    handle(SIGVTALRM, note, 0);
    setitimer(ITIMER_VIRTUAL, &t, NULL);
    while (count < 3) {
    }
    say("virtual: %d\n", last_number == SIGVTALRM);
    setitimer(ITIMER_VIRTUAL, &zero, NULL);
    set_default(SIGALRM);
    set_default(SIGPROF);
    set_default(SIGVTALRM);
}

static int make_timer(int clock, int notify, int signo, int value, timer_t *id)
{
    struct sigevent e;

    memset(&e, 0, sizeof(e));
    e.sigev_notify = notify;
    e.sigev_signo = signo;
    e.sigev_value.sival_int = value;
    return (int)syscall(SYS_timer_create, clock, &e, id);
}

static void part_timer(void)
{
    int id = -1, other = -1;
    struct itimerspec t = {{0, 5000000}, {0, 5000000}}, now;

    handle(SIGRTMIN + 4, tick, 0);
    say("create: %s\n", error(make_timer(CLOCK_MONOTONIC, SIGEV_SIGNAL, SIGRTMIN + 4, 33,
                                         (timer_t *)&id)));
    say("create bad clock: %s\n",
        error(make_timer(1000, SIGEV_SIGNAL, SIGALRM, 0, (timer_t *)&other)));
    say("create bad signal: %s\n",
        error(make_timer(CLOCK_MONOTONIC, SIGEV_SIGNAL, 70, 0, (timer_t *)&other)));
    say("create bad notify: %s\n",
        error(make_timer(CLOCK_MONOTONIC, 9, SIGALRM, 0, (timer_t *)&other)));
    say("set: %s\n", error(syscall(SYS_timer_settime, id, 0, &t, NULL)));
    wait_for(SIGRTMIN + 4, 3);
    say("ticks: code %d, value %d\n", last_code, last_value);
    block(SIGRTMIN + 4, 0);
    pause_ms(40);
    overruns = 0;
    unblock(SIGRTMIN + 4, 0);
    say("overrun: some %d\n", overruns >= 4);
    memset(&now, 0, sizeof(now));
    syscall(SYS_timer_gettime, id, &now);
    say("get: interval %ld, value %d\n", now.it_interval.tv_nsec,
        now.it_value.tv_nsec > 0 && now.it_value.tv_nsec <= 5000000);
    say("delete: %s\n", error(syscall(SYS_timer_delete, id)));
    say("delete again: %s\n", error(syscall(SYS_timer_delete, id)));
    say("set deleted: %s\n", error(syscall(SYS_timer_settime, id, 0, &t, NULL)));

    make_timer(CLOCK_REALTIME, SIGEV_NONE, 0, 0, (timer_t *)&id);
    t = (struct itimerspec){{0, 0}, {1000, 0}};
    syscall(SYS_timer_settime, id, 0, &t, NULL);
    syscall(SYS_timer_gettime, id, &now);
    say("none: left %d\n", now.it_value.tv_sec == 999 || now.it_value.tv_sec == 1000);
    syscall(SYS_timer_delete, id);

    handle(SIGRTMIN + 4, tick, 0);
    make_timer(CLOCK_MONOTONIC, SIGEV_SIGNAL, SIGRTMIN + 4, 1, (timer_t *)&id);
    clock_gettime(CLOCK_MONOTONIC, &t.it_value);
    t.it_value.tv_nsec += 10000000;
    if (t.it_value.tv_nsec >= 1000000000) {
        t.it_value.tv_sec++;
        t.it_value.tv_nsec -= 1000000000;
    }
    syscall(SYS_timer_settime, id, TIMER_ABSTIME, &t, NULL);
    wait_for(SIGRTMIN + 4, 1);
    say("absolute: %d\n", count);
    syscall(SYS_timer_delete, id);
    set_default(SIGRTMIN + 4);
}

static void part_signalfd(void)
{
    sigset_t s = set_of(SIGUSR1, SIGRTMIN + 5);
    struct signalfd_siginfo got[4];
    union sigval v = {.sival_int = 77};
    struct pollfd p;

    sigprocmask(SIG_BLOCK, &s, NULL);
    int fd = signalfd(-1, &s, SFD_NONBLOCK | SFD_CLOEXEC);
    p = (struct pollfd){fd, POLLIN, 0};
    say("empty: %s, poll %d\n", error(read(fd, got, sizeof(got))), poll(&p, 1, 0));
    raise(SIGUSR1);
    sigqueue(getpid(), SIGRTMIN + 5, v);
    say("poll %d\n", poll(&p, 1, 0));
    long n = read(fd, got, sizeof(got));
    say("read: %ld, %u %u, value %d, pid %d, code %d\n", n / (long)sizeof(got[0]),
        got[0].ssi_signo == SIGUSR1, got[1].ssi_signo == (unsigned)SIGRTMIN + 5,
        got[1].ssi_int, got[1].ssi_pid == (unsigned)getpid(), got[1].ssi_code);
    say("short: %s\n", error(read(fd, got, 10)));
    pid_t parent = getpid(), child = fork();
    if (child == 0) {
        pause_ms(20);
        kill(parent, SIGUSR1);
        _exit(0);
    }
    say("poll waits: %d\n", poll(&p, 1, 2000));
    n = read(fd, got, sizeof(got));
    say("from child: %d\n", n == sizeof(got[0]) && got[0].ssi_pid == (unsigned)child);
    waitpid(child, NULL, 0);
    say("no signalfd: %s\n", error(signalfd(0, &s, 0)));
    sigprocmask(SIG_UNBLOCK, &s, NULL);
    close(fd);
}

static void part_pidfd(void)
{
    pid_t child = fork();

    if (child == 0) {
        for (;;)
            pause();
    }
    int fd = (int)syscall(SYS_pidfd_open, child, 0);
    struct pollfd p = {fd, POLLIN, 0};
    say("pidfd: %s, poll %d\n", error(fd), poll(&p, 1, 0));
    say("send 0: %s\n", error(syscall(SYS_pidfd_send_signal, fd, 0, NULL, 0)));
    say("send flags: %s\n", error(syscall(SYS_pidfd_send_signal, fd, 0, NULL, 8)));
    say("send: %s\n", error(syscall(SYS_pidfd_send_signal, fd, SIGTERM, NULL, 0)));
    int n = poll(&p, 1, 2000);
    say("poll: %d %x\n", n, (unsigned)p.revents);
    siginfo_t info;
    memset(&info, 0, sizeof(info));
    int r = waitid((idtype_t)3, (id_t)fd, &info, WEXITED);
    say("waitid: %s, code %d, status %d\n", error(r), info.si_code, info.si_status);
    waitpid(child, NULL, WNOHANG);
    say("send to nobody: %s\n", error(syscall(SYS_pidfd_send_signal, fd, 0, NULL, 0)));
    close(fd);
    say("open nobody: %s\n", error(syscall(SYS_pidfd_open, 999999, 0)));
    say("open 0: %s\n", error(syscall(SYS_pidfd_open, 0, 0)));
    say("send by no pidfd: %s\n", error(syscall(SYS_pidfd_send_signal, 1, 0, NULL, 0)));
}

static volatile pid_t handled_by;
static void who(int number, siginfo_t *info, void *context)
{
    note(number, info, context);
    handled_by = (pid_t)syscall(SYS_gettid);
}

static pid_t volatile thread_id;
static volatile int thread_done;

static void *wait_for_signals(void *unused)
{
    (void)unused;
    unblock(SIGUSR1, 0);
    thread_id = (pid_t)syscall(SYS_gettid);
    while (!thread_done)
        pause_ms(1);
    return NULL;
}

static void *sigwaiter(void *got)
{
    sigset_t s = set_of(SIGUSR2, 0);

    sigwait(&s, got);
    return NULL;
}

static void part_threads(void)
{
    pthread_t t;
    int got = 0;

    handle(SIGUSR1, who, 0);
    block(SIGUSR1, SIGUSR2);
    pthread_create(&t, NULL, wait_for_signals, NULL);
    while (!thread_id)
        pause_ms(1);
    kill(getpid(), SIGUSR1);
    while (count == 0)
        pause_ms(1);
    say("to the process: by the thread %d\n", handled_by == thread_id);
    count = 0;
    pthread_kill(t, SIGUSR1);
    while (count == 0)
        pause_ms(1);
    say("to the thread: by the thread %d, code %d\n", handled_by == thread_id, last_code);
    count = 0;
    pthread_kill(pthread_self(), SIGUSR1);
    say("blocked here: %d, pending %d\n", count, is_pending(SIGUSR1));
    unblock(SIGUSR1, 0);
    say("unblocked: by us %d\n", handled_by == getpid());
    thread_done = 1;
    pthread_join(t, NULL);
    pthread_create(&t, NULL, sigwaiter, &got);
    pause_ms(20);
    kill(getpid(), SIGUSR2);
    pthread_join(t, NULL);
    say("sigwait: %d\n", got == SIGUSR2);
    unblock(SIGUSR2, 0);
    pid_t child = fork();
    if (child == 0) {
        thread_id = 0;
        thread_done = 0;
        pthread_create(&t, NULL, wait_for_signals, NULL);
        while (!thread_id)
            pause_ms(1);
        set_default(SIGUSR1);
        pthread_kill(t, SIGUSR1);
        for (;;)
            pause();
    }
    int status;
    waitpid(child, &status, 0);
    say("a thread's end is all's: %d %d\n", WIFSIGNALED(status), WTERMSIG(status));
    set_default(SIGUSR1);
}

static void part_exec(void)
{
    pid_t child = fork();

    if (child == 0) {
        signal(SIGUSR1, SIG_IGN);
        handle(SIGUSR2, note, 0);
        block(SIGTERM, SIGHUP);
        raise(SIGHUP);
        execl(self, self, "--after-exec", NULL);
        _exit(9);
    }
    int status;
    waitpid(child, &status, 0);
    say("exec: %d\n", WEXITSTATUS(status));
}

static void after_exec(void)
{
    struct sigaction a, b;
    stack_t s;

    sigaction(SIGUSR1, NULL, &a);
    sigaction(SIGUSR2, NULL, &b);
    sigaltstack(NULL, &s);
    say("  ignored stays %d, handler goes %d, mask stays %d, pending %d, stack %d\n",
        a.sa_handler == SIG_IGN, b.sa_handler == SIG_DFL, is_blocked(SIGTERM),
        is_pending(SIGHUP), s.ss_flags);
}

static void part_clock(void)
{
    struct timespec a, b, c;
    struct timeval tv;

    for (int i = 0; i < 8; i++) {
        if (i == 2 || i == 3) continue;
        syscall(SYS_clock_gettime, i, &a);
        clock_gettime(i, &b);
        syscall(SYS_clock_gettime, i, &c);
        long ab = (b.tv_sec - a.tv_sec) * 1000000000 + b.tv_nsec - a.tv_nsec;
        long bc = (c.tv_sec - b.tv_sec) * 1000000000 + c.tv_nsec - b.tv_nsec;
        int coarse = i == 5 || i == 6;
        say("clock %d: %d %d\n", i, coarse || (ab >= 0 && ab < 500000000),
            coarse || (bc >= 0 && bc < 500000000));
    }
    gettimeofday(&tv, NULL);
    clock_gettime(CLOCK_REALTIME, &a);
    say("gettimeofday: %d\n", a.tv_sec - tv.tv_sec <= 1);
}

static const struct part {
    const char *name;
    void (*run)(void);
} parts[] = {
    {"handlers", part_handlers}, {"pending", part_pending}, {"suspend", part_suspend},
    {"wait", part_wait},         {"stack", part_stack},     {"faults", part_faults},
    {"context", part_context},   {"restart", part_restart}, {"kill", part_kill},
    {"stop", part_stop},         {"itimer", part_itimer},   {"timer", part_timer},
    {"signalfd", part_signalfd}, {"pidfd", part_pidfd},     {"threads", part_threads},
    {"exec", part_exec},         {"clock", part_clock},
};

static int is_wanted(const char *name, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], name) == 0) return 1;
    }
    return argc == 1;
}

int main(int argc, char **argv)
{
    self = argv[0];
    if (argc == 2 && strcmp(argv[1], "--after-exec") == 0) {
        after_exec();
        return 0;
    }
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        if (!is_wanted(parts[i].name, argc, argv)) continue;
        say("-- %s\n", parts[i].name);
        /* Each in a process of its own: what it leaves behind is nobody else's. */
        pid_t child = fork();
        if (child == 0) {
            parts[i].run();
            _exit(0);
        }
        int status;
        waitpid(child, &status, 0);
        if (status) say("ended with %x\n", (unsigned)status);
    }
    return 0;
}
