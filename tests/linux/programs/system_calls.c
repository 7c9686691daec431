/*
 * Small calls about the system and the calling process: credentials, scheduling, limits, prctl,
 * clocks. Run by user 0 with all rights, on a machine that is told nothing else.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/time.h>
#include <sys/times.h>
#include <sys/timex.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void say(const char *what, long value) { printf("%s: %ld\n", what, value); }

static void say_error(const char *what, long result)
{
    if (result == -1) {
        printf("%s: %s\n", what, strerrorname_np(errno));
    } else {
        printf("%s: %ld\n", what, result);
    }
}

/* In a child, which may spoil what it likes. */
static void apart(void (*run)(void))
{
    int status;

    fflush(stdout);
    if (fork() == 0) {
        run();
        fflush(stdout);
        _exit(0);
    }
    wait(&status);
    if (status) say("ended with", status);
}

/* ---- Credentials. ---- */

static void say_ids(void)
{
    uid_t r, e, s;
    gid_t gr, ge, gs;

    getresuid(&r, &e, &s);
    getresgid(&gr, &ge, &gs);
    printf("ids %d %d %d, %d %d %d\n", r, e, s, gr, ge, gs);
}

static uint64_t caps(int which)
{
    struct __user_cap_header_struct h = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct d[2] = {0};

    if (syscall(SYS_capget, &h, d)) return 77;
    return which ? d[0].permitted : d[0].effective;
}

static void say_caps(void)
{
    printf("effective %x, permitted %x\n", (unsigned)caps(0) & 0xff,
           (unsigned)caps(1) & 0xff);
}

static void temporary_user(void)
{
    say_caps();
    say_error("seteuid", seteuid(1000));
    say_ids();
    say_caps();
    say("fsuid", setfsuid(-1));
    say_error("setuid of another", setuid(1001));
    say_error("setresuid of another", setresuid(-1, 1001, -1));
    say_error("back", seteuid(0));
    say_caps();
}

static void other_user(void)
{
    gid_t groups[3] = {5, 6, 7}, got[4] = {0};

    say_error("setgroups", setgroups(3, groups));
    say_error("getgroups", getgroups(0, NULL));
    say_error("getgroups with little room", getgroups(2, got));
    say_error("getgroups", getgroups(4, got));
    printf("groups %d %d %d\n", got[0], got[1], got[2]);
    say_error("setresgid", setresgid(100, 101, 102));
    say_error("setregid", setregid(-1, 103));
    say_ids();
    say_error("setuid", setuid(1000));
    say_ids();
    say_caps();
    say_error("setuid back", setuid(0));
    say_error("setgroups", setgroups(0, NULL));
    say_error("setgid of the saved", setresgid(-1, 103, -1));
    say_error("setgid of another", setgid(7));
    say_error("setpriority up", setpriority(PRIO_PROCESS, 0, 5));
    say_error("setpriority down", setpriority(PRIO_PROCESS, 0, -5));
    struct sched_param p = {1};
    say_error("setscheduler FIFO", sched_setscheduler(0, SCHED_FIFO, &p));
    struct rlimit l = {10, RLIM_INFINITY};
    getrlimit(RLIMIT_CORE, &l);
    l.rlim_cur = l.rlim_max = 0;
    say_error("a limit goes down", setrlimit(RLIMIT_CORE, &l));
    l.rlim_max = 1;
    say_error("and not up", setrlimit(RLIMIT_CORE, &l));
    say_error("sethostname", sethostname("x", 1));
    struct timespec t = {1, 0};
    say_error("clock_settime", clock_settime(CLOCK_REALTIME, &t));
    say_error("unshare of names", unshare(CLONE_NEWUTS));
}

static void reuid(void)
{
    say_error("setreuid", setreuid(1000, 1001));
    say_ids();
    say_error("setreuid, swapped", setreuid(1001, 1000));
    say_ids();
    say_error("setreuid of another", setreuid(1002, -1));
    say("fsuid of another", (setfsuid(1005), setfsuid(-1)));
}

static void keeping_caps(void)
{
    say_error("KEEPCAPS", prctl(PR_SET_KEEPCAPS, 1));
    say_error("it is", prctl(PR_GET_KEEPCAPS));
    say_error("setuid", setuid(1000));
    say_caps();
}

static void fewer_caps(void)
{
    struct __user_cap_header_struct h = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct d[2] = {0};

    say_error("capget", syscall(SYS_capget, &h, d));
    d[0].effective = 1 << CAP_KILL;
    say_error("capset", syscall(SYS_capset, &h, d));
    say_caps();
    d[0].permitted = 1 << CAP_KILL;
    d[1].permitted = 0;
    say_error("capset", syscall(SYS_capset, &h, d));
    say_caps();
    d[0].permitted |= 1 << CAP_CHOWN;
    say_error("capset of more", syscall(SYS_capset, &h, d));
    h.pid = 1;
    say_error("capset of another", syscall(SYS_capset, &h, d));
    h.version = 7;
    say_error("another version", syscall(SYS_capget, &h, d));
    say("is told", h.version == _LINUX_CAPABILITY_VERSION_3);
    say_error("the bound", prctl(PR_CAPBSET_READ, CAP_CHOWN));
    say_error("of what there is not", prctl(PR_CAPBSET_READ, 63));
    say_error("ambient", prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, CAP_CHOWN, 0, 0));
}

/* ---- prctl. ---- */

static void attributes(void)
{
    char name[17] = "";
    int n = 7;

    say_error("name", prctl(PR_SET_NAME, "a name that is too long"));
    prctl(PR_GET_NAME, name);
    printf("it is %s\n", name);
    say_error("name from nowhere", prctl(PR_SET_NAME, 1));
    say_error("death signal", prctl(PR_SET_PDEATHSIG, SIGUSR1));
    say_error("no signal", prctl(PR_SET_PDEATHSIG, 65));
    prctl(PR_GET_PDEATHSIG, &n);
    say("it is", n);
    say_error("dumpable", prctl(PR_GET_DUMPABLE));
    say_error("not dumpable", prctl(PR_SET_DUMPABLE, 0));
    say_error("it is", prctl(PR_GET_DUMPABLE));
    say_error("dumpable in another way", prctl(PR_SET_DUMPABLE, 3));
    say_error("subreaper", prctl(PR_SET_CHILD_SUBREAPER, 1));
    prctl(PR_GET_CHILD_SUBREAPER, &n);
    say("it is", n);
    say_error("no new privileges", prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
    say_error("set", prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
    say_error("cleared", prctl(PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0));
    say_error("it is", prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
    say_error("slack", prctl(PR_SET_TIMERSLACK, 1234));
    say_error("it is", prctl(PR_GET_TIMERSLACK));
    say_error("no huge pages", prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0));
    say_error("it is", prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0));
    say_error("seccomp", prctl(PR_GET_SECCOMP));
    say_error("unknown", prctl(9999));
    say_error("personality", syscall(SYS_personality, 0xffffffff));
    say_error("unshare nothing", unshare(0));
    say_error("unshare files", unshare(CLONE_FILES | CLONE_FS));
    say_error("unshare what there is not", unshare(1));
}

static void note(int number)
{
    printf("told by signal %d\n", number);
    fflush(stdout);
    _exit(0);
}

/* A child's child is told when the child ends; and then has another parent, who waits for it. */
static void death_of_a_parent(void)
{
    int ends[2];
    char byte;

    if (pipe(ends)) return;
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    if (fork() == 0) {
        if (fork() == 0) {
            signal(SIGUSR1, note);
            prctl(PR_SET_PDEATHSIG, SIGUSR1);
            if (write(ends[1], "x", 1) != 1) _exit(1);
            sleep(10);
            _exit(2);
        }
        if (read(ends[0], &byte, 1) != 1) _exit(1);
        _exit(0);
    }
    int status, sum = 0;
    while (wait(&status) > 0) {
        sum += status + 1;
    }
    say("children that ended well", sum);
}

/* ---- Scheduling. ---- */

static void scheduling(void)
{
    struct sched_param p = {0};
    struct timespec t;
    cpu_set_t set;
    unsigned cpu = 999, node = 999;

    say_error("yield", sched_yield());
    say_error("policy", sched_getscheduler(0));
    say_error("param", sched_getparam(0, &p));
    p.sched_priority = 3;
    say_error("OTHER with priority", sched_setscheduler(0, SCHED_OTHER, &p));
    say_error("no policy", sched_setscheduler(0, 17, &p));
    say_error("negative", sched_setscheduler(0, -1, &p));
    say_error("of nobody", sched_setscheduler(999999, SCHED_FIFO, &p));
    say_error("FIFO", sched_setscheduler(0, SCHED_FIFO, &p));
    say_error("policy", sched_getscheduler(0));
    sched_getparam(0, &p);
    say("priority", p.sched_priority);
    p.sched_priority = 0;
    say_error("FIFO without priority", sched_setparam(0, &p));
    sched_rr_get_interval(0, &t);
    say("FIFO has no slice", t.tv_sec == 0 && t.tv_nsec == 0);
    say_error("BATCH", sched_setscheduler(0, SCHED_BATCH, &p));
    say_error("max", sched_get_priority_max(SCHED_RR));
    say_error("min", sched_get_priority_min(SCHED_RR));
    say_error("max", sched_get_priority_max(SCHED_OTHER));
    say_error("max of no policy", sched_get_priority_max(77));
    say("affinity", syscall(SYS_sched_getaffinity, 0, sizeof(set), &set) > 0);
    say_error("little room", syscall(SYS_sched_getaffinity, 0, 3, &set));
    CPU_ZERO(&set);
    say_error("nowhere", sched_setaffinity(0, sizeof(set), &set));
    CPU_SET(0, &set);
    say_error("on the first", sched_setaffinity(0, sizeof(set), &set));
    say_error("getcpu", syscall(SYS_getcpu, &cpu, &node, NULL));
    say("is the first", cpu);
    say("node", node);
    say_error("niceness", syscall(SYS_getpriority, PRIO_PROCESS, 0));
    say_error("nicer", setpriority(PRIO_PROCESS, 0, 7));
    say_error("niceness", syscall(SYS_getpriority, PRIO_PROCESS, 0));
    say_error("nicest", setpriority(PRIO_PROCESS, 0, 70));
    say_error("niceness", syscall(SYS_getpriority, PRIO_PROCESS, 0));
    say_error("of no kind", setpriority(3, 0, 0));
    say_error("of nobody", setpriority(PRIO_PROCESS, 999999, 0));
    struct {
        uint32_t size, policy;
        uint64_t flags;
        int32_t nice;
        uint32_t priority;
        uint64_t runtime, deadline, period;
        uint32_t least, most;
    } a;
    memset(&a, 0, sizeof(a));
    say_error("getattr", syscall(SYS_sched_getattr, 0, &a, sizeof(a), 0));
    printf("%u %u %d %u\n", a.size, a.policy, a.nice, a.priority);
    say_error("getattr with little room", syscall(SYS_sched_getattr, 0, &a, 10, 0));
    a.size = 48;
    a.policy = SCHED_RR;
    a.priority = 5;
    say_error("setattr", syscall(SYS_sched_setattr, 0, &a, 0));
    say_error("policy", sched_getscheduler(0));
}

/* ---- Limits and usage. ---- */

static void limits(void)
{
    struct rlimit l = {5, 4}, old;
    struct rusage u;
    struct tms t;

    say_error("above the maximum", setrlimit(RLIMIT_CPU, &l));
    say_error("of no kind", getrlimit(77, &l));
    say_error("of nobody", prlimit(999999, RLIMIT_CPU, NULL, &l));
    say_error("to nowhere", syscall(SYS_prlimit64, 0, RLIMIT_CPU, NULL, 1));
    l.rlim_cur = 100;
    l.rlim_max = 200;
    say_error("set", prlimit(0, RLIMIT_MSGQUEUE, &l, &old));
    say("was", old.rlim_cur);
    say_error("get", getrlimit(RLIMIT_MSGQUEUE, &l));
    printf("%ld %ld\n", (long)l.rlim_cur, (long)l.rlim_max);
    l.rlim_cur = l.rlim_max = 1ul << 40;
    say_error("too many files", setrlimit(RLIMIT_NOFILE, &l));
    say_error("usage", getrusage(RUSAGE_SELF, &u));
    say("resident", u.ru_maxrss > 0);
    say_error("of a thread", getrusage(RUSAGE_THREAD, &u));
    say_error("of children", getrusage(RUSAGE_CHILDREN, &u));
    say_error("of others", getrusage(5, &u));
    say("times", times(&t) > 0);
}

/* ---- Clocks. ---- */

static void say_clock(const char *what, int clock)
{
    struct timespec a, b;
    int err = clock_gettime(clock, &a);

    say_error(what, err);
    if (err) return;
    clock_gettime(clock, &b);
    say("goes on",
        b.tv_sec > a.tv_sec || (b.tv_sec == a.tv_sec && b.tv_nsec >= a.tv_nsec));
}

static void interrupt(int number) { (void)number; }

static void clocks(void)
{
    struct timespec t = {0, 1000000}, left = {9, 9}, before, after;
    struct sigaction act = {.sa_handler = interrupt};
    struct itimerval alarm = {.it_value = {0, 20000}};

    say_clock("realtime", CLOCK_REALTIME);
    say_clock("monotonic", CLOCK_MONOTONIC);
    say_clock("boot", CLOCK_BOOTTIME);
    say_clock("coarse", CLOCK_MONOTONIC_COARSE);
    say_clock("raw", CLOCK_MONOTONIC_RAW);
    say_clock("tai", CLOCK_TAI);
    say_clock("process", CLOCK_PROCESS_CPUTIME_ID);
    say_clock("thread", CLOCK_THREAD_CPUTIME_ID);
    say_clock("none", 77);
    clockid_t of;
    say("clock of a process", clock_getcpuclockid(getpid(), &of));
    say_clock("it", of);
    say_error("resolution", clock_getres(CLOCK_MONOTONIC, &t));
    printf("%ld %ld\n", (long)t.tv_sec, t.tv_nsec);
    say_error("resolution to nowhere", clock_getres(CLOCK_MONOTONIC, NULL));
    say_error("resolution of none", clock_getres(77, &t));
    say_error("monotonic cannot be set", clock_settime(CLOCK_MONOTONIC, &t));

    t = (struct timespec){0, 3000000};
    clock_gettime(CLOCK_MONOTONIC, &before);
    say_error("sleep", nanosleep(&t, &left));
    clock_gettime(CLOCK_MONOTONIC, &after);
    int64_t slept =
        (after.tv_sec - before.tv_sec) * 1000000000l + after.tv_nsec - before.tv_nsec;
    say("long enough", slept >= 3000000);
    say("nothing is left to say", left.tv_sec == 9);
    t.tv_nsec = 1000000000;
    say_error("too many nanoseconds", nanosleep(&t, NULL));
    t = (struct timespec){-1, 0};
    say_error("negative", nanosleep(&t, NULL));
    say_error("from nowhere", syscall(SYS_nanosleep, 1, NULL));
    t = (struct timespec){0, 0};
    say("until long ago", clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL));
    say("on no clock", clock_nanosleep(77, 0, &t, NULL));
    say("on a coarse clock", clock_nanosleep(CLOCK_MONOTONIC_COARSE, 0, &t, NULL));
    clock_gettime(CLOCK_REALTIME, &t);
    t.tv_nsec += 2000000;
    if (t.tv_nsec >= 1000000000) t.tv_sec++, t.tv_nsec -= 1000000000;
    say("until soon", clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &t, NULL));

    sigaction(SIGALRM, &act, NULL);
    setitimer(ITIMER_REAL, &alarm, NULL);
    t = (struct timespec){10, 0};
    say_error("interrupted", nanosleep(&t, &left));
    say("what is left", left.tv_sec);
    setitimer(ITIMER_REAL, &alarm, NULL);
    clock_gettime(CLOCK_MONOTONIC, &t);
    t.tv_sec += 10;
    say("interrupted, absolute",
        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL));
    struct timeval v;
    say_error("gettimeofday", syscall(SYS_gettimeofday, &v, NULL));
    say("is that", labs(v.tv_sec - time(NULL)) <= 1);
    struct timex x = {.modes = 0};
    say("adjtimex", adjtimex(&x) >= 0);
}

/* ---- The system. ---- */

static void others(void)
{
    struct utsname u;
    struct sysinfo i;
    char bytes[64] = "", zero[64] = "";

    say_error("uname", uname(&u));
    printf("%s\n", u.sysname);
    say_error("to nowhere", syscall(SYS_uname, 1));
    say_error("sysinfo", sysinfo(&i));
    say("memory", i.totalram * i.mem_unit > i.freeram * i.mem_unit && i.freeram > 0);
    say("processes", i.procs > 0);
    say_error("random", getrandom(bytes, sizeof(bytes), 0));
    say("is not zero", memcmp(bytes, zero, sizeof(bytes)) != 0);
    say_error("random of no kind", getrandom(bytes, sizeof(bytes), 64));
    say_error("random of two kinds", getrandom(bytes, sizeof(bytes), GRND_RANDOM | 4));
    say_error("random to nowhere", syscall(SYS_getrandom, 1, 8, 0));
    say_error("none", getrandom(bytes, 0, 0));
    say_error("membarrier", syscall(SYS_membarrier, 999, 0));
    say("can do something", syscall(SYS_membarrier, 0, 0) > 0);
    say_error("not registered", syscall(SYS_membarrier, 8, 0));
    say_error("registered", syscall(SYS_membarrier, 16, 0));
    say_error("private", syscall(SYS_membarrier, 8, 0));
    say_error("global", syscall(SYS_membarrier, 1, 0));
    say_error("with flags", syscall(SYS_membarrier, 1, 7));
}

int main(void)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    apart(temporary_user);
    apart(other_user);
    apart(reuid);
    apart(keeping_caps);
    apart(fewer_caps);
    apart(attributes);
    apart(death_of_a_parent);
    apart(scheduling);
    apart(limits);
    apart(clocks);
    apart(others);
    return 0;
}
