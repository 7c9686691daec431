/*
 * Memory calls with arguments of all kinds, from several threads and processes at once, over memory
 * that others use, change and unmap at the same time. It prints nothing of what comes of it: the
 * kernel is to live on, and to give back what it gave.
 *
 *     memory_torture [SEED [ROUNDS]]
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { THREADS = 3, PROCESSES = 3, ARENA_PAGES = 1536 };
#define PAGE 4096ul

static char *arena; /* where it all happens */
static int file;
static int segment;
static unsigned rounds = 400;

static __thread uint64_t state;
static __thread sigjmp_buf out;
static __thread volatile int careful;

static uint64_t next(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}
static uint64_t below(uint64_t n) { return next() % n; }

static void caught(int number)
{
    (void)number;
    if (careful) siglongjmp(out, 1);
    _exit(1);
}

static char *place(void) { return arena + below(ARENA_PAGES) * PAGE; }

static size_t length(void)
{
    switch (below(8)) {
    case 0:
        return below(ARENA_PAGES) * PAGE;
    case 1:
        return 512 * PAGE;
    case 2:
        return below(3 * PAGE);
    default:
        return (1 + below(16)) * PAGE;
    }
}

/* What stays within the arena, mostly. */
static size_t length_at(const char *p)
{
    size_t len = length(), room = (size_t)(arena + ARENA_PAGES * PAGE - p);

    return len < room ? len : room;
}

static int protection(void)
{
    static const int all[] = {3, 3, 3, 1, 0, 2, 5, 7, 4};

    return all[below(sizeof(all) / sizeof(*all))];
}

static void map_something(void)
{
    char *p = place();
    size_t len = length_at(p);
    int flags = MAP_FIXED;

    switch (below(6)) {
    case 0:
        mmap(p, len, protection(), flags | MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        break;
    case 1:
        mmap(p, len, protection(), flags | MAP_PRIVATE, file, (long)(below(64) * PAGE));
        break;
    case 2:
        mmap(p, len, protection(), flags | MAP_SHARED, file, (long)(below(64) * PAGE));
        break;
    case 3:
        mmap(p, len, protection(), flags | MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1,
             0);
        break;
    case 4:
        mmap(p, len, protection(), flags | MAP_PRIVATE | MAP_ANONYMOUS | MAP_GROWSDOWN,
             -1, 0);
        break;
    default:
        mmap(p, len, protection(), flags | MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        break;
    }
}

static void touch_something(void)
{
    char *p = place();
    size_t n = 1 + below(40), step = below(3) ? PAGE : 64 * PAGE;

    careful = 1;
    if (sigsetjmp(out, 1) == 0) {
        for (size_t i = 0; i < n && p + i * step < arena + ARENA_PAGES * PAGE; i++) {
            volatile char *at = p + i * step + below(PAGE);
            if (below(2)) {
                *at = (char)next();
            } else {
                (void)*at;
            }
        }
    }
    careful = 0;
}

static void advise(void)
{
    static const int all[] = {0,  1,  2,  3,  4,  4,  8,  9,  10, 11,  12,  14, 15,
                              16, 17, 18, 19, 20, 21, 22, 23, 24, 102, 103, 77};
    char *p = place();

    madvise(p, length_at(p), all[below(sizeof(all) / sizeof(*all))]);
}

static void move_something(void)
{
    char *p = place(), *to = place();
    size_t old = length_at(p), new = length_at(to);

    switch (below(4)) {
    case 0:
        mremap(p, old, new, 0);
        break;
    case 1:
        mremap(p, old, old, MREMAP_MAYMOVE | 4 | MREMAP_FIXED, to);
        break;
    default:
        mremap(p, old, new, MREMAP_MAYMOVE | MREMAP_FIXED, to);
        break;
    }
}

static void lock_something(void)
{
    char *p = place();

    switch (below(4)) {
    case 0:
        mlock(p, length_at(p));
        break;
    case 1:
        syscall(SYS_mlock2, p, length_at(p), 1);
        break;
    case 2:
        munlockall();
        break;
    default:
        munlock(p, length_at(p));
        break;
    }
}

static void look_at_something(void)
{
    static unsigned char in[ARENA_PAGES];
    static char buffer[64 * PAGE];
    char *p = place();
    struct iovec here = {buffer, below(sizeof(buffer))}, there = {p, below(64 * PAGE)};

    switch (below(4)) {
    case 0:
        mincore(p, length_at(p), in);
        break;
    case 1:
        msync(p, length_at(p), MS_SYNC);
        break;
    case 2:
        process_vm_readv(getpid(), &here, 1, &there, 1, 0);
        break;
    default:
        process_vm_writev(getpid(), &here, 1, &there, 1, 0);
        break;
    }
}

static void use_file(void)
{
    char *p = place();

    switch (below(4)) {
    case 0:
        if (ftruncate(file, (long)below(80 * PAGE))) return;
        break;
    case 1:
        if (pread(file, p, below(8 * PAGE), (long)below(64 * PAGE)) < 0) return;
        break;
    default:
        if (pwrite(file, p, below(8 * PAGE), (long)below(64 * PAGE)) < 0) return;
        break;
    }
}

static void use_segment(void)
{
    char *p = place();

    if (below(2)) {
        shmat(segment, p, SHM_REMAP);
    } else {
        shmdt(p);
    }
}

static void use_futex(void)
{
    struct timespec soon = {0, (long)below(300000)};
    char *p = place(), *q = place();

    switch (below(4)) {
    case 0:
        syscall(SYS_futex, p, 0, 0, &soon, NULL, 0);
        break;
    case 1:
        syscall(SYS_futex, p, 4, 1, (void *)9, q, 0);
        break;
    case 2:
        syscall(SYS_futex, p, 5, 1, (void *)1, q, 0x10000000);
        break;
    default:
        syscall(SYS_futex, p, 1, 9, NULL, NULL, 0);
        break;
    }
}

static void fork_something(void)
{
    int status;
    pid_t child = fork();

    if (child == 0) {
        for (int i = 0; i < 4; i++) {
            touch_something();
            map_something();
        }
        _exit(0);
    }
    if (child > 0) waitpid(child, &status, 0);
}

/* Anything at all, except what would end us or wait for ever. */
static void nonsense(void)
{
    static const int calls[] = {SYS_mmap,    SYS_munmap,     SYS_mprotect, SYS_mremap,
                                SYS_madvise, SYS_mincore,    SYS_msync,    SYS_mlock2,
                                SYS_brk,     SYS_membarrier, SYS_shmat,    SYS_shmctl,
                                SYS_prctl,   SYS_futex,      SYS_getrandom};
    static const uint64_t odd[] = {
        0,         1,       4095,      4096,        ~0ul, 1ul << 38, (1ul << 38) - 4096,
        1ul << 63, -4096ul, 1ul << 31, 0xfffffffful};
    uint64_t a[6];
    int call = calls[below(sizeof(calls) / sizeof(*calls))];

    for (int i = 0; i < 6; i++) {
        a[i] = below(2) ? odd[below(sizeof(odd) / sizeof(*odd))] : (uint64_t)place();
    }
    if (call == SYS_futex) a[1] = 1 + below(5); /* not WAIT */
    if (call == SYS_prctl && a[0] == 1) return;
    if (call == SYS_mmap || call == SYS_munmap || call == SYS_mprotect ||
        call == SYS_madvise || call == SYS_mremap || call == SYS_shmat) {
        /* Only in the arena, or not at all. */
        if (a[0] < (uint64_t)arena ||
            a[1] > (uint64_t)(arena + ARENA_PAGES * PAGE) - a[0])
            a[0] |= 1;
        a[4] |= 1;
    }
    syscall(call, a[0], a[1], a[2], a[3], a[4], a[5]);
}

static void *torture(void *arg)
{
    static void (*const all[])(void) = {
        map_something,     map_something, touch_something, touch_something,
        touch_something,   advise,        move_something,  lock_something,
        look_at_something, use_file,      use_segment,     use_futex,
        nonsense,
    };

    state = (uint64_t)arg;
    for (unsigned i = 0; i < rounds; i++) {
        if (below(4) == 0) {
            char *p = place();
            if (below(2)) {
                mprotect(p, length_at(p), protection());
            } else {
                munmap(p, length_at(p));
            }
        } else if (below(60) == 0) {
            fork_something();
        } else {
            all[below(sizeof(all) / sizeof(*all))]();
        }
    }
    return NULL;
}

static void torture_process(uint64_t seed)
{
    pthread_t t[THREADS];
    struct sigaction a = {.sa_handler = caught};

    sigaction(SIGSEGV, &a, NULL);
    sigaction(SIGBUS, &a, NULL);
    alarm(120);
    for (unsigned i = 0; i < THREADS; i++) {
        pthread_create(&t[i], NULL, torture, (void *)(seed * 1000 + i + 1));
    }
    for (unsigned i = 0; i < THREADS; i++) {
        pthread_join(t[i], NULL);
    }
    _exit(0);
}

int main(int argc, char **argv)
{
    uint64_t seed = argc > 1 ? strtoul(argv[1], NULL, 0) : 1962;
    int status, ended = 0;

    if (argc > 2) rounds = (unsigned)atoi(argv[2]);
    file = open("torture", O_RDWR | O_CREAT | O_TRUNC, 0600);
    segment = shmget(IPC_PRIVATE, 64 * PAGE, IPC_CREAT | 0600);
    arena = mmap(NULL, (ARENA_PAGES + 1024) * PAGE, PROT_NONE,
                 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    arena += 512 * PAGE;
    if (file < 0 || segment < 0 || ftruncate(file, 64 * PAGE)) return 1;
    for (unsigned i = 0; i < PROCESSES; i++) {
        if (fork() == 0) torture_process(seed + i);
    }
    while (wait(&status) > 0) {
        ended += status == 0;
    }
    shmctl(segment, IPC_RMID, NULL);
    unlink("torture");
    printf("processes that ended well: %d\n", ended);
    return 0;
}
