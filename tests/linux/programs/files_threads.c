/*
 * Descriptors that several threads and processes open, replace and close at once: every byte comes
 * from a file that was open at the number, and no number is given out twice.
 */
#include "rows.h"

#include <pthread.h>
#include <sched.h>

enum { THREADS = 4, ROUNDS = 400, SHARED = 50 };

static int named[2]; /* files with the texts "a" and "b" */
static int wrong;
static volatile int done;

static void complain(const char *what)
{
    __atomic_fetch_add(&wrong, 1, __ATOMIC_RELAXED);
    printf("%s\n", what);
}

/* A number is this thread's alone until it closes it. */
static void *open_and_close(void *arg)
{
    char name[32], c;

    snprintf(name, sizeof(name), "own%ld", (long)arg);
    make(name, name);
    for (int i = 0; i < ROUNDS; i++) {
        int fd = open(name, O_RDONLY), other = dup(fd);
        if (fd < 0 || other < 0) complain("cannot be opened");
        if (lseek(fd, 3, SEEK_SET) != 3 || read(other, &c, 1) != 1) complain("no byte");
        if (c != '0' + (char)(long)arg) complain("somebody else's byte");
        if (close(fd) || close(other)) complain("somebody has closed it");
    }
    unlink(name);
    return NULL;
}

/* The shared number is a or b, never nothing. */
static void *replace(void *arg)
{
    (void)arg;
    for (int i = 0; i < ROUNDS; i++) {
        if (dup2(named[i % 2], SHARED) != SHARED) complain("cannot be replaced");
    }
    done = 1;
    return NULL;
}

static void *look(void *arg)
{
    char c;

    (void)arg;
    while (!done) {
        if (pread(SHARED, &c, 1, 0) != 1 || (c != 'a' && c != 'b'))
            complain("neither a nor b");
        if (fcntl(SHARED, F_GETFD) != 0) complain("no flags");
    }
    return NULL;
}

/* What a child is given is all of one moment: a or b. */
static void *fork_often(void *arg)
{
    (void)arg;
    for (int i = 0; i < 20; i++) {
        int status = 0;
        pid_t child = fork();
        if (child == 0) {
            char c = 0;
            _exit(pread(SHARED, &c, 1, 0) == 1 && (c == 'a' || c == 'b') ? 0 : 1);
        }
        if (waitpid(child, &status, 0) != child || status)
            complain("a child saw nothing");
    }
    return NULL;
}

/* While one reads a pipe, another closes the descriptor; the reader has its own. */
static void *close_under(void *arg)
{
    int *p = arg;

    usleep(300000); /* it waits by now */
    close(p[0]);
    if (write(p[1], "x", 1) != 1) complain("the reader has gone");
    return NULL;
}

static void reading_what_is_closed(void)
{
    int p[2];
    char c;
    pthread_t t;

    ROW(pipe(p));
    pthread_create(&t, NULL, close_under, p);
    ROW(read(p[0], &c, 1));
    pthread_join(t, NULL);
    ROW(read(p[0], &c, 1));
    close(p[1]);
}

/* A child that has our descriptors themselves, and its own memory. */
static pid_t share_descriptors(void)
{
    fflush(stdout);
    return (pid_t)syscall(SYS_clone, CLONE_FILES | SIGCHLD, 0, 0, 0, 0);
}

static void expect_success(pid_t child)
{
    int status = 1;

    ROW(waitpid(child, &status, 0) == child && status == 0);
}

/* Alone until now, the reader may have come to rely on that. */
static void reading_what_a_child_closes(void)
{
    int p[2];
    char c;

    ROW(pipe(p));
    ROW(write(p[1], "x", 1));
    ROW(read(p[0], &c, 1));
    pid_t child = share_descriptors();
    if (child == 0) {
        close_under(p);
        _exit(wrong);
    }
    ROW(read(p[0], &c, 1));
    expect_success(child);
    ROW(read(p[0], &c, 1));
    close(p[1]);
}

/* Each of the two has its own table afterwards, whoever leaves the common one. */
static void unsharing(int by_child)
{
    int p[2];
    char c;

    ROW(pipe(p));
    pid_t child = share_descriptors();
    if (child == 0) {
        if (by_child) unshare(CLONE_FILES);
        usleep(300000);
        _exit(close(p[0]) || close(p[1]));
    }
    if (!by_child) ROW(unshare(CLONE_FILES));
    ROW(write(p[1], "x", 1));
    expect_success(child);
    ROW(read(p[0], &c, 1));
    ROW(close(p[0]));
    ROW(close(p[1]));
    ROW(close(p[1]));
}

/* A program that begins leaves the table that it had in common. */
static void beginning_anew(void)
{
    int p[2];
    char c, text[16];

    ROW(pipe2(p, O_CLOEXEC));
    pid_t child = share_descriptors();
    if (child == 0) {
        snprintf(text, sizeof(text), "%d", p[1]);
        execl("/proc/self/exe", "files_threads", "closed", text, NULL);
        _exit(2);
    }
    expect_success(child);
    ROW(write(p[1], "x", 1));
    ROW(read(p[0], &c, 1));
    close(p[0]);
    close(p[1]);
}

int main(int argc, char **argv)
{
    void *(*work[])(void *) = {replace, look, look, fork_often};
    pthread_t t[THREADS + 4];

    /* The child of beginning_anew(): is the descriptor closed? */
    if (argc == 3) return fcntl(atoi(argv[2]), F_GETFD) >= 0;
    work_in("files_threads");
    make("a", "a");
    make("b", "b");
    named[0] = open("a", O_RDONLY);
    named[1] = open("b", O_RDONLY);
    dup2(named[0], SHARED);
    for (long i = 0; i < THREADS; i++) {
        pthread_create(&t[i], NULL, open_and_close, (void *)i);
    }
    for (int i = 0; i < 4; i++) {
        pthread_create(&t[THREADS + i], NULL, work[i], NULL);
    }
    for (int i = 0; i < THREADS + 4; i++) {
        pthread_join(t[i], NULL);
    }
    ROW(wrong);
    reading_what_is_closed();
    reading_what_a_child_closes();
    unsharing(0);
    unsharing(1);
    beginning_anew();
    unlink("a");
    unlink("b");
    leave("files_threads");
    return 0;
}
