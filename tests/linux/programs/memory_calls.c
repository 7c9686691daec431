/*
 * The memory calls, row by row: what each answers, and what is then to be seen. Nothing printed
 * depends on the machine, the moment, or where mappings happen to be.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE 4096ul
#define RW   (PROT_READ | PROT_WRITE)
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)

static void say(const char *what, long value) { printf("%s: %ld\n", what, value); }

static void say_error(const char *what, long result)
{
    printf("%s: %s\n", what, result == -1 ? strerrorname_np(errno) : "ok");
}

static void say_map(const char *what, void *p)
{
    printf("%s: %s\n", what, p == MAP_FAILED ? strerrorname_np(errno) : "ok");
}

static char *must_map(size_t pages, int prot, int flags)
{
    char *p = mmap(NULL, pages * PAGE, prot, flags, -1, 0);

    if (p == MAP_FAILED) {
        perror("mmap");
        exit(1);
    }
    return p;
}

/* ---- Touching what may not be there. ---- */

static sigjmp_buf out;
static volatile int code;

static void caught(int number, siginfo_t *info, void *context)
{
    (void)context;
    code = number * 100 + info->si_code;
    siglongjmp(out, 1);
}

static void catch_faults(void)
{
    struct sigaction a = {.sa_sigaction = caught, .sa_flags = SA_SIGINFO};

    sigaction(SIGSEGV, &a, NULL);
    sigaction(SIGBUS, &a, NULL);
}

/* 0, or the signal and its code. */
static int touch(volatile char *p, int write)
{
    code = 0;
    if (sigsetjmp(out, 1) == 0) {
        if (write) {
            *p = 1;
        } else {
            (void)*p;
        }
    }
    return code;
}

static void say_touch(const char *what, volatile char *p, int write)
{
    int n = touch(p, write);
    const char *name = n == 0                             ? "ok"
                       : n == SIGSEGV * 100 + SEGV_MAPERR ? "MAPERR"
                       : n == SIGSEGV * 100 + SEGV_ACCERR ? "ACCERR"
                       : n == SIGBUS * 100 + BUS_ADRERR   ? "SIGBUS"
                                                          : "?";

    printf("%s: %s\n", what, name);
}

/* ---- mmap, munmap. ---- */

static void map_arguments(void)
{
    char *p = must_map(4, RW, ANON);

    say_map("mmap of nothing", mmap(NULL, 0, RW, ANON, -1, 0));
    say_map("mmap of all", mmap(NULL, ~0ul, RW, ANON, -1, 0));
    say_map("mmap of more than there are addresses",
            mmap(NULL, 1ul << 60, RW, ANON, -1, 0));
    say_map("mmap without type", mmap(NULL, PAGE, RW, MAP_ANONYMOUS, -1, 0));
    say_map("mmap of both types, anonymous",
            mmap(NULL, PAGE, RW, MAP_ANONYMOUS | 3, -1, 0));
    say_map("mmap at an odd address", mmap(p + 1, PAGE, RW, ANON | MAP_FIXED, -1, 0));
    say_map("mmap at the end", mmap((void *)-PAGE, PAGE, RW, ANON | MAP_FIXED, -1, 0));
    say_map("mmap of an odd offset", mmap(NULL, PAGE, RW, MAP_PRIVATE, 0, 1));
    say_map("mmap of no file", mmap(NULL, PAGE, RW, MAP_PRIVATE, -1, 0));
    say_map("mmap of no file, no length", mmap(NULL, 0, RW, MAP_PRIVATE, -1, 0));
    say_map("mmap of huge pages", mmap(NULL, 2 << 20, RW, ANON | MAP_HUGETLB, -1, 0));
    say_map("noreplace over something",
            mmap(p, PAGE, RW, ANON | MAP_FIXED_NOREPLACE, -1, 0));
    say("a hint that is taken is left", mmap(p, PAGE, RW, ANON, -1, 0) != p);
    munmap(p + PAGE, PAGE);
    say("a hint that is free is taken",
        mmap(p + PAGE, PAGE, RW, ANON, -1, 0) == p + PAGE);
    munmap(p + PAGE, PAGE);
    say("a hint is rounded", mmap(p + PAGE + 5, PAGE, RW, ANON, -1, 0) == p + PAGE);
    say("noreplace where it is free",
        (munmap(p, PAGE), mmap(p, PAGE, RW, ANON | MAP_FIXED_NOREPLACE, -1, 0)) == p);
    p[2 * PAGE] = 7;
    say("fixed", mmap(p + 2 * PAGE, PAGE, RW, ANON | MAP_FIXED, -1, 0) == p + 2 * PAGE);
    say("and what was there is gone", p[2 * PAGE]);
    say_error("munmap of nothing", munmap(p, 0));
    say_error("munmap of an odd address", munmap(p + 1, PAGE));
    say_error("munmap of an odd length", munmap(p, 1));
    say_error("munmap of a hole", munmap(p, PAGE));
    say_error("munmap behind the end", munmap((void *)-PAGE, PAGE));
    say_error("munmap", munmap(p, 4 * PAGE));
}

static void map_protections(void)
{
    char *p = must_map(3, RW, ANON);

    p[0] = 'x';
    say_touch("write to what can be written", p, 1);
    say_error("mprotect to read", mprotect(p, PAGE, PROT_READ));
    say_touch("read", p, 0);
    say_touch("write", p, 1);
    say_error("mprotect to none", mprotect(p, PAGE, PROT_NONE));
    say_touch("read of none", p, 0);
    say_error("mprotect back", mprotect(p, PAGE, RW));
    say("what was there", p[0]);
    say_error("mprotect of nothing", mprotect(p, 0, RW));
    say_error("mprotect of an odd address", mprotect(p + 1, PAGE, RW));
    say_error("mprotect of an odd length", mprotect(p, 1, RW));
    say_error("mprotect to what there is not", mprotect(p, PAGE, 0x100));
    say_error("mprotect both ways",
              mprotect(p, PAGE, PROT_READ | PROT_GROWSDOWN | PROT_GROWSUP));
    say_error("mprotect of no stack", mprotect(p, PAGE, PROT_READ | PROT_GROWSDOWN));
    munmap(p + PAGE, PAGE);
    say_error("mprotect over a hole", mprotect(p, 3 * PAGE, PROT_READ));
    say_touch("before the hole it was done", p, 1);
    say_touch("behind it not", p + 2 * PAGE, 1);
    say_touch("the hole", p + PAGE, 0);
    say_error("mprotect of a hole", mprotect(p + PAGE, PAGE, PROT_READ));
    say_error("mprotect that wraps", mprotect(p, -PAGE, PROT_READ));
    munmap(p, 3 * PAGE);
    p = must_map(1, PROT_WRITE, ANON);
    say_touch("write only: write", p, 1);
    munmap(p, PAGE);
    say_touch("what is gone", p, 0);
}

static void reservations(void)
{
    size_t size = 200ul << 30;
    char *p = mmap(NULL, size, PROT_NONE, ANON | MAP_NORESERVE, -1, 0);

    say_map("200 GiB for nothing", p);
    say_error("the middle of it", mprotect(p + (100ul << 30), 1 << 20, RW));
    say_touch("can be written", p + (100ul << 30) + 4096, 1);
    say_touch("and beside it not", p + (100ul << 30) - 1, 1);
    say_error("all of it goes", munmap(p, size));
    p = mmap(NULL, size, RW, ANON | MAP_NORESERVE, -1, 0);
    say_map("200 GiB to write, without reserve", p);
    say_touch("its end", p + size - 1, 1);
    say_error("all of it goes", munmap(p, size));
}

/* ---- Files. ---- */

static int make_file(const char *name, int pages)
{
    int fd = open(name, O_RDWR | O_CREAT | O_TRUNC, 0644);
    char page[PAGE];

    for (int i = 0; i < pages; i++) {
        memset(page, 'a' + i, sizeof(page));
        if (write(fd, page, sizeof(page)) != (long)sizeof(page)) exit(1);
    }
    return fd;
}

static void map_files(void)
{
    int fd = make_file("file", 3), ro = open("file", O_RDONLY),
        wo = open("file", O_WRONLY);
    int pipes[2], dir = open(".", O_RDONLY);
    char byte;

    if (pipe(pipes)) exit(1);
    char *shared = mmap(NULL, 3 * PAGE, RW, MAP_SHARED, fd, 0);
    char *own = mmap(NULL, 3 * PAGE, RW, MAP_PRIVATE, fd, 0);
    char *second = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, PAGE);
    say("private", own[2 * PAGE]);
    say("from an offset", second[0]);
    own[0] = 'X';
    say("a private store stays private", shared[0]);
    shared[0] = 'S';
    shared[PAGE] = 'T';
    say("a shared one is seen by read", pread(fd, &byte, 1, 0) == 1 ? byte : -1);
    say("and by others who have no copy", second[0]);
    say("but not by who has", own[0]);
    say_error("msync", msync(shared, 3 * PAGE, MS_SYNC));
    say_error("DONTNEED of a private copy", madvise(own, PAGE, MADV_DONTNEED));
    say("the file's byte is back", own[0]);
    say_error("truncate", ftruncate(fd, PAGE));
    say_touch("behind the end of the file", shared + PAGE, 0);
    say_touch("private, too", own + 2 * PAGE, 0);
    say_touch("within", shared, 0);
    say_error("grown", ftruncate(fd, 3 * PAGE));
    say("zeros", shared[PAGE]);

    say_map("shared and written, of what is read only",
            mmap(NULL, PAGE, RW, MAP_SHARED, ro, 0));
    say_map("private and written", mmap(NULL, PAGE, RW, MAP_PRIVATE, ro, 0));
    char *r = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, ro, 0);
    say_error("mprotect to write it", mprotect(r, PAGE, RW));
    say_map("of what is write only", mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, wo, 0));
    say_map("of a pipe", mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, pipes[0], 0));
    say_map("of a directory", mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, dir, 0));
    say_map("of no type", mmap(NULL, PAGE, PROT_READ, 0, fd, 0));
    say_map("validated", mmap(NULL, PAGE, PROT_READ, MAP_SHARED_VALIDATE, fd, 0));
    say_map("validated with what there is not",
            mmap(NULL, PAGE, PROT_READ, MAP_SHARED_VALIDATE | 0x800000, fd, 0));
    say_map("an offset too large",
            mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, INT64_MAX - 4095));
    say_map("growing down",
            mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_GROWSDOWN, fd, 0));
    say_map("huge", mmap(NULL, 2 << 20, PROT_READ, MAP_PRIVATE | MAP_HUGETLB, fd, 0));
    char *populated = mmap(NULL, 2 * PAGE, PROT_READ, MAP_SHARED | MAP_POPULATE, fd, 0);
    unsigned char in[2] = {0, 0};
    say_error("mincore", mincore(populated, 2 * PAGE, in));
    say("populated", (in[0] & 1) + (in[1] & 1));
    close(fd);
    say("without its descriptor", shared[0]);
    unlink("file");
}

static void shared_with_children(void)
{
    int *shared = (int *)must_map(1, RW, MAP_SHARED | MAP_ANONYMOUS);
    int *own = (int *)must_map(1, RW, ANON);
    int status;

    *shared = *own = 1;
    if (fork() == 0) {
        *shared = 2;
        *own = 2;
        _exit(0);
    }
    wait(&status);
    say("shared", *shared);
    say("private", *own);
    say_map("shared that grows down",
            mmap(NULL, PAGE, RW, MAP_SHARED | MAP_ANONYMOUS | MAP_GROWSDOWN, -1, 0));
}

/* ---- madvise, msync, mincore, mlock. ---- */

static void advice(void)
{
    char *p = must_map(4, RW, ANON);
    char *shared = must_map(2, RW, MAP_SHARED | MAP_ANONYMOUS);
    int status;

    memset(p, 1, 4 * PAGE);
    memset(shared, 5, 2 * PAGE);
    say_error("unknown", madvise(p, PAGE, 77));
    say_error("of an odd address", madvise(p + 1, PAGE, MADV_DONTNEED));
    say_error("of nothing", madvise(p, 0, MADV_DONTNEED));
    say_error("that wraps", madvise(p, ~0ul, MADV_DONTNEED));
    say_error("DONTNEED", madvise(p, PAGE, MADV_DONTNEED));
    say("zero", p[0]);
    say_error("DONTNEED of shared memory", madvise(shared, PAGE, MADV_DONTNEED));
    say("is still there", shared[0]);
    munmap(p + PAGE, PAGE);
    say_error("over a hole", madvise(p, 4 * PAGE, MADV_DONTNEED));
    say("behind it it was done", p[3 * PAGE]);
    say_error("FREE", madvise(p, PAGE, MADV_FREE));
    say_error("FREE of shared memory", madvise(shared, PAGE, MADV_FREE));
    say_error("REMOVE of private memory", madvise(p, PAGE, MADV_REMOVE));
    say_error("REMOVE of shared memory", madvise(shared, PAGE, MADV_REMOVE));
    say("zero", shared[0]);
    say("and the next is as it was", shared[PAGE]);
    static const int harmless[] = {MADV_NORMAL,   MADV_RANDOM,    MADV_SEQUENTIAL,
                                   MADV_WILLNEED, MADV_COLD,      MADV_PAGEOUT,
                                   MADV_DONTDUMP, MADV_DODUMP,    MADV_DOFORK,
                                   MADV_HUGEPAGE, MADV_NOHUGEPAGE};
    for (unsigned i = 0; i < sizeof(harmless) / sizeof(*harmless); i++) {
        say_error("harmless", madvise(p, PAGE, harmless[i]));
    }
    say_error("DONTFORK", madvise(p, PAGE, MADV_DONTFORK));
    p[2 * PAGE] = 9;
    say_error("WIPEONFORK", madvise(p + 2 * PAGE, PAGE, MADV_WIPEONFORK));
    say_error("WIPEONFORK of shared memory", madvise(shared, PAGE, MADV_WIPEONFORK));
    fflush(stdout);
    if (fork() == 0) {
        say_touch("in the child: not forked", p, 0);
        say("wiped", p[2 * PAGE]);
        fflush(stdout);
        _exit(0);
    }
    wait(&status);
    say("in the parent: not wiped", p[2 * PAGE]);
    say_error("POPULATE_WRITE", madvise(p + 2 * PAGE, 2 * PAGE, MADV_POPULATE_WRITE));
    say_error("POPULATE over a hole", madvise(p, 3 * PAGE, MADV_POPULATE_READ));
    mprotect(p + 3 * PAGE, PAGE, PROT_READ);
    say_error("POPULATE_WRITE of what is read only",
              madvise(p + 3 * PAGE, PAGE, MADV_POPULATE_WRITE));
}

static void residency(void)
{
    char *p = must_map(4, RW, ANON);
    unsigned char in[4];

    say_error("mincore of an odd address", mincore(p + 1, PAGE, in));
    say_error("mincore into nothing", mincore(p, PAGE, NULL));
    say_error("mincore of nothing", mincore(p, 0, in));
    p[PAGE] = 1;
    say_error("mincore", mincore(p, 4 * PAGE, in));
    printf("in core: %d%d%d%d\n", in[0] & 1, in[1] & 1, in[2] & 1, in[3] & 1);
    munmap(p + 2 * PAGE, PAGE);
    say_error("mincore over a hole", mincore(p, 4 * PAGE, in));
    say_error("msync over a hole", msync(p, 4 * PAGE, MS_SYNC));
    say_error("msync of all kinds", msync(p, PAGE, MS_SYNC | MS_ASYNC));
    say_error("msync of no kind", msync(p, PAGE, 0));
    say_error("msync of other kinds", msync(p, PAGE, 64));
    say_error("msync of an odd address", msync(p + 1, PAGE, MS_SYNC));
    say_error("msync", msync(p, 2 * PAGE, MS_ASYNC | MS_INVALIDATE));
}

static void locking(void)
{
    char *p = must_map(4, RW, ANON);
    unsigned char in[4];

    say_error("mlock", mlock(p + 1, 2 * PAGE));
    say_error("mincore", mincore(p, 4 * PAGE, in));
    printf("in core: %d%d%d%d\n", in[0] & 1, in[1] & 1, in[2] & 1, in[3] & 1);
    say_error("DONTNEED of locked memory", madvise(p, PAGE, MADV_DONTNEED));
    say_error("msync INVALIDATE of it", msync(p, PAGE, MS_INVALIDATE));
    say_error("munlock", munlock(p, 4 * PAGE));
    say_error("DONTNEED then", madvise(p, PAGE, MADV_DONTNEED));
    munmap(p + PAGE, PAGE);
    say_error("mlock over a hole", mlock(p, 3 * PAGE));
    say_error("before the hole it was done", madvise(p, PAGE, MADV_DONTNEED));
    say_error("munlock over a hole", munlock(p, 3 * PAGE));
    say_error("mlock of nothing", mlock(p, 0));
    p = must_map(1, RW, ANON);
    say_error("mlock2 on fault", syscall(SYS_mlock2, p, PAGE, 1));
    say_error("mincore", mincore(p, PAGE, in));
    say("on fault it is not there yet", in[0] & 1);
    say_error("mlock2 of what there is not", syscall(SYS_mlock2, p, PAGE, 2));
    say_error("mlockall of nothing", mlockall(0));
    say_error("mlockall on fault alone", mlockall(4));
    say_error("mlockall of later maps", mlockall(MCL_FUTURE));
    char *q = must_map(2, RW, ANON);
    say_error("mincore", mincore(q, 2 * PAGE, in));
    say("a later map is there", (in[0] & 1) + (in[1] & 1));
    say_error("munlockall", munlockall());
    say_error("it can go", madvise(q, PAGE, MADV_DONTNEED));
}

/* ---- mremap. ---- */

static void *remap(void *old, size_t from, size_t to, int flags, void *new)
{
    return (void *)syscall(SYS_mremap, old, from * PAGE, to * PAGE, flags, new);
}

static void moving(void)
{
    enum { MAY = MREMAP_MAYMOVE, FIX = MREMAP_FIXED, KEEP = 4 };
    char *p = must_map(16, RW, ANON), *place = must_map(16, RW, ANON), *q;

    for (int i = 0; i < 16; i++) {
        p[i * (long)PAGE] = (char)i;
    }
    say("the same", remap(p, 16, 16, 0, NULL) == p);
    say("smaller", remap(p, 16, 8, 0, NULL) == p);
    say_touch("and the rest is gone", p + 8 * PAGE, 0);
    say("larger, in place", remap(p, 8, 10, 0, NULL) == p);
    say("zeros come", p[8 * PAGE]);
    mmap(p + 10 * PAGE, PAGE, PROT_READ, ANON | MAP_FIXED, -1, 0);
    say_map("larger, no room", remap(p, 10, 12, 0, NULL));
    q = remap(p, 10, 12, MAY, NULL);
    say("larger, moved", q != p && q != MAP_FAILED);
    say("what was there", q[7 * PAGE]);
    say_touch("the old place is empty", p, 0);
    p = remap(q, 12, 6, MAY | FIX, place);
    say("to a place, smaller", p == place);
    say("what was there", p[5 * PAGE]);
    say_touch("what lies behind stays", place + 6 * PAGE, 0);
    munmap(place + 8 * PAGE, 8 * PAGE);
    say_map("onto itself", remap(p, 4, 4, MAY | FIX, p + PAGE));
    say_map("to an odd place", remap(p, 4, 4, MAY | FIX, p + 64 * PAGE + 1));
    say_map("fixed without moving", remap(p, 4, 4, FIX, p + 64 * PAGE));
    say_map("other flags", remap(p, 4, 4, 64, NULL));
    say_map("of an odd address", remap(p + 1, 4, 4, 0, NULL));
    say_map("to nothing", remap(p, 4, 0, 0, NULL));
    say_map("of nothing", remap(p, 0, 4, MAY, NULL));
    say_map("of what is not there", remap(place + 8 * PAGE, 2, 3, MAY, NULL));
    say_map("of what is not there, the same", remap(place + 8 * PAGE, 2, 2, 0, NULL));
    mprotect(p + 2 * PAGE, PAGE, PROT_READ);
    say_map("of two", remap(p, 6, 8, MAY, NULL));
    mprotect(p + 2 * PAGE, PAGE, RW);
    q = remap(p, 6, 6, MAY | KEEP, NULL);
    say("and something stays", q != p && q != MAP_FAILED);
    say("moved", q[5 * PAGE]);
    say("stayed, empty", p[5 * PAGE]);
    say_map("something stays, another size", remap(p, 6, 7, MAY | KEEP, NULL));

    char *shared = must_map(2, RW, MAP_SHARED | MAP_ANONYMOUS);
    shared[PAGE] = 3;
    q = remap(shared, 0, 2, MAY, NULL);
    say("a second view", q != MAP_FAILED && q[PAGE] == 3);
    q[0] = 4;
    say("of the same", shared[0]);
    say_touch("grown behind its end", (char *)remap(shared, 2, 3, MAY, NULL) + 2 * PAGE,
              0);
}

/* ---- The heap. ---- */

static void heap(void)
{
    char *start = (char *)syscall(SYS_brk, 0);

    say("up", (char *)syscall(SYS_brk, start + 5 * PAGE + 3) == start + 5 * PAGE + 3);
    say_touch("its last page", start + 5 * PAGE, 1);
    say("down", (char *)syscall(SYS_brk, start + PAGE) == start + PAGE);
    say_touch("is gone", start + 4 * PAGE, 1);
    say("below its start it stays", (char *)syscall(SYS_brk, 16) == start + PAGE);
    say("beyond all it stays", (char *)syscall(SYS_brk, -1l) == start + PAGE);
    struct rlimit limit, was;
    getrlimit(RLIMIT_DATA, &was);
    limit = was;
    limit.rlim_cur = 1 << 20;
    setrlimit(RLIMIT_DATA, &limit);
    say("beyond the limit it stays",
        (char *)syscall(SYS_brk, start + (64 << 20)) == start + PAGE);
    say_map("and so do mappings", mmap(NULL, 64 << 20, RW, ANON, -1, 0));
    say_map("but not to read", mmap(NULL, 64 << 20, PROT_READ, ANON, -1, 0));
    setrlimit(RLIMIT_DATA, &was);
    getrlimit(RLIMIT_AS, &was);
    limit = was;
    limit.rlim_cur = 1 << 20;
    setrlimit(RLIMIT_AS, &limit);
    say_map("addresses have a limit", mmap(NULL, 64 << 20, PROT_READ, ANON, -1, 0));
    setrlimit(RLIMIT_AS, &was);
}

static void growing_stacks(void)
{
    char *area = must_map(2048, PROT_NONE, ANON | MAP_NORESERVE);
    char *top = area + 2040 * PAGE;

    munmap(area, 2048 * PAGE);
    char *p = mmap(top, PAGE, RW, ANON | MAP_GROWSDOWN | MAP_FIXED, -1, 0);
    say("a stack", p == top);
    say_touch("just below", top - 8, 1);
    say_touch("further below", top - 20 * PAGE, 1);
    say_touch("far below", top - 200 * PAGE, 1);
    say("grown pages are written", top[-8]);
    say_error("all of it is read only",
              mprotect(top - 3 * PAGE, PAGE, PROT_READ | PROT_GROWSDOWN));
    say_touch("its lowest page", top - 200 * PAGE, 1);
    say_touch("its highest page", top, 1);
}

static void sealing(void)
{
    char *p = must_map(3, PROT_READ, ANON);
    long r = syscall(462, p, PAGE, 0);

    say_error("mseal of an odd address", syscall(462, p + 1, PAGE, 0));
    say_error("mseal with flags", syscall(462, p, PAGE, 1));
    say_error("mseal", r);
    say_error("munmap", munmap(p, 2 * PAGE));
    say_error("mprotect", mprotect(p, 3 * PAGE, RW));
    say_error("the rest is as it was", mprotect(p + PAGE, PAGE, RW));
    say_map("mmap over it", mmap(p, PAGE, RW, ANON | MAP_FIXED, -1, 0));
    say_map("mremap", remap(p, 1, 1, MREMAP_MAYMOVE | MREMAP_FIXED, p + 64 * PAGE));
    say_error("DONTNEED of what is read only", madvise(p, PAGE, MADV_DONTNEED));
    say_error("munmap of the others", munmap(p + PAGE, 2 * PAGE));
    munmap(p + PAGE, PAGE);
    say_error("mseal over a hole", syscall(462, p, 2 * PAGE, 0));
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*run)(void);
    } parts[] = {
        {"arguments", map_arguments},
        {"protections", map_protections},
        {"reservations", reservations},
        {"files", map_files},
        {"children", shared_with_children},
        {"advice", advice},
        {"residency", residency},
        {"locking", locking},
        {"moving", moving},
        {"heap", heap},
        {"stacks", growing_stacks},
        {"sealing", sealing},
    };

    catch_faults();
    for (unsigned i = 0; i < sizeof(parts) / sizeof(*parts); i++) {
        if (argc > 1 && strcmp(argv[1], parts[i].name)) continue;
        printf("-- %s\n", parts[i].name);
        fflush(stdout);
        parts[i].run();
    }
    return 0;
}
