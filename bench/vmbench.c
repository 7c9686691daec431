/*
 * vmbench - a small virtual-memory and process microbenchmark.
 *
 * One static program, nothing but the Linux system-call ABI through libc.
 * Each line of its output is
 *
 *     name value unit            (add "min max" with -v)
 *
 * and lines that start with '#' are comments.  A benchmark that cannot run
 * prints "name n/a reason".  The value is the median of the repetitions.
 * Iteration counts are fixed (not calibrated against the clock), so that the
 * same binary executes the same work every time: under
 * "qemu -icount shift=0,sleep=off" one instruction is one nanosecond and the
 * figures are instructions per operation.
 *
 * Build: riscv64-linux-gnu-gcc -O2 -static -pthread -o vmbench vmbench.c
 *
 * Options:
 *   -l          list the benchmarks
 *   -b a,b,...  run only the benchmarks whose name starts with one of these
 *   -x a,b,...  leave these out (same matching)
 *   -r N        repetitions (default 5), after one warm-up
 *   -s N        divide the iteration counts by N (quick run)
 *   -j N        highest worker count of the par_ benchmarks (default: CPUs);
 *               worker i is pinned to CPU i modulo the number of CPUs
 *   -d DIR      where to put the scratch files (default /tmp)
 *   -i          do not isolate: run every benchmark in this very process
 *               (default: each one runs in a fresh child)
 *   -v          also print min and max
 */
#define _GNU_SOURCE
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
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
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PG     4096UL
#define KB     1024UL
#define MB     (1024UL * 1024UL)
#define BIG    (64 * MB)
#define BIGP   (BIG / PG)
#define FILESZ (16 * MB)
#define FILEP  (FILESZ / PG)

#ifndef MADV_NOHUGEPAGE
#define MADV_NOHUGEPAGE 15
#endif

typedef volatile unsigned char vu8;

static const char *self_path;
static const char *tmpdir = "/tmp";
static char tiny_path[256], data_path[256];
static int opt_verbose, opt_isolate = 1;
static long opt_reps = 5, opt_scale = 1, opt_maxj;
static const char *why = "failed"; /* reason of the last failure */

static int64_t now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

#define FAIL(what)    \
    do {              \
        why = (what); \
        return -1;    \
    } while (0)

/* Anonymous memory that is never backed by huge pages. */
static void *anon(size_t len)
{
    void *p = mmap(0, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (p == MAP_FAILED) return 0;
    madvise(p, len, MADV_NOHUGEPAGE);
    return p;
}

static void *shared(size_t len)
{
    void *p = mmap(0, len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    return p == MAP_FAILED ? 0 : p;
}

static void touch(void *base, size_t len)
{
    for (size_t o = 0; o < len; o += PG)
        ((vu8 *)base)[o] = 1;
}

static void peek(void *base, size_t len, size_t step)
{
    for (size_t o = 0; o < len; o += step)
        (void)((vu8 *)base)[o];
}

/* Stay on one hart. A kernel without the call just does not pin. */
static void pin(int hart)
{
    unsigned long mask[16] = {0};

    mask[hart / 64 % 16] = 1UL << hart % 64;
    syscall(SYS_sched_setaffinity, 0, sizeof mask, mask);
}

static int waitok(pid_t pid)
{
    int st;

    while (waitpid(pid, &st, 0) < 0)
        if (errno != EINTR) return -1;
    return WIFEXITED(st) ? WEXITSTATUS(st) : -1;
}

/* ------------------------------------------------ system call path ------ */

static double b_null(long n)
{
    int64_t t = now();

    for (long i = 0; i < n; i++)
        syscall(SYS_getppid);
    return now() - t;
}

static double b_read(long n)
{
    char c;
    int fd = open("/dev/zero", O_RDONLY);

    if (fd < 0) FAIL("open /dev/zero");
    int64_t t = now();
    for (long i = 0; i < n; i++)
        if (read(fd, &c, 1) != 1) FAIL("read");
    t = now() - t;
    close(fd);
    return t;
}

static double b_write(long n)
{
    char c = 0;
    int fd = open("/dev/null", O_WRONLY);

    if (fd < 0) FAIL("open /dev/null");
    int64_t t = now();
    for (long i = 0; i < n; i++)
        if (write(fd, &c, 1) != 1) FAIL("write");
    t = now() - t;
    close(fd);
    return t;
}

static double b_clock_sys(long n)
{
    struct timespec ts;
    int64_t t = now();

    for (long i = 0; i < n; i++)
        syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &ts);
    return now() - t;
}

static double b_clock_libc(long n)
{
    struct timespec ts;
    int64_t t = now();

    for (long i = 0; i < n; i++)
        clock_gettime(CLOCK_MONOTONIC, &ts);
    return now() - t;
}

static double b_openclose(long n)
{
    int64_t t = now();

    for (long i = 0; i < n; i++) {
        int fd = open("/dev/null", O_RDONLY);

        if (fd < 0) FAIL("open /dev/null");
        close(fd);
    }
    return now() - t;
}

/* A known number of instructions: calibrates the clock. 4 per turn. */
static double b_spin(long n)
{
    int64_t t = now();
#if defined(__riscv)
    long k = n;

    __asm__ volatile("1: addi %0,%0,-1\n nop\n nop\n bnez %0,1b\n" : "+r"(k));
#else
    for (volatile long i = 0; i < n; i++)
        ;
#endif
    return now() - t;
}

/* ------------------------------------------------ mappings -------------- */

static double b_mmap_munmap(long n)
{
    int64_t t = now();

    for (long i = 0; i < n; i++) {
        void *p = mmap(0, PG, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

        if (p == MAP_FAILED || munmap(p, PG)) FAIL("mmap");
    }
    return now() - t;
}

static double b_mmap_touch_munmap(long n)
{
    int64_t t = now();

    for (long i = 0; i < n; i++) {
        void *p = mmap(0, PG, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

        if (p == MAP_FAILED) FAIL("mmap");
        *(vu8 *)p = 1;
        if (munmap(p, PG)) FAIL("munmap");
    }
    return now() - t;
}

/* One page: fault it in, throw it away with madvise, again. */
static double b_refault(long n)
{
    void *p = anon(PG);

    if (!p) FAIL("mmap");
    int64_t t = now();
    for (long i = 0; i < n; i++) {
        *(vu8 *)p = 1;
        if (madvise(p, PG, MADV_DONTNEED)) FAIL("madvise");
    }
    t = now() - t;
    munmap(p, PG);
    return t;
}

/* what: 0 time the faults, 1 time the munmap, 2 time MADV_DONTNEED,
 * 3 faults with whatever huge-page policy the system has, 4 read faults */
static double big(long n, int what)
{
    int64_t t, sum = 0;

    for (long k = 0; k < n / (long)BIGP; k++) {
        void *p;

        if (what == 3) {
            p = mmap(0, BIG, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
            if (p == MAP_FAILED) FAIL("mmap 64 MiB");
        } else if (!(p = anon(BIG)))
            FAIL("mmap 64 MiB");
        t = now();
        if (what == 4)
            peek(p, BIG, PG);
        else
            touch(p, BIG);
        if (what == 0 || what >= 3) sum += now() - t;
        if (what == 2) {
            t = now();
            if (madvise(p, BIG, MADV_DONTNEED)) FAIL("madvise");
            sum += now() - t;
        }
        t = now();
        if (munmap(p, BIG)) FAIL("munmap 64 MiB");
        if (what == 1) sum += now() - t;
    }
    return sum;
}

static double b_touch64(long n) { return big(n, 0); }
static double b_unmap64(long n) { return big(n, 1); }
static double b_dontneed64(long n) { return big(n, 2); }
static double b_touch64thp(long n) { return big(n, 3); }
static double b_read64(long n) { return big(n, 4); }

static double mprot(long n, size_t len)
{
    void *p = anon(len);

    if (!p) FAIL("mmap");
    touch(p, len);
    int64_t t = now();
    for (long i = 0; i < n; i++)
        if (mprotect(p, len, i & 1 ? PROT_READ | PROT_WRITE : PROT_READ))
            FAIL("mprotect");
    t = now() - t;
    munmap(p, len);
    return t;
}

static double b_mprot1(long n) { return mprot(n, PG); }
static double b_mprot256(long n) { return mprot(n, 256 * PG); }

/* mprotect to read-only and back, and write all 256 pages again. */
static double b_mprot_refault(long n)
{
    size_t len = 256 * PG;
    void *p = anon(len);

    if (!p) FAIL("mmap");
    touch(p, len);
    int64_t t = now();
    for (long i = 0; i < n / 256; i++) {
        if (mprotect(p, len, PROT_READ) || mprotect(p, len, PROT_READ | PROT_WRITE))
            FAIL("mprotect");
        touch(p, len);
    }
    t = now() - t;
    munmap(p, len);
    return t;
}

/* 1000 mappings that cannot merge (alternate protections), then all gone. */
static double b_vma1000(long n)
{
    enum { V = 1000 };
    char *base =
        mmap(0, V * PG, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (base == MAP_FAILED) FAIL("mmap");
    munmap(base, V * PG);
    int64_t t = now();
    for (long k = 0; k < n / V; k++) {
        for (long i = 0; i < V; i++)
            if (mmap(base + i * PG, PG, i & 1 ? PROT_READ : PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED)
                FAIL("mmap fixed");
        if (munmap(base, V * PG)) FAIL("munmap");
    }
    return now() - t;
}

static double b_brk(long n)
{
    if (sbrk(0) == (void *)-1) FAIL("brk");
    int64_t t = now();
    for (long i = 0; i < n; i++) {
        if (sbrk(64 * KB) == (void *)-1 || sbrk(-(long)(64 * KB)) == (void *)-1)
            FAIL("brk");
    }
    return now() - t;
}

static double b_brk_touch(long n)
{
    int64_t t = now();

    for (long i = 0; i < n; i++) {
        char *p = sbrk(64 * KB);

        if (p == (void *)-1) FAIL("brk");
        touch(p, 64 * KB);
        if (sbrk(-(long)(64 * KB)) == (void *)-1) FAIL("brk");
    }
    return now() - t;
}

/* Grow 16 touched pages to 32 (may move), unmap. */
static double b_mremap_grow(long n)
{
    int64_t t = now();

    for (long i = 0; i < n; i++) {
        void *p =
            mmap(0, 16 * PG, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

        if (p == MAP_FAILED) FAIL("mmap");
        p = mremap(p, 16 * PG, 32 * PG, MREMAP_MAYMOVE);
        if (p == MAP_FAILED) FAIL("mremap");
        munmap(p, 32 * PG);
    }
    return now() - t;
}

/* Move 256 touched pages to and fro, per page. */
static double b_mremap_move(long n)
{
    size_t len = 256 * PG;
    char *a = anon(len), *b = anon(len);

    if (!a || !b) FAIL("mmap");
    touch(a, len);
    munmap(b, len);
    int64_t t = now();
    for (long i = 0; i < n / 256; i++) {
        char *x;

        if (mremap(a, len, len, MREMAP_MAYMOVE | MREMAP_FIXED, b) == MAP_FAILED)
            FAIL("mremap");
        x = a;
        a = b;
        b = x;
    }
    t = now() - t;
    munmap(a, len);
    return t;
}

/* ------------------------------------------------ file mappings --------- */

static int data_file(void)
{
    int fd = open(data_path, O_RDWR | O_CREAT, 0600);
    struct stat st;
    static char buf[64 * 1024];

    if (fd < 0) return -1;
    if (fstat(fd, &st) == 0 && st.st_size == (off_t)FILESZ) return fd;
    memset(buf, 0x5a, sizeof buf);
    for (size_t o = 0; o < FILESZ; o += sizeof buf)
        if (write(fd, buf, sizeof buf) != (ssize_t)sizeof buf) {
            close(fd);
            return -1;
        }
    return fd;
}

/* what: 0 shared read of each page, 1 shared read of each 16th page,
 * 2 private write of each page (copy), 3 shared write of each page */
static double filemap(long n, int what)
{
    size_t step = what == 1 ? 16 * PG : PG;
    long per = FILESZ / step;
    int fd = data_file();
    int64_t t, sum = 0;

    if (fd < 0) FAIL("scratch file");
    for (long k = 0; k < n / per; k++) {
        void *p = mmap(0, FILESZ, PROT_READ | PROT_WRITE,
                       what == 2 ? MAP_PRIVATE : MAP_SHARED, fd, 0);

        if (p == MAP_FAILED) FAIL("mmap file");
        t = now();
        if (what < 2)
            peek(p, FILESZ, step);
        else
            touch(p, FILESZ);
        sum += now() - t;
        munmap(p, FILESZ);
    }
    close(fd);
    return sum;
}

static double b_file_seq(long n) { return filemap(n, 0); }
static double b_file_sparse(long n) { return filemap(n, 1); }
static double b_file_cow(long n) { return filemap(n, 2); }
static double b_file_wr(long n) { return filemap(n, 3); }

static double b_file_read(long n)
{
    static char buf[4096];
    int fd = data_file();

    if (fd < 0) FAIL("scratch file");
    int64_t t = now();
    for (long i = 0; i < n; i++)
        if (pread(fd, buf, PG, (i % FILEP) * PG) != (ssize_t)PG) FAIL("pread");
    t = now() - t;
    close(fd);
    return t;
}

/* ------------------------------------------------ processes ------------- */

static double forkloop(long n)
{
    int64_t t = now();

    for (long i = 0; i < n; i++) {
        pid_t pid = fork();

        if (pid == 0) _exit(0);
        if (pid < 0 || waitok(pid) != 0) FAIL("fork");
    }
    return now() - t;
}

static double b_fork(long n) { return forkloop(n); }

static double b_fork64(long n)
{
    void *p = anon(BIG);
    double r;

    if (!p) FAIL("mmap 64 MiB");
    touch(p, BIG);
    r = forkloop(n);
    munmap(p, BIG);
    return r;
}

/* what: 0 the child writes (copies), 1 the parent writes after the child
 * went away (sole owner again), 2 the child only reads */
static double cow(long n, int what)
{
    int64_t t, sum = 0;
    int64_t *res = shared(PG);
    void *p = anon(BIG);

    if (!res || !p) FAIL("mmap");
    touch(p, BIG);
    for (long k = 0; k < n / (long)BIGP; k++) {
        pid_t pid = fork();

        if (pid == 0) {
            t = now();
            if (what == 0)
                touch(p, BIG);
            else if (what == 2)
                peek(p, BIG, PG);
            *res = now() - t;
            _exit(0);
        }
        if (pid < 0 || waitok(pid) != 0) FAIL("fork");
        t = now();
        touch(p, BIG);
        sum += what == 1 ? now() - t : *res;
    }
    munmap(p, BIG);
    munmap(res, PG);
    return sum;
}

static double b_cow(long n) { return cow(n, 0); }
static double b_cow_reuse(long n) { return cow(n, 1); }
static double b_cow_read(long n) { return cow(n, 2); }

/* A program of three instructions, written to the scratch directory. */
static int make_tiny(void)
{
    struct {
        Elf64_Ehdr e;
        Elf64_Phdr p;
        uint32_t code[4];
    } f;
    int fd;

    memset(&f, 0, sizeof f);
    memcpy(f.e.e_ident, ELFMAG, SELFMAG);
    f.e.e_ident[EI_CLASS] = ELFCLASS64;
    f.e.e_ident[EI_DATA] = ELFDATA2LSB;
    f.e.e_ident[EI_VERSION] = EV_CURRENT;
    f.e.e_type = ET_EXEC;
    f.e.e_version = EV_CURRENT;
    f.e.e_phoff = sizeof f.e;
    f.e.e_ehsize = sizeof f.e;
    f.e.e_phentsize = sizeof f.p;
    f.e.e_phnum = 1;
    f.p.p_type = PT_LOAD;
    f.p.p_flags = PF_R | PF_X;
    f.p.p_vaddr = f.p.p_paddr = 0x400000;
    f.p.p_filesz = f.p.p_memsz = sizeof f;
    f.p.p_align = PG;
    f.e.e_entry = 0x400000 + sizeof f.e + sizeof f.p;
#if defined(__riscv)
    f.e.e_machine = EM_RISCV;
    f.code[0] = 0x05d00893; /* li a7, 93 (exit) */
    f.code[1] = 0x00000513; /* li a0, 0 */
    f.code[2] = 0x00000073; /* ecall */
#elif defined(__x86_64__)
    f.e.e_machine = EM_X86_64;
    memcpy(f.code, "\xb8\x3c\x00\x00\x00\x31\xff\x0f\x05", 9);
#else
#error "no tiny program for this machine"
#endif
    fd = open(tiny_path, O_WRONLY | O_CREAT | O_TRUNC, 0755);
    if (fd < 0) return -1;
    if (write(fd, &f, sizeof f) != (ssize_t)sizeof f) {
        close(fd);
        return -1;
    }
    return close(fd);
}

static __attribute__((noinline)) pid_t start(const char *path, int vf)
{
    char *const av[] = {(char *)path, "--exit", 0};
    char *const ev[] = {0};
    pid_t pid = vf ? vfork() : fork();

    if (pid == 0) {
        execve(path, av, ev);
        _exit(77);
    }
    return pid;
}

static double spawn(long n, const char *path, int vf)
{
    int64_t t = now();

    for (long i = 0; i < n; i++) {
        pid_t pid = start(path, vf);

        if (pid < 0) FAIL("fork");
        if (waitok(pid) != 0) FAIL("exec");
    }
    return now() - t;
}

static double b_exec_tiny(long n)
{
    if (make_tiny()) FAIL("tiny program");
    return spawn(n, tiny_path, 0);
}

static double b_vexec_tiny(long n)
{
    if (make_tiny()) FAIL("tiny program");
    return spawn(n, tiny_path, 1);
}

static double b_exec_self(long n) { return spawn(n, self_path, 0); }

/* ------------------------------------------------ switching ------------- */

static double pingpong(long n, int pinned)
{
    int a[2], b[2];
    char c = 0;
    pid_t pid;

    if (pinned) pin(0);
    if (pipe(a) || pipe(b)) FAIL("pipe");
    pid = fork();
    if (pid < 0) FAIL("fork");
    if (pid == 0) {
        close(a[1]);
        close(b[0]);
        while (read(a[0], &c, 1) == 1)
            if (write(b[1], &c, 1) != 1) _exit(1);
        _exit(0);
    }
    close(a[0]);
    close(b[1]);
    for (int i = 0; i < 16; i++)
        if (write(a[1], &c, 1) != 1 || read(b[0], &c, 1) != 1) FAIL("pipe io");
    int64_t t = now();
    for (long i = 0; i < n; i++)
        if (write(a[1], &c, 1) != 1 || read(b[0], &c, 1) != 1) FAIL("pipe io");
    t = now() - t;
    close(a[1]);
    close(b[0]);
    waitok(pid);
    return t;
}

static double b_pipe(long n) { return pingpong(n, 0); }
static double b_pipe0(long n) { return pingpong(n, 1); }

/* Two processes on hart 0 that do nothing but yield; per yield of either. */
static double b_yield(long n)
{
    struct {
        volatile long stop, go, count;
    } *s = shared(PG);
    struct rusage r0, r1;
    long c0, c1;
    pid_t pid;

    if (!s) FAIL("mmap");
    pin(0);
    pid = fork();
    if (pid < 0) FAIL("fork");
    if (pid == 0) {
        s->go = 1;
        while (!s->stop) {
            syscall(SYS_sched_yield);
            s->count++;
        }
        _exit(0);
    }
    while (!s->go)
        syscall(SYS_sched_yield);
    for (int i = 0; i < 64; i++)
        syscall(SYS_sched_yield);
    getrusage(RUSAGE_SELF, &r0);
    c0 = s->count;
    int64_t t = now();
    for (long i = 0; i < n; i++)
        syscall(SYS_sched_yield);
    t = now() - t;
    c1 = s->count;
    getrusage(RUSAGE_SELF, &r1);
    s->stop = 1;
    waitok(pid);
    munmap(s, PG);
    if (opt_verbose)
        printf("# yield: %ld by parent, %ld by child, parent left the hart %ld times\n",
               n, c1 - c0, r1.ru_nvcsw + r1.ru_nivcsw - r0.ru_nvcsw - r0.ru_nivcsw);
    return (double)t * n / (n + (c1 - c0));
}

/* ------------------------------------------------ signals --------------- */

static volatile sig_atomic_t got;
static void on_sig(int s)
{
    (void)s;
    got++;
}

static double b_sig_install(long n)
{
    struct sigaction sa;

    memset(&sa, 0, sizeof sa);
    sa.sa_handler = on_sig;
    int64_t t = now();
    for (long i = 0; i < n; i++)
        if (sigaction(SIGUSR1, &sa, 0)) FAIL("sigaction");
    return now() - t;
}

static double b_sig_deliver(long n)
{
    struct sigaction sa;
    pid_t me = getpid();

    memset(&sa, 0, sizeof sa);
    sa.sa_handler = on_sig;
    if (sigaction(SIGUSR1, &sa, 0)) FAIL("sigaction");
    got = 0;
    int64_t t = now();
    for (long i = 0; i < n; i++)
        kill(me, SIGUSR1);
    t = now() - t;
    if (got != n) FAIL("signals lost");
    return t;
}

static char *segv_page;
static void on_segv(int s)
{
    (void)s;
    got++;
    if (got > 100000000 || mprotect(segv_page, PG, PROT_READ | PROT_WRITE)) _exit(9);
}

/* Write a read-only page, let the handler open it, close it again. */
static double b_sig_segv(long n)
{
    struct sigaction sa;

    segv_page = anon(PG);
    if (!segv_page) FAIL("mmap");
    *segv_page = 1;
    memset(&sa, 0, sizeof sa);
    sa.sa_handler = on_segv;
    if (sigaction(SIGSEGV, &sa, 0)) FAIL("sigaction");
    got = 0;
    int64_t t = now();
    for (long i = 0; i < n; i++) {
        if (mprotect(segv_page, PG, PROT_READ)) FAIL("mprotect");
        *(vu8 *)segv_page = 2;
    }
    t = now() - t;
    signal(SIGSEGV, SIG_DFL);
    munmap(segv_page, PG);
    if (got != n) FAIL("faults lost");
    return t;
}

/* ------------------------------------------------ threads --------------- */

static void *thr_nop(void *a) { return a; }

static double b_thread(long n)
{
    int64_t t = now();

    for (long i = 0; i < n; i++) {
        pthread_t th;

        if (pthread_create(&th, 0, thr_nop, 0)) FAIL("pthread_create");
        pthread_join(th, 0);
    }
    return now() - t;
}

static int turn;
static long futex_n;

static void futex_take(int me)
{
    while (__atomic_load_n(&turn, __ATOMIC_ACQUIRE) != me)
        syscall(SYS_futex, &turn, FUTEX_WAIT_PRIVATE, !me, 0, 0, 0);
}

static void futex_give(int other)
{
    __atomic_store_n(&turn, other, __ATOMIC_RELEASE);
    syscall(SYS_futex, &turn, FUTEX_WAKE_PRIVATE, 1, 0, 0, 0);
}

static void *thr_futex(void *a)
{
    for (long i = 0; i < futex_n; i++) {
        futex_take(1);
        futex_give(0);
    }
    return a;
}

static double b_futex(long n)
{
    pthread_t th;

    turn = 0;
    futex_n = n + 16;
    if (pthread_create(&th, 0, thr_futex, 0)) FAIL("pthread_create");
    for (int i = 0; i < 16; i++) {
        futex_give(1);
        futex_take(0);
    }
    int64_t t = now();
    for (long i = 0; i < n; i++) {
        futex_give(1);
        futex_take(0);
    }
    t = now() - t;
    pthread_join(th, 0);
    return t;
}

static double b_futex_wake0(long n)
{
    int w = 0;
    int64_t t = now();

    for (long i = 0; i < n; i++)
        syscall(SYS_futex, &w, FUTEX_WAKE_PRIVATE, 1, 0, 0, 0);
    return now() - t;
}

/* ------------------------------------------------ memory ---------------- */

static double b_memcpy(long n)
{
    char *a = anon(MB), *b = anon(MB);

    if (!a || !b) FAIL("mmap");
    touch(a, MB);
    touch(b, MB);
    int64_t t = now();
    for (long i = 0; i < n; i++) {
        memcpy(a, b, MB);
        __asm__ volatile("" : : "r"(a), "r"(b) : "memory");
    }
    t = now() - t;
    munmap(a, MB);
    munmap(b, MB);
    return t;
}

/* Walk 64 MiB of touched memory a page at a time: address translation. */
static double b_tlbwalk(long n)
{
    char *p = anon(BIG);

    if (!p) FAIL("mmap 64 MiB");
    touch(p, BIG);
    int64_t t = now();
    for (long k = 0; k < n / (long)BIGP; k++)
        peek(p, BIG, PG);
    t = now() - t;
    munmap(p, BIG);
    return t;
}

/* ------------------------------------------------ parallel -------------- */

enum { P_SPIN, P_THR, P_ONE, P_APART, P_PROC, P_MMAP, P_FIXED, P_MPROT, P_FORK, P_NULL };

struct par {
    int what, threads;
    long rounds;
    char *mapping, *region; /* of those that work side by side in one mapping */
    long mapped, apart;
    volatile int *ready, *go;
    int failed;
};
struct pararg {
    struct par *p;
    int id;
};
static int ncpu = 1;

#define PARLEN (256 * PG)
#define LEAF   (512 * PG) /* what one table of the last level maps */

/* Tells a plugin of QEMU that from here on, or to here, it is the work that counts: a
 * hint, which means nothing to the hart (slti zero, zero, 0x51b or 0x51e). */
#if defined(__riscv)
#define MARK_BEGIN() __asm__ volatile(".4byte 0x51b02013" ::: "memory")
#define MARK_END()   __asm__ volatile(".4byte 0x51e02013" ::: "memory")
#else
#define MARK_BEGIN() (void)0
#define MARK_END()   (void)0
#endif

static int par_rounds(struct par *q, int id)
{
    for (long r = 0; r < q->rounds; r++) {
        void *p;

        switch (q->what) {
        case P_SPIN:
            for (volatile long i = 0; i < 100000; i++)
                ;
            break;
        case P_THR:
        case P_PROC:
            if (!(p = anon(PARLEN))) return -1;
            touch(p, PARLEN);
            munmap(p, PARLEN);
            break;
        case P_ONE:
            p = q->region + id * q->apart;
            touch(p, PARLEN);
            if (madvise(p, PARLEN, MADV_DONTNEED)) return -1;
            break;
        case P_APART:
            touch(q->region + id * q->apart + r * LEAF, LEAF);
            break;
        case P_MMAP:
            p = mmap(0, PG, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
            if (p == MAP_FAILED) return -1;
            munmap(p, PG);
            break;
        case P_FIXED:
            p = q->region + id * q->apart;
            if (mmap(p, PG, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != p)
                return -1;
            *(vu8 *)p = 1;
            munmap(p, PG);
            break;
        case P_MPROT:
            p = q->region + id * q->apart;
            if (mprotect(p, PG, r & 1 ? PROT_READ | PROT_WRITE : PROT_READ)) return -1;
            break;
        case P_FORK: {
            pid_t pid = fork();

            if (pid == 0) _exit(0);
            if (pid < 0 || waitok(pid)) return -1;
            break;
        }
        case P_NULL:
            for (int i = 0; i < 1000; i++)
                syscall(SYS_getppid);
            break;
        }
    }
    return 0;
}

static int par_body(struct par *q, int id)
{
    MARK_BEGIN();
    int failed = par_rounds(q, id);
    MARK_END();
    return failed;
}

/* Room for each worker; the first begins where a table of the last level does. */
static int par_region(struct par *q)
{
    q->apart = PARLEN;
    if (q->what == P_APART) q->apart = q->rounds * LEAF;
    if (q->what == P_FIXED) q->apart = LEAF;
    q->mapped = q->threads * q->apart + LEAF;
    q->mapping = anon(q->mapped);
    if (!q->mapping) return -1;
    q->region = q->mapping + -(uintptr_t)q->mapping % LEAF;
    if (q->what == P_MPROT) touch(q->region, q->threads * q->apart);
    return 0;
}

static void par_wait(struct par *q, int id)
{
    pin(id % ncpu);
    __atomic_add_fetch((int *)q->ready, 1, __ATOMIC_ACQ_REL);
    while (!__atomic_load_n((int *)q->go, __ATOMIC_ACQUIRE))
        syscall(SYS_sched_yield);
}

static void *par_thread(void *a)
{
    struct pararg *x = a;

    par_wait(x->p, x->id);
    if (par_body(x->p, x->id)) x->p->failed = 1;
    return 0;
}

/* Time for all T workers to do their rounds. */
static double par_run(int what, int T, long rounds)
{
    int *sync = shared(PG);
    struct par q = {.what = what, .threads = T, .rounds = rounds};
    struct pararg arg[64];
    pthread_t th[64];
    pid_t pid[64];
    int procs = what == P_PROC || what == P_FORK;
    int64_t t;

    if (!sync || T > 64) FAIL("mmap");
    q.ready = &sync[0];
    q.go = &sync[64];
    if (what == P_ONE || what == P_APART || what == P_FIXED || what == P_MPROT)
        if (par_region(&q)) FAIL("mmap");
    for (int i = 0; i < T; i++) {
        arg[i].p = &q;
        arg[i].id = i;
        if (procs) {
            pid[i] = fork();
            if (pid[i] < 0) FAIL("fork");
            if (pid[i] == 0) {
                par_wait(&q, i);
                _exit(par_body(&q, i) ? 1 : 0);
            }
        } else if (pthread_create(&th[i], 0, par_thread, &arg[i]))
            FAIL("pthread_create");
    }
    while (__atomic_load_n((int *)q.ready, __ATOMIC_ACQUIRE) < T)
        syscall(SYS_sched_yield);
    t = now();
    __atomic_store_n((int *)q.go, 1, __ATOMIC_RELEASE);
    for (int i = 0; i < T; i++) {
        if (procs) {
            if (waitok(pid[i])) q.failed = 1;
        } else
            pthread_join(th[i], 0);
    }
    t = now() - t;
    if (q.mapping) munmap(q.mapping, q.mapped);
    munmap(sync, PG);
    if (q.failed) FAIL("worker failed");
    return t;
}

/* ------------------------------------------------ the table ------------- */

static const struct bench {
    const char *name;
    double (*fn)(long);
    long n;    /* operations per repetition */
    long gran; /* n is always a multiple of this */
} table[] = {
    {"spin_4insn", b_spin, 1000000, 1},
    {"null_syscall", b_null, 20000, 1},
    {"read_zero_1b", b_read, 10000, 1},
    {"write_null_1b", b_write, 10000, 1},
    {"clock_gettime_sys", b_clock_sys, 10000, 1},
    {"clock_gettime_libc", b_clock_libc, 10000, 1},
    {"open_close", b_openclose, 4000, 1},
    {"mmap_munmap_1p", b_mmap_munmap, 4000, 1},
    {"mmap_touch_munmap_1p", b_mmap_touch_munmap, 4000, 1},
    {"touch_dontneed_1p", b_refault, 4000, 1},
    {"anon_fault_64m", b_touch64, BIGP, BIGP},
    {"anon_fault_64m_thp", b_touch64thp, BIGP, BIGP},
    {"anon_read_fault_64m", b_read64, BIGP, BIGP},
    {"munmap_64m", b_unmap64, BIGP, BIGP},
    {"dontneed_64m", b_dontneed64, BIGP, BIGP},
    {"mprotect_1p", b_mprot1, 4000, 1},
    {"mprotect_256p", b_mprot256, 1000, 1},
    {"mprotect_rewrite_256p", b_mprot_refault, 256 * 40, 256},
    {"vma_1000", b_vma1000, 4000, 1000},
    {"brk_64k", b_brk, 4000, 1},
    {"brk_64k_touch", b_brk_touch, 1000, 1},
    {"mremap_grow_16p", b_mremap_grow, 4000, 1},
    {"mremap_move_256p", b_mremap_move, 256 * 100, 256},
    {"file_fault_seq", b_file_seq, FILEP * 4, FILEP},
    {"file_fault_sparse", b_file_sparse, FILEP / 4, FILEP / 16},
    {"file_fault_cow", b_file_cow, FILEP, FILEP},
    {"file_fault_write", b_file_wr, FILEP, FILEP},
    {"pread_4k_cached", b_file_read, FILEP, FILEP},
    {"fork_exit_wait", b_fork, 200, 1},
    {"fork_exit_wait_64m", b_fork64, 10, 1},
    {"cow_fault", b_cow, BIGP, BIGP},
    {"cow_reuse_fault", b_cow_reuse, BIGP, BIGP},
    {"cow_child_read", b_cow_read, BIGP, BIGP},
    {"fork_exec_tiny", b_exec_tiny, 100, 1},
    {"vfork_exec_tiny", b_vexec_tiny, 100, 1},
    {"fork_exec_self", b_exec_self, 100, 1},
    {"pipe_pingpong", b_pipe, 4000, 1},
    {"pipe_pingpong_pin", b_pipe0, 4000, 1},
    {"yield_2proc", b_yield, 8000, 1},
    {"sig_install", b_sig_install, 10000, 1},
    {"sig_deliver", b_sig_deliver, 4000, 1},
    {"sig_segv_fixup", b_sig_segv, 2000, 1},
    {"thread_create_join", b_thread, 500, 1},
    {"futex_wake_none", b_futex_wake0, 10000, 1},
    {"futex_pingpong", b_futex, 4000, 1},
    {"memcpy_1m", b_memcpy, 16, 1},
    {"page_stride_64m", b_tlbwalk, BIGP * 4, BIGP},
};
#define NBENCH (sizeof table / sizeof table[0])

static const struct parbench {
    const char *name;
    int what;
    long rounds;
    double ops; /* per worker per round */
    const char *unit;
} partable[] = {
    {"par_spin", P_SPIN, 500, 100000, "loop/s"},
    {"par_null", P_NULL, 20, 1000, "op/s"},
    {"par_fault_thr", P_THR, 40, 256, "page/s"},
    {"par_fault_onemap", P_ONE, 40, 256, "page/s"},
    {"par_fault_apart", P_APART, 16, 512, "page/s"},
    {"par_fault_proc", P_PROC, 40, 256, "page/s"},
    {"par_mmap_thr", P_MMAP, 4000, 1, "op/s"},
    {"par_map_apart", P_FIXED, 4000, 1, "op/s"},
    {"par_mprotect_thr", P_MPROT, 4000, 1, "op/s"},
    {"par_fork_proc", P_FORK, 50, 1, "op/s"},
};
#define NPAR (sizeof partable / sizeof partable[0])

static int cmpd(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return x < y ? -1 : x > y;
}

static int matches(const char *list, const char *name)
{
    while (list && *list) {
        size_t l = strcspn(list, ",");

        if (l && !strncmp(list, name, l)) return 1;
        list += l + (list[l] == ',');
    }
    return 0;
}

static void emit(const char *name, const char *unit, double *v, long n)
{
    qsort(v, n, sizeof *v, cmpd);
    printf("%-24s %12.1f %s", name, v[n / 2], unit);
    if (opt_verbose) printf("  %.1f %.1f", v[0], v[n - 1]);
    printf("\n");
}

static void one(const struct bench *b)
{
    double v[64];
    long n = b->n / opt_scale / b->gran * b->gran;

    if (n < b->gran) n = b->gran;
    for (long r = -1; r < opt_reps; r++) {
        double t = b->fn(n);

        if (t < 0) {
            printf("%-24s n/a %s: %s\n", b->name, why, strerror(errno));
            return;
        }
        if (r >= 0) v[r] = t / n;
    }
    emit(b->name, "ns", v, opt_reps);
}

static void onepar(const struct parbench *b, int T)
{
    double v[64];
    char name[64];
    long n = b->rounds / opt_scale;

    if (n < 4) n = 4;
    snprintf(name, sizeof name, "%s_%d", b->name, T);
    for (long r = -1; r < opt_reps; r++) {
        double t = par_run(b->what, T, n);

        if (t < 0) {
            printf("%-24s n/a %s: %s\n", name, why, strerror(errno));
            return;
        }
        if (r >= 0) v[r] = b->ops * n * T * 1e9 / (t > 0 ? t : 1);
    }
    emit(name, b->unit, v, opt_reps);
}

static void isolated(const struct bench *b, const struct parbench *p, int T)
{
    int st;
    pid_t pid;

    fflush(stdout);
    if (!opt_isolate) {
        if (b)
            one(b);
        else
            onepar(p, T);
        return;
    }
    pid = fork();
    if (pid == 0) {
        if (b)
            one(b);
        else
            onepar(p, T);
        fflush(stdout);
        _exit(0);
    }
    if (pid < 0) {
        printf("%s n/a fork\n", b ? b->name : p->name);
        return;
    }
    while (waitpid(pid, &st, 0) < 0 && errno == EINTR)
        ;
    if (!WIFEXITED(st)) printf("%s n/a signal %d\n", b ? b->name : p->name, WTERMSIG(st));
}

/* Does the user-mode counter CSR work, and is it the same in two runs? */
#if defined(__riscv)
static sigjmp_buf ill;
static void on_ill(int s)
{
    (void)s;
    siglongjmp(ill, 1);
}
#endif

static void counters(void)
{
#if defined(__riscv)
    unsigned long a, b;

    signal(SIGILL, on_ill);
#define CSR(name, loop)                                             \
    if (sigsetjmp(ill, 1))                                          \
        printf("# " name ": traps\n");                              \
    else {                                                          \
        __asm__ volatile(name " %0\n\t" loop name " %1"             \
                         : "=r"(a), "=r"(b)                         \
                         :                                          \
                         : "memory");                               \
        printf("# " name ": %lu -> %lu, %lu apart\n", a, b, b - a); \
    }
    CSR("rdtime", "")
    CSR("rdcycle", "")
    CSR("rdinstret", "")
    CSR("rdinstret", "nop\n\t nop\n\t nop\n\t nop\n\t nop\n\t nop\n\t nop\n\t nop\n\t")
    signal(SIGILL, SIG_DFL);
#endif
}

int main(int argc, char **argv)
{
    const char *only = 0, *skip = 0;
    int c, list = 0;
    struct timespec res;

    if (argc > 1 && !strcmp(argv[1], "--exit")) return 0;
    self_path = argv[0];
    while ((c = getopt(argc, argv, "lb:x:r:s:j:d:iv")) != -1) {
        switch (c) {
        case 'l':
            list = 1;
            break;
        case 'b':
            only = optarg;
            break;
        case 'x':
            skip = optarg;
            break;
        case 'r':
            opt_reps = atol(optarg);
            break;
        case 's':
            opt_scale = atol(optarg);
            break;
        case 'j':
            opt_maxj = atol(optarg);
            break;
        case 'd':
            tmpdir = optarg;
            break;
        case 'i':
            opt_isolate = 0;
            break;
        case 'v':
            opt_verbose = 1;
            break;
        default:
            return 2;
        }
    }
    if (opt_reps < 1 || opt_reps > 64 || opt_scale < 1) return 2;
    ncpu = sysconf(_SC_NPROCESSORS_ONLN);
    if (ncpu < 1) ncpu = 1;
    if (opt_maxj <= 0) opt_maxj = ncpu;
    snprintf(tiny_path, sizeof tiny_path, "%s/vmbench.tiny", tmpdir);
    snprintf(data_path, sizeof data_path, "%s/vmbench.data", tmpdir);
    setvbuf(stdout, 0, _IOLBF, 0);

    if (!list) {
        int64_t t0 = now();

        clock_getres(CLOCK_MONOTONIC, &res);
        printf(
            "# vmbench 1: reps %ld, scale 1/%ld, threads up to %ld, clock res %ld ns\n",
            opt_reps, opt_scale, opt_maxj, (long)res.tv_nsec);
        printf("# start %lld ns\n", (long long)t0);
        counters();
    }
    for (unsigned i = 0; i < NBENCH; i++) {
        if ((only && !matches(only, table[i].name)) || matches(skip, table[i].name))
            continue;
        if (list)
            printf("%s\n", table[i].name);
        else
            isolated(&table[i], 0, 0);
    }
    for (unsigned i = 0; i < NPAR; i++) {
        for (int T = 1; T <= opt_maxj && T <= 64; T *= 2) {
            char name[64];

            snprintf(name, sizeof name, "%s_%d", partable[i].name, T);
            if ((only && !matches(only, name)) || matches(skip, name)) continue;
            if (list)
                printf("%s\n", name);
            else
                isolated(0, &partable[i], T);
        }
    }
    if (!list) {
        unlink(tiny_path);
        unlink(data_path);
        printf("# end %lld ns\n", (long long)now());
    }
    return 0;
}
