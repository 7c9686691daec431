/*
 * Memory that several programs see: System V segments, the memory of another process, and futexes in
 * private and shared memory.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PAGE 4096ul
#define RW   (PROT_READ | PROT_WRITE)

static void say(const char *what, long value) { printf("%s: %ld\n", what, value); }

static void say_error(const char *what, long result)
{
    if (result == -1) {
        printf("%s: %s\n", what, strerrorname_np(errno));
    } else {
        printf("%s: %ld\n", what, result);
    }
}

static void say_ok(const char *what, long result)
{
    printf("%s: %s\n", what, result == -1 ? strerrorname_np(errno) : "ok");
}

static long nattch(int id)
{
    struct shmid_ds ds;

    return shmctl(id, IPC_STAT, &ds) ? -errno : (long)ds.shm_nattch;
}

/* ---- Segments. ---- */

static void segments(void)
{
    struct shmid_ds ds;
    struct shminfo limits;
    int status;

    int id = shmget(IPC_PRIVATE, 3 * PAGE + 5, IPC_CREAT | 0640);
    say_ok("shmget", id);
    say_error("of nothing", shmget(IPC_PRIVATE, 0, IPC_CREAT | 0600));
    say_error("of a key that is not there", shmget(4711, PAGE, 0600));
    int keyed = shmget(4711, 2 * PAGE, IPC_CREAT | IPC_EXCL | 0600);
    say_ok("of a key", keyed);
    say_error("again", shmget(4711, 2 * PAGE, IPC_CREAT | IPC_EXCL | 0600));
    say("not alone", shmget(4711, PAGE, 0600) == keyed);
    say("without length", shmget(4711, 0, 0) == keyed);
    say_error("too long", shmget(4711, 3 * PAGE, 0600));

    char *p = shmat(id, NULL, 0);
    say_ok("shmat", (long)p);
    strcpy(p + 2 * PAGE, "kilburn");
    char *q = shmat(id, NULL, SHM_RDONLY);
    say("elsewhere", q != p && strcmp(q + 2 * PAGE, "kilburn") == 0);
    say("attached", nattch(id));
    fflush(stdout);
    if (fork() == 0) {
        say("attached, child too", nattch(id));
        p[0] = 'c';
        fflush(stdout);
        _exit(0);
    }
    wait(&status);
    say("the child's store", p[0]);
    say("attached", nattch(id));
    say_error("shmat of an odd address", (long)shmat(id, p + 5, 0));
    say_error("shmat over something", (long)shmat(id, p, 0));
    say("rounded, and replaced", shmat(id, p + 5, SHM_RND | SHM_REMAP) == p);
    say_error("shmat of nothing", (long)shmat(99999999, NULL, 0));
    say_error("mprotect of what is read only", mprotect(q, PAGE, RW));
    say_error("stat", shmctl(id, IPC_STAT, &ds));
    printf("%ld bytes, mode %o, made by us: %d\n", (long)ds.shm_segsz, ds.shm_perm.mode,
           ds.shm_cpid == getpid());
    ds.shm_perm.mode = 0600;
    say_error("set", shmctl(id, IPC_SET, &ds));
    shmctl(id, IPC_STAT, &ds);
    printf("mode %o\n", ds.shm_perm.mode);
    say_ok("limits", shmctl(0, IPC_INFO, (void *)&limits));
    say("some segments", limits.shmmni > 1);
    say_error("no command", shmctl(id, 77, &ds));
    say_error("of nothing", shmctl(99999999, IPC_STAT, &ds));
    munmap(q + PAGE, PAGE);
    say_error("shmdt of a part", shmdt(q));
    say_error("shmdt again", shmdt(q));
    say_error("shmdt of another place", shmdt(p + PAGE));
    say("attached", nattch(id));
    say_error("remove", shmctl(id, IPC_RMID, NULL));
    shmctl(id, IPC_STAT, &ds);
    printf("still there, mode %o\n", ds.shm_perm.mode);
    q = shmat(id, NULL, 0);
    say("and can be attached", q != (void *)-1 && strcmp(q + 2 * PAGE, "kilburn") == 0);
    say_error("shmdt", shmdt(q));
    say_error("shmdt", shmdt(p));
    say_error("now it is gone", shmctl(id, IPC_STAT, &ds));
    say_error("remove", shmctl(keyed, IPC_RMID, NULL));
    say_error("and its key", shmget(4711, 0, 0));

    id = shmget(IPC_PRIVATE, PAGE, 0600);
    if (fork() == 0) {
        shmat(id, NULL, 0);
        shmctl(id, IPC_RMID, NULL);
        _exit(0);
    }
    wait(&status);
    say_error("gone with who had it", shmctl(id, IPC_STAT, &ds));
}

/* ---- Another's memory. ---- */

static void others_memory(void)
{
    static char text[2 * PAGE] = "here";
    char got[64] = "", more[64] = "";
    int in[2], out[2], status;

    if (pipe(in) || pipe(out)) exit(1);
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        char byte;
        strcpy(text, "there");
        strcpy(text + PAGE - 2, "across");
        if (write(out[1], "x", 1) != 1 || read(in[0], &byte, 1) != 1) _exit(1);
        printf("in the child: %s\n", text);
        fflush(stdout);
        _exit(0);
    }
    char byte;
    if (read(out[0], &byte, 1) != 1) exit(1);
    struct iovec here[] = {{got, 3}, {more, 10}},
                 there[] = {{text, 6}, {text + PAGE - 2, 7}};
    say_error("read", process_vm_readv(child, here, 2, there, 2, 0));
    printf("%.3s, %s\n", got, more);
    there[1].iov_base = (void *)8;
    say_error("partly", process_vm_readv(child, here, 2, there, 2, 0));
    say_error("not at all", process_vm_readv(child, here, 2, there + 1, 1, 0));
    say_error("of nobody", process_vm_readv(999999, here, 2, there, 1, 0));
    say_error("with flags", process_vm_readv(child, here, 1, there, 1, 1));
    here[0] = (struct iovec){"written", 8};
    there[0].iov_len = 8;
    say_error("write", process_vm_writev(child, here, 1, there, 1, 0));
    if (write(in[1], "x", 1) != 1) exit(1);
    wait(&status);
    say("ours is as it was", strcmp(text, "here"));
}

/* ---- Futexes. ---- */

static long futex(atomic_int *at, int op, int value, const struct timespec *t,
                  atomic_int *at2, int value3)
{
    return syscall(SYS_futex, at, op, value, t, at2, value3);
}

static void futex_arguments(void)
{
    static atomic_int word = 5, other;
    struct timespec soon = {0, 2000000}, odd = {0, -1};

    say_error("another value", futex(&word, FUTEX_WAIT_PRIVATE, 4, NULL, NULL, 0));
    say_error("soon", futex(&word, FUTEX_WAIT_PRIVATE, 5, &soon, NULL, 0));
    say_error("soon, shared", futex(&word, FUTEX_WAIT, 5, &soon, NULL, 0));
    say_error("long ago",
              futex(&word, FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME, 5, &soon, NULL, -1));
    say_error("no bits", futex(&word, FUTEX_WAIT_BITSET, 5, &soon, NULL, 0));
    say_error("no bits to wake", futex(&word, FUTEX_WAKE_BITSET, 5, NULL, NULL, 0));
    say_error("no time", futex(&word, FUTEX_WAIT, 5, &odd, NULL, 0));
    say_error("of the world, for how long",
              futex(&word, FUTEX_WAIT | FUTEX_CLOCK_REALTIME, 5, &soon, NULL, 0));
    say_error("an odd address",
              futex((void *)((char *)&word + 1), FUTEX_WAIT, 5, &soon, NULL, 0));
    say_error("nowhere", futex((void *)8, FUTEX_WAIT_PRIVATE, 5, &soon, NULL, 0));
    say_error("wake nobody", futex(&word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0));
    say_error("wake nobody nowhere, shared",
              futex((void *)8, FUTEX_WAKE, 1, NULL, NULL, 0));
    say_error("requeue of another value",
              futex(&word, FUTEX_CMP_REQUEUE, 1, (void *)1, &other, 4));
    say_error("requeue of fewer than none",
              futex(&word, FUTEX_CMP_REQUEUE, -1, (void *)1, &other, 5));
    say_error("requeue nobody", futex(&word, FUTEX_CMP_REQUEUE, 1, (void *)1, &other, 5));
    say_error("no operation", futex(&word, 77, 0, NULL, NULL, 0));
    static const struct {
        int op, cmp;
    } ops[] = {{FUTEX_OP_SET, FUTEX_OP_CMP_EQ},
               {FUTEX_OP_ADD, FUTEX_OP_CMP_NE},
               {FUTEX_OP_OR, FUTEX_OP_CMP_LT},
               {FUTEX_OP_ANDN, FUTEX_OP_CMP_LE},
               {FUTEX_OP_XOR, FUTEX_OP_CMP_GT},
               {FUTEX_OP_ADD | 8, FUTEX_OP_CMP_GE},
               {5, FUTEX_OP_CMP_EQ},
               {FUTEX_OP_SET, 9}};
    for (unsigned i = 0; i < sizeof(ops) / sizeof(*ops); i++) {
        other = 0x35;
        say_error("wake and operate",
                  futex(&word, FUTEX_WAKE_OP, 1, (void *)1, &other,
                        (int)FUTEX_OP((unsigned)ops[i].op, 3, ops[i].cmp, -2)));
        say("it is", other);
    }
    struct {
        void *list;
        size_t len;
    } robust;
    say_error("robust list of another length", syscall(SYS_set_robust_list, &robust, 23));
    say_error("get", syscall(SYS_get_robust_list, 0, &robust.list, &robust.len));
    say("length", (long)robust.len);
    say_error("of nobody",
              syscall(SYS_get_robust_list, 999999, &robust.list, &robust.len));
}

/* Threads that wait, each in its turn. */
static struct shared {
    atomic_int word, second, waiting, woken;
} own;

struct waiter {
    pthread_t thread;
    struct shared *s;
    unsigned bits;
    long result;
};

static void *wait_for_it(void *arg)
{
    struct waiter *w = arg;

    w->s->waiting++;
    w->result =
        futex(&w->s->word, FUTEX_WAIT_BITSET_PRIVATE, 0, NULL, NULL, (int)w->bits);
    w->s->woken++;
    return NULL;
}

/* Until `n` threads sleep: their number is counted just before. */
static void let_them_wait(struct shared *s, int n)
{
    while (s->waiting < n) {
        usleep(1000);
    }
    usleep(50000);
}

static void until_woken(struct shared *s, int n)
{
    for (int i = 0; i < 2000 && s->woken < n; i++) {
        usleep(1000);
    }
}

static void futex_threads(void)
{
    struct waiter w[6];

    for (int i = 0; i < 6; i++) {
        w[i] = (struct waiter){.s = &own, .bits = i < 2 ? 1 : 2};
        pthread_create(&w[i].thread, NULL, wait_for_it, &w[i]);
        let_them_wait(&own, i + 1);
    }
    say_error("wake by bits that nobody has",
              futex(&own.word, FUTEX_WAKE_BITSET_PRIVATE, 9, NULL, NULL, 4));
    say_error("wake one of the second kind",
              futex(&own.word, FUTEX_WAKE_BITSET_PRIVATE, 1, NULL, NULL, 2));
    until_woken(&own, 1);
    say("woken", own.woken);
    say_error("requeue: one wakes, three move",
              futex(&own.word, FUTEX_CMP_REQUEUE_PRIVATE, 1, (void *)3, &own.second, 0));
    until_woken(&own, 2);
    say("woken", own.woken);
    say_error("wake who has moved",
              futex(&own.second, FUTEX_WAKE_PRIVATE, 2, NULL, NULL, 0));
    until_woken(&own, 4);
    say("woken", own.woken);
    say_error("both at once",
              futex(&own.word, FUTEX_WAKE_OP_PRIVATE, 9, (void *)9, &own.second,
                    (int)FUTEX_OP(FUTEX_OP_SET, 1, FUTEX_OP_CMP_EQ, 0)));
    until_woken(&own, 6);
    say("woken", own.woken);
    for (int i = 0; i < 6; i++) {
        pthread_join(w[i].thread, NULL);
        say("its result", w[i].result);
    }
}

static void nothing(int number) { (void)number; }

static void futex_signals(void)
{
    static atomic_int word;
    struct sigaction act = {.sa_handler = nothing};
    struct itimerval soon = {.it_value = {0, 20000}};
    struct timespec late = {10, 0};

    sigaction(SIGALRM, &act, NULL);
    setitimer(ITIMER_REAL, &soon, NULL);
    say_error("a signal ends it", futex(&word, FUTEX_WAIT, 0, NULL, NULL, 0));
    setitimer(ITIMER_REAL, &soon, NULL);
    say_error("also with a time", futex(&word, FUTEX_WAIT, 0, &late, NULL, 0));
}

static void futex_processes(void)
{
    struct shared *s = mmap(NULL, PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    atomic_int *again = mmap(NULL, PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    int status;

    fflush(stdout);
    if (fork() == 0) {
        s->waiting = 1;
        long r = futex(&s->word, FUTEX_WAIT, 0, NULL, NULL, 0);
        _exit(r == 0 ? 3 : 4);
    }
    let_them_wait(s, 1);
    /* Another address of the same memory. */
    struct shared *view = mremap(s, 0, PAGE, MREMAP_MAYMOVE);
    say("another view", view != MAP_FAILED && view != s);
    say_error("wake elsewhere", futex(again, FUTEX_WAKE, 1, NULL, NULL, 0));
    say_error("wake", futex(&view->word, FUTEX_WAKE, 1, NULL, NULL, 0));
    wait(&status);
    say("the other process", WEXITSTATUS(status));
}

static pthread_mutex_t *robust_mutex(void)
{
    pthread_mutex_t *m = mmap(NULL, PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pthread_mutexattr_t a;

    pthread_mutexattr_init(&a);
    pthread_mutexattr_setrobust(&a, PTHREAD_MUTEX_ROBUST);
    pthread_mutexattr_setpshared(&a, PTHREAD_PROCESS_SHARED);
    pthread_mutex_init(m, &a);
    return m;
}

static void robust_locks(void)
{
    pthread_mutex_t *m = robust_mutex(), *n = robust_mutex();
    int status;

    fflush(stdout);
    if (fork() == 0) {
        pthread_mutex_lock(m);
        pthread_mutex_lock(n);
        usleep(100000);
        _exit(0);
    }
    usleep(20000);
    say("its owner has died", pthread_mutex_lock(m) == EOWNERDEAD);
    say("consistent", pthread_mutex_consistent(m));
    say("unlock", pthread_mutex_unlock(m));
    say("lock", pthread_mutex_lock(m));
    say("the other, too", pthread_mutex_lock(n) == EOWNERDEAD);
    wait(&status);
}

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static pthread_barrier_t barrier;
static long counter, turn;

static void *count(void *arg)
{
    long me = (long)arg;

    pthread_barrier_wait(&barrier);
    for (int i = 0; i < 300; i++) {
        pthread_mutex_lock(&lock);
        while (turn != me) {
            pthread_cond_wait(&changed, &lock);
        }
        counter++;
        turn = (turn + 1) % 4;
        pthread_cond_broadcast(&changed);
        pthread_mutex_unlock(&lock);
    }
    return NULL;
}

static void many_threads(void)
{
    pthread_t t[4];

    pthread_barrier_init(&barrier, NULL, 4);
    for (long i = 0; i < 4; i++) {
        pthread_create(&t[i], NULL, count, (void *)i);
    }
    for (int i = 0; i < 4; i++) {
        pthread_join(t[i], NULL);
    }
    say("counted", counter);
}

int main(void)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    segments();
    others_memory();
    futex_arguments();
    futex_threads();
    futex_signals();
    futex_processes();
    robust_locks();
    many_threads();
    return 0;
}
