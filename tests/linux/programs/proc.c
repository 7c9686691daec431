/* /proc as programs read it: what links lead to, what lines look like, who may, what goes. */
#include "rows.h"

#include <dirent.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/prctl.h>

static char text[1 << 16];

/* The whole file, as a string. */
static long take(const char *path)
{
    int fd = open(path, O_RDONLY);
    long len = 0, n = 0;

    if (fd < 0) return -1;
    while ((n = read(fd, text + len, sizeof(text) - 1 - (size_t)len)) > 0) {
        len += n;
    }
    int err = errno;
    close(fd);
    errno = err;
    text[len] = 0;
    return n < 0 ? -1 : len;
}

static const char *link_of(const char *path)
{
    static char to[PATH_MAX];
    ssize_t n = readlink(path, to, sizeof(to) - 1);

    if (n < 0) return strerrorname_np(errno);
    to[n] = 0;
    return to;
}

/* Numbers as 0 with at most a blank before, so that only the form is compared. */
static void show_form(const char *what, const char *line)
{
    bool before = false;

    printf("%s: ", what);
    for (; *line && *line != '\n'; line++) {
        bool digit = *line >= '0' && *line <= '9', blank = *line == ' ';
        if ((!digit || !before) && !(blank && line[1] == ' '))
            putchar(digit ? '0' : *line);
        before = digit;
    }
    putchar('\n');
    fflush(stdout);
}

static void show_line(const char *path, const char *start)
{
    if (take(path) < 0) {
        printf("%s: %s\n", path, strerrorname_np(errno));
        return;
    }
    for (char *at = text; at && *at; at = strchr(at, '\n'), at += at != NULL) {
        if (strncmp(at, start, strlen(start)) == 0) show_form(start, at);
    }
}

static int count_names(const char *path)
{
    DIR *d = opendir(path);
    int n = 0;

    if (!d) return -1;
    for (struct dirent *e; (e = readdir(d)) != NULL;) {
        n += e->d_name[0] != '.';
    }
    closedir(d);
    return n;
}

static void stat_and_status(void)
{
    static const char *const lines[] = {
        "Name:",        "Umask:",   "State:",   "Ngid:",       "TracerPid:", "Uid:",
        "Gid:",         "VmPeak:",  "VmSize:",  "VmLck:",      "VmPin:",     "VmHWM:",
        "VmRSS:",       "RssAnon:", "RssFile:", "VmData:",     "VmStk:",     "VmExe:",
        "VmLib:",       "VmPTE:",   "VmSwap:",  "Threads:",    "SigPnd:",    "ShdPnd:",
        "SigBlk:",      "SigIgn:",  "SigCgt:",  "NoNewPrivs:", "Seccomp:",   "voluntary",
        "nonvoluntary",
    };
    int fields = 0;

    prctl(PR_SET_NAME, "a (name)");
    signal(SIGUSR1, SIG_IGN);
    signal(SIGUSR2, exit);
    ROW(take("/proc/self/stat") > 0);
    const char *behind = strrchr(text, ')');
    ROW(strstr(text, " (a (name)) R ") != NULL);
    for (const char *c = behind; *c; c++) {
        fields += *c == ' ';
    }
    ROW(fields + 2);
    ROW(take("/proc/self/statm") > 0);
    show_form("statm", text);
    for (unsigned i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        show_line("/proc/self/status", lines[i]);
    }
    prctl(PR_SET_NAME, "proc");
    signal(SIGUSR1, SIG_DFL);
    signal(SIGUSR2, SIG_DFL);
}

static void links(void)
{
    char path[64], self[16], tmp[] = "/dev/shm/proc_case/file";
    int fd = open(tmp, O_RDWR | O_CREAT, 0644), p[2];
    struct stat st;

    snprintf(self, sizeof(self), "%d", getpid());
    ROW(strcmp(link_of("/proc/self"), self));
    snprintf(path, sizeof(path), "%d/task/%d", getpid(), getpid());
    ROW(strcmp(link_of("/proc/thread-self"), path));
    show_text("mounts", link_of("/proc/mounts"), 11);
    show_text("cwd", link_of("/proc/self/cwd"), 64);
    show_text("root", link_of("/proc/self/root"), 64);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    show_text("file", link_of(path), 64);
    ROW(lstat(path, &st));
    ROW(st.st_mode);
    ROW(st.st_nlink);
    ROW(write(fd, "held", 4));
    ROW(unlink(tmp));
    show_text("deleted", link_of(path), 64);
    ROW(take(path));
    show_text("its bytes", text, 4);
    ROW(stat(path, &st) == 0 && st.st_nlink == 0);
    ROW(linkat(AT_FDCWD, path, AT_FDCWD, "again", AT_SYMLINK_FOLLOW));
    close(fd);
    show_text("closed", link_of(path), 64);
    ROW(pipe(p));
    snprintf(path, sizeof(path), "/proc/self/fd/%d", p[0]);
    show_form("pipe", link_of(path));
    ROW(lstat(path, &st) == 0 ? st.st_mode : -1);
    ROW(write(p[1], "through", 7));
    close(p[1]);
    ROW(take(path));
    show_text("piped", text, 7);
    snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", p[0]);
    show_line(path, "pos:");
    show_line(path, "flags:");
    ROW(open("/proc/self/fd/999", O_RDONLY));
    ROW(open("/proc/self/fd/0x0", O_RDONLY));
    ROW(open("/proc/self/fd/00", O_RDONLY));
    ROW(open("/proc/999999", O_RDONLY));
    ROW(open("/proc/0", O_RDONLY));
    close(p[0]);
}

static void maps(void)
{
    int fd = open("mapped", O_RDWR | O_CREAT, 0644);
    char *m;

    ROW(ftruncate(fd, 3 * 4096));
    m = mmap(NULL, 8192, PROT_READ, MAP_SHARED, fd, 4096);
    ROW(take("/proc/self/maps") > 0);
    const char *at = strstr(text, "/dev/shm/proc_case/mapped");
    while (at > text && at[-1] != '\n') {
        at--;
    }
    ROW(strtoul(at, NULL, 16) == (unsigned long)m);
    ROW(strstr(at, " r--s 00001000 ") != NULL);
    ROW(strstr(at, "mapped\n") - at - 73 - 17);
    ROW(unlink("mapped"));
    take("/proc/self/maps");
    ROW(strstr(text, "/dev/shm/proc_case/mapped (deleted)\n") != NULL);
    ROW(strstr(text, " [heap]\n") != NULL);
    ROW(strstr(text, " [stack]\n") != NULL);
    ROW(strstr(text, " [vdso]\n") != NULL);
    ROW(strstr(text, " [vvar]\n") != NULL);
    ROW(munmap(m, 8192));
    close(fd);
    take("/proc/self/smaps_rollup");
    ROW(strstr(text, " [rollup]\nRss: ") != NULL);
    take("/proc/self/smaps");
    ROW(strstr(text, "\nSize: ") && strstr(text, "\nPss: ") &&
        strstr(text, "\nVmFlags: "));
}

static void memory(void)
{
    static volatile int word = 1234;
    int fd = open("/proc/self/mem", O_RDWR), got = 0, put = 4321;
    const char *readable = "text";

    ROW(pread(fd, &got, sizeof(got), (off_t)&word));
    ROW(got);
    ROW(pwrite(fd, &put, sizeof(put), (off_t)&word));
    ROW(word);
    ROW(pread(fd, &got, 4, (off_t)readable));
    ROW(pread(fd, &got, 4, 8));
    ROW(pwrite(fd, &got, 4, 8));
    ROW(lseek(fd, 8, SEEK_SET));
    ROW(lseek(fd, 0, SEEK_END));
    close(fd);
}

static void *wait_for_ever(void *unused)
{
    prctl(PR_SET_NAME, "waiter");
    pause();
    return unused;
}

static void tasks(void)
{
    char path[300];
    pthread_t thread;
    DIR *d;

    ROW(count_names("/proc/self/task"));
    pthread_create(&thread, NULL, wait_for_ever, NULL);
    usleep(100000);
    ROW(count_names("/proc/self/task"));
    d = opendir("/proc/self/task");
    for (struct dirent *e; (e = readdir(d)) != NULL;) {
        if (e->d_name[0] == '.' || atoi(e->d_name) == getpid()) continue;
        snprintf(path, sizeof(path), "/proc/self/task/%s/comm", e->d_name);
        ROW(take(path));
        show_text("comm", text, 6);
        snprintf(path, sizeof(path), "/proc/self/task/%s/stat", e->d_name);
        ROW(take(path) > 0 && strstr(text, "(waiter) S ") != NULL);
        snprintf(path, sizeof(path), "/proc/self/task/%s/status", e->d_name);
        show_line(path, "State:");
        show_line(path, "Threads:");
    }
    closedir(d);
    ROW(open("/proc/self/task/1", O_RDONLY));
    ROW(take("/proc/thread-self/comm"));
    int fd = open("/proc/self/comm", O_WRONLY);
    ROW(write(fd, "renamed\n", 8));
    close(fd);
    take("/proc/self/comm");
    show_text("comm", text, 8);
    pthread_cancel(thread);
    pthread_join(thread, NULL);
}

/* A child that has ended and is not waited for yet, and then is. */
static void going(void)
{
    char path[300];
    int p[2], fd, dir;
    pid_t pid;

    if (pipe(p)) return;
    pid = fork();
    if (pid == 0) {
        close(p[1]);
        char c;
        _exit(read(p[0], &c, 1) < 0);
    }
    snprintf(path, sizeof(path), "/proc/%d/stat", pid);
    fd = open(path, O_RDONLY);
    snprintf(path, sizeof(path), "/proc/%d", pid);
    dir = open(path, O_RDONLY | O_DIRECTORY);
    ROW(openat(dir, "status", O_RDONLY) >= 0);
    close(p[1]);
    usleep(100000);
    ROW(read(fd, text, 100) > 0);
    ROW(strstr(text, ") Z ") != NULL);
    ROW(faccessat(dir, "exe", F_OK, 0));
    ROW(readlinkat(dir, "exe", text, 100));
    ROW(readlinkat(dir, "cwd", text, 100));
    ROW(openat(dir, "cmdline", O_RDONLY) >= 0);
    snprintf(path, sizeof(path), "/proc/%d/maps", pid);
    ROW(take(path));
    snprintf(path, sizeof(path), "/proc/%d/status", pid);
    show_line(path, "State:");
    show_line(path, "Vm");
    waitpid(pid, NULL, 0);
    ROW(lseek(fd, 0, SEEK_SET));
    ROW(read(fd, text, 100));
    ROW(openat(dir, "status", O_RDONLY));
    ROW(open(path, O_RDONLY));
    ROW(count_names("/proc/self/fd") > 3);
}

/* Another user looks at process 1 and at itself. */
static void rights(void)
{
    int status;
    struct stat st;

    ROW(stat("/proc/self/environ", &st) == 0 ? st.st_mode : -1);
    ROW(stat("/proc/self/mem", &st) == 0 ? st.st_mode : -1);
    ROW(stat("/proc/self/fd", &st) == 0 ? st.st_mode : -1);
    fflush(stdout);
    if (fork() == 0) {
        if (setgid(1000) || setuid(1000)) _exit(1);
        ROW(open("/proc/1/environ", O_RDONLY));
        ROW(open("/proc/1/mem", O_RDONLY));
        ROW(open("/proc/1/maps", O_RDONLY));
        ROW(open("/proc/1/fd", O_RDONLY));
        ROW(readlink("/proc/1/exe", text, 100));
        ROW(readlink("/proc/1/cwd", text, 100));
        ROW(open("/proc/1/stat", O_RDONLY) >= 0);
        ROW(open("/proc/1/cmdline", O_RDONLY) >= 0);
        ROW(open("/proc/sys/kernel/hostname", O_WRONLY));
        ROW(open("/proc/self/oom_score_adj", O_WRONLY));
        fflush(stdout);
        _exit(0);
    }
    wait(&status);
    ROW(status);
}

static void system_files(void)
{
    static const char *const paths[] = {
        "/proc/sys/kernel/ostype",
        "/proc/sys/kernel/pid_max",
        "/proc/sys/kernel/random/uuid",
        "/proc/sys/fs/nr_open",
        "/proc/sys/vm/overcommit_ratio",
        "/proc/uptime",
        "/proc/loadavg",
    };

    for (unsigned i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        ROW(take(paths[i]) > 0);
    }
    take("/proc/sys/kernel/random/uuid");
    ROW(strlen(text));
    take("/proc/sys/kernel/pid_max");
    show_text("pid_max", text, 5);
    show_line("/proc/meminfo", "MemTotal:");
    show_line("/proc/meminfo", "MemFree:");
    show_line("/proc/meminfo", "SwapTotal:");
    show_line("/proc/stat", "cpu ");
    show_line("/proc/stat", "btime");
    show_line("/proc/cpuinfo", "processor\t: 0");
    ROW(open("/proc/version", O_WRONLY | O_TRUNC) >= 0);
    ROW(open("/proc/nothing", O_RDONLY));
    ROW(open("/proc/sys/kernel/nothing", O_RDONLY));
    ROW(unlink("/proc/version"));
    ROW(rename("/proc/version", "/proc/v"));
    ROW(symlink("x", "/proc/x"));
}

int main(void)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    work_in("proc_case");
    stat_and_status();
    links();
    maps();
    memory();
    tasks();
    going();
    rights();
    system_files();
    leave("proc_case");
    return 0;
}
