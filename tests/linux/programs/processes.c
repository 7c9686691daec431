/*
 * Processes as programs see them: made, executed, ended, waited for, in groups and sessions.
 * Prints what it sees, a line each; nothing in it depends on the machine or the moment.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static int global = 1;

static void say(const char *what, long value) { printf("%s: %ld\n", what, value); }

static void say_error(const char *what, long result)
{
    printf("%s: %s\n", what, result < 0 ? strerrorname_np(errno) : "ok");
}

static void say_status(const char *what, int status)
{
    if (WIFEXITED(status)) {
        printf("%s: exit %d\n", what, WEXITSTATUS(status));
    } else if (WIFSIGNALED(status)) {
        printf("%s: signal %d\n", what, WTERMSIG(status));
    } else if (WIFSTOPPED(status)) {
        printf("%s: stopped by %d\n", what, WSTOPSIG(status));
    } else if (WIFCONTINUED(status)) {
        printf("%s: continued\n", what);
    }
}

/* fork() with nothing left in stdio's buffers. */
static pid_t fork_clean(void)
{
    fflush(stdout);
    return fork();
}

static void memory_is_copied(void)
{
    char *heap = strcpy(malloc(100000), "parent");
    int status;
    pid_t pid = fork_clean();

    if (pid == 0) {
        global = 2;
        strcpy(heap, "child");
        _exit(global == 2 && strcmp(heap, "child") == 0 ? 7 : 8);
    }
    say("wait gives the child", waitpid(pid, &status, 0) == pid);
    say_status("the child", status);
    say("the parent's global", global);
    printf("the parent's heap: %s\n", heap);
    free(heap);
}

static void vfork_shares(void)
{
    volatile int *shared = &global;
    int status;

    fflush(stdout);
    pid_t pid = vfork();
    if (pid == 0) {
        *shared = 3;
        _exit(5);
    }
    say("after vfork, global", global);
    waitpid(pid, &status, 0);
    say_status("vfork's child", status);
}

static void statuses(void)
{
    static const int signals[] = {SIGKILL, SIGTERM, SIGSEGV, SIGABRT, SIGUSR1};
    int status;

    for (unsigned i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
        pid_t pid = fork_clean();
        if (pid == 0) {
            struct rlimit none = {0, 0};
            setrlimit(RLIMIT_CORE, &none);
            raise(signals[i]);
            _exit(1);
        }
        waitpid(pid, &status, 0);
        say_status("raised", status);
    }
    pid_t pid = fork_clean();
    if (pid == 0) _exit(0x1ff);
    waitpid(pid, &status, 0);
    say_status("exit takes the low byte", status);
    say_error("no child", waitpid(-1, &status, 0));
    say_error("no such child", waitpid(12345, &status, 0));
    say_error("bad options", waitpid(-1, &status, 0x4000));
}

static void waiting(void)
{
    int gate[2], status;
    siginfo_t info = {0};

    if (pipe(gate)) exit(1);
    pid_t pid = fork_clean();
    if (pid == 0) {
        char byte;
        close(gate[1]);
        _exit(read(gate[0], &byte, 1) == 0 ? 3 : 4);
    }
    say("nothing yet", waitpid(pid, &status, WNOHANG));
    close(gate[0]);
    close(gate[1]);
    say("waitid", waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT));
    say("its code", info.si_code);
    say("its status", info.si_status);
    say("its number", info.si_pid == pid);
    say("still there", waitpid(pid, &status, 0) == pid);
    say_status("then gone", status);

    pid = fork_clean();
    if (pid == 0) {
        raise(SIGSTOP);
        usleep(500000); /* so that it is seen to go on before it ends */
        _exit(6);
    }
    waitpid(pid, &status, WUNTRACED);
    say_status("child", status);
    kill(pid, SIGCONT);
    waitpid(pid, &status, WCONTINUED);
    say_status("child", status);
    waitpid(pid, &status, 0);
    say_status("child", status);
}

static void groups(void)
{
    int status;
    pid_t pid = fork_clean();

    if (pid == 0) {
        say("a new group is ours", setpgid(0, 0) == 0 && getpgrp() == getpid());
        say("setsid as a leader of a group", setsid());
        say_error("which is", setsid());
        fflush(stdout);
        pid_t inner = fork();
        if (inner == 0) {
            say("setsid", setsid() == getpid());
            say("session", getsid(0) == getpid());
            say("group", getpgid(0) == getpid());
            say_error("setpgid as a leader of a session", setpgid(0, 0));
            fflush(stdout);
            _exit(0);
        }
        waitpid(inner, &status, 0);
        say_error("a group that is not", setpgid(0, 1));
        say_error("a process that is not", setpgid(99999, 0));
        fflush(stdout);
        _exit(0);
    }
    waitpid(pid, &status, 0);
    say_status("groups", status);
    say_error("getpgid of nobody", getpgid(99999));
    say_error("getsid of nobody", getsid(99999));
}

static void orphans(void)
{
    int tell[2], status;
    char byte = 0;

    if (pipe(tell)) exit(1);
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    pid_t self = getpid(), pid = fork_clean();
    if (pid == 0) {
        if (fork() == 0) {
            while (getppid() != self)
                usleep(1000);
            byte = 'a';
            if (write(tell[1], &byte, 1) != 1) _exit(1);
            _exit(9);
        }
        _exit(0);
    }
    waitpid(pid, &status, 0);
    say("the orphan wrote", read(tell[0], &byte, 1));
    say("and is ours", waitpid(-1, &status, 0) > 0);
    say_status("orphan", status);
    prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0);
    close(tell[0]);
    close(tell[1]);
}

static void unwanted_children(void)
{
    int status;

    signal(SIGCHLD, SIG_IGN);
    if (fork_clean() == 0) _exit(0);
    say_error("children that nobody wants", waitpid(-1, &status, 0));
    signal(SIGCHLD, SIG_DFL);
}

static void write_file(const char *name, const char *text, mode_t mode)
{
    int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, mode);

    if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text)) exit(1);
    close(fd);
    chmod(name, mode);
}

static int run(const char *file, char *const argv[])
{
    char *const envp[] = {"COLOUR=blue", NULL};
    int status;
    pid_t pid = fork_clean();

    if (pid == 0) {
        execve(file, argv, envp);
        printf("execve %s: %s\n", file, strerrorname_np(errno));
        fflush(stdout);
        _exit(120);
    }
    waitpid(pid, &status, 0);
    return status;
}

static void executing(const char *self)
{
    char script[400];
    char *const plain[] = {"name", "shown", "two words", "", NULL};
    char *const none[] = {NULL};

    say_status("itself", run(self, plain));
    snprintf(script, sizeof(script), "#!%s shown -x y\nignored\n", self);
    write_file("script", script, 0755);
    say_status("a script", run("./script", plain));
    write_file("script2", "#! ./script\n", 0755);
    say_status("a script's script", run("./script2", plain));
    write_file("loop", "#!./loop\n", 0755);
    say_status("a loop of scripts", run("./loop", plain));
    write_file("empty", "", 0755);
    say_status("an empty file", run("./empty", plain));
    write_file("text", "no program\n", 0755);
    say_status("text", run("./text", plain));
    write_file("not", script, 0644);
    say_status("not executable", run("./not", plain));
    say_status("a directory", run(".", plain));
    say_status("not there", run("./nowhere/program", plain));
    write_file("lost", "#!/no/such/interpreter\n", 0755);
    say_status("no interpreter", run("./lost", plain));
    say_status("no arguments", run(self, none));
}

static void closing_on_exec(const char *self)
{
    char number[16];
    char *const argv[] = {"name", "open?", number, NULL};
    int kept = open("/dev/null", O_RDONLY),
        closed = open("/dev/null", O_RDONLY | O_CLOEXEC);

    snprintf(number, sizeof(number), "%d", kept);
    say_status("a descriptor that stays", run(self, argv));
    snprintf(number, sizeof(number), "%d", closed);
    say_status("one that closes", run(self, argv));
    close(kept);
    close(closed);
}

static void large_arguments(const char *self)
{
    enum { LONG = 100000 };
    char *text = malloc(LONG + 1);
    char *argv[22] = {"name", "length"};

    memset(text, 'x', LONG);
    text[LONG] = 0;
    for (int i = 2; i < 21; i++)
        argv[i] = text;
    argv[21] = NULL;
    say_status("nineteen long arguments", run(self, argv));
    text = realloc(text, 140000);
    memset(text, 'x', 139999);
    text[139999] = 0;
    argv[2] = text;
    argv[3] = NULL;
    say_status("one that is too long", run(self, argv));
    free(text);
}

static int child(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "open?") == 0)
        return fcntl(atoi(argv[2]), F_GETFD) < 0 ? 1 : 0;
    if (argc > 1 && strcmp(argv[1], "length") == 0) {
        size_t sum = 0;
        for (int i = 2; i < argc; i++)
            sum += strlen(argv[i]);
        printf("arguments: %d, %zu bytes\n", argc, sum);
        return 0;
    }
    for (int i = 0; i < argc; i++)
        printf("[%s]", argv[i]);
    printf(" COLOUR=%s\n", getenv("COLOUR") ? getenv("COLOUR") : "none");
    return 11;
}

static int on_own_stack(void *arg)
{
    *(int *)arg = 77;
    return 13;
}

static void clones(void)
{
    static char stack[65536] __attribute__((aligned(16)));
    int seen = 0, status;

    fflush(stdout);
    pid_t pid = clone(on_own_stack, stack + sizeof(stack), CLONE_VM | SIGCHLD, &seen);
    waitpid(pid, &status, 0);
    say_status("a clone in our memory", status);
    say("which it has changed", seen);
    say_error("threads without shared handlers",
              clone(on_own_stack, stack + sizeof(stack), CLONE_THREAD | CLONE_VM, &seen));
    say_error("shared handlers without shared memory",
              clone(on_own_stack, stack + sizeof(stack), CLONE_SIGHAND, &seen));
}

/* Loads all floating-point registers, yields so often, and stores them again. */
static unsigned long carry_floats(const double in[32], double out[32], long yields)
{
    register const double *from __asm__("s2") = in;
    register double *to __asm__("s3") = out;
    register long left __asm__("s4") = yields;
    unsigned long fcsr;

#define ALL(op, at)                                                                    \
    op " f0,0(" at ")\n" op " f1,8(" at ")\n" op " f2,16(" at ")\n" op " f3,24(" at    \
       ")\n" op " f4,32(" at ")\n" op " f5,40(" at ")\n" op " f6,48(" at ")\n" op      \
       " f7,56(" at ")\n" op " f8,64(" at ")\n" op " f9,72(" at ")\n" op " f10,80(" at \
       ")\n" op " f11,88(" at ")\n" op " f12,96(" at ")\n" op " f13,104(" at ")\n" op  \
       " f14,112(" at ")\n" op " f15,120(" at ")\n" op " f16,128(" at ")\n" op         \
       " f17,136(" at ")\n" op " f18,144(" at ")\n" op " f19,152(" at ")\n" op         \
       " f20,160(" at ")\n" op " f21,168(" at ")\n" op " f22,176(" at ")\n" op         \
       " f23,184(" at ")\n" op " f24,192(" at ")\n" op " f25,200(" at ")\n" op         \
       " f26,208(" at ")\n" op " f27,216(" at ")\n" op " f28,224(" at ")\n" op         \
       " f29,232(" at ")\n" op " f30,240(" at ")\n" op " f31,248(" at ")\n"
    __asm__ volatile(
        "fsrmi 2\n" ALL("fld", "s2") "1: beqz s4, 2f\n"
                                     "li a7, 124\necall\naddi s4, s4, -1\nj 1b\n2: " ALL(
                                         "fsd", "s3") "frcsr %0\nfsrmi 0"
        : "=r"(fcsr), "+r"(left)
        : "r"(from), "r"(to)
        : "a0", "a7", "memory", "f0", "f1", "f2", "f3", "f4", "f5", "f6", "f7", "f8",
          "f9", "f10", "f11", "f12", "f13", "f14", "f15", "f16", "f17", "f18", "f19",
          "f20", "f21", "f22", "f23", "f24", "f25", "f26", "f27", "f28", "f29", "f30",
          "f31");
#undef ALL
    return fcsr;
}

/* How often they came back as others. */
static int floats_lost(double seed)
{
    double in[32], out[32];
    int lost = 0;

    for (long yields = 0; yields < 40; yields++) {
        for (int i = 0; i < 32; i++) {
            in[i] = seed + (double)(yields * 32 + i);
        }
        lost += carry_floats(in, out, yields) != 2 << 5;
        lost += memcmp(in, out, sizeof(in)) != 0;
    }
    return lost;
}

static void floats_over_switches(void)
{
    cpu_set_t all, one;
    int status;

    sched_getaffinity(0, sizeof(all), &all);
    CPU_ZERO(&one);
    CPU_SET(0, &one);
    sched_setaffinity(0, sizeof(one), &one);
    pid_t pid = fork_clean();
    if (pid == 0) _exit(floats_lost(0.5));
    say("floats lost by the parent", floats_lost(1e6));
    waitpid(pid, &status, 0);
    say_status("and by the child", status);
    sched_setaffinity(0, sizeof(all), &all);
}

int main(int argc, char **argv)
{
    char self[300] = "";

    if (argc > 1 || argc == 0 || strcmp(argv[0], "") == 0) return child(argc, argv);
    if (readlink("/proc/self/exe", self, sizeof(self) - 1) < 0)
        snprintf(self, sizeof(self), "%s", argv[0]);
    char dir[] = "/tmp/processes.XXXXXX";
    if (!mkdtemp(dir) || chdir(dir)) return 1;
    memory_is_copied();
    vfork_shares();
    statuses();
    waiting();
    groups();
    orphans();
    unwanted_children();
    clones();
    executing(self);
    closing_on_exec(self);
    large_arguments(self);
    floats_over_switches();
    return 0;
}
