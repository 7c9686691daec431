/*
 * /init: the first process. It runs one job, tells the host how it went, and powers off.
 *
 *     host                     /dev/port/                    here
 *       | what to run            control  ------------------>  files put, directory, ...
 *       | standard input         in       ---------> 0 \
 *       | standard output        out      <--------- 1  > the job, in a session of its own
 *       | standard error         err      <--------- 2 /
 *       | signals                control  ------------------>  a process that passes them on
 *       | files got, status      control  <------------------  when the job has ended
 *
 * It is a Linux program without a C library, and takes from the kernel no more than it must:
 * there are two processes because each then waits for one thing only. The first waits for
 * children (also for those that lost their parent to it), the second for the host's words. If
 * the host goes away, whichever notices powers off.
 *
 * Without a command there is a shell: on the console with job control if the host has a
 * terminal, else one that reads commands from standard input. Without a control port
 * somebody else has started this machine, and there is a shell on the console, too.
 *
 * Not as the first process it is an ordinary program that mounts nothing and exits where it
 * would power off; its argument is the folder of the ports. So it can be tested by itself.
 */
#include "init/calls.h"
#include "init/control.h"
#include "init/strings.h"

enum {
    STATUS_NOT_RUNNABLE = 126,
    STATUS_NOT_FOUND = 127,
    STATUS_SIGNAL = 128, /* and the signal's number */
};

enum { TIOCSCTTY = 0x540e, TIOCSWINSZ = 0x5414 };

enum { WORDS = 1 << 15, GETS = 256, WORD_BYTES = 1 << 21, PATH_BYTES = 4096 };

/* What the host says before RUN. */
static struct {
    char *arguments[WORDS + 1];
    char *environment[WORDS + 1];
    char *gets[GETS];
    unsigned narguments, nenvironment, ngets;
    char bytes[WORD_BYTES]; /* the words themselves */
    size_t used;
    bool terminal;
    int error; /* of what must be there before the job can begin */
} asked;

static bool is_first; /* process of the machine */
static const char *ports = "/dev/port/";
static int job;

static _Noreturn void end(int status)
{
    if (is_first) {
        kill(-1, SIGKILL);
        power_off();
    }
    exit(status);
}

_Noreturn void control_lost(void)
{
    if (!is_first && job > 0) kill(-job, SIGKILL);
    if (is_first) power_off(); /* from either process */
    exit(STATUS_NOT_RUNNABLE);
}

static void say(const char *first, const char *second, const char *third)
{
    char line[PATH_BYTES + 100];

    if (join(line, sizeof(line), (const char *[]){first, second, third, "\n", NULL}))
        write(2, line, strlen(line));
}

/* ---- the machine ---- */

static bool is_there(const char *path)
{
    struct stat s;

    return stat(path, &s) == 0;
}

static void mount_at(const char *type, const char *where, const char *sign)
{
    if (is_there(sign)) return;
    mkdir(where, 0755);
    mount(type, where, type);
}

/* What is there already stays. */
static void make_places(void)
{
    mount_at("devtmpfs", "/dev", "/dev/null");
    mount_at("proc", "/proc", "/proc/self");
    mount_at("sysfs", "/sys", "/sys/kernel");
    mount_at("devpts", "/dev/pts", "/dev/pts/ptmx");
    mount_at("tmpfs", "/dev/shm", "/dev/shm");
    symlink("/proc/self/fd", "/dev/fd");
    symlink("/proc/self/fd/0", "/dev/stdin");
    symlink("/proc/self/fd/1", "/dev/stdout");
    symlink("/proc/self/fd/2", "/dev/stderr");
    sethostname("kilburn", 7);
}

/* Nothing that is opened later gets one of the first three numbers. */
static void fill_first_three(void)
{
    long fd;

    while ((fd = open("/dev/null", O_RDWR, 0)) >= 0 && fd < 3) {
    }
    if (fd >= 3) close((int)fd);
}

static long open_port(const char *name, int flags)
{
    char path[PATH_BYTES];

    if (!join(path, sizeof(path), (const char *[]){ports, name, NULL})) return -ENOENT;
    return open(path, flags | O_NOCTTY | O_CLOEXEC, 0);
}

/* ---- what to run ---- */

static char *keep(const char *word, size_t len)
{
    char *kept = asked.bytes + asked.used;

    if (len >= WORD_BYTES - asked.used) {
        asked.error = -E2BIG;
        return NULL;
    }
    memcpy(kept, word, len + 1);
    asked.used += len + 1;
    return kept;
}

static void keep_in(char **list, unsigned *n, unsigned most, const char *word, size_t len)
{
    if (*n == most) {
        asked.error = -E2BIG;
        return;
    }
    list[*n] = keep(word, len);
    if (list[*n]) ++*n;
}

static void go_to(const char *directory)
{
    long err = chdir(directory);

    if (!err) return;
    control_send_number(RECORD_REFUSED, (uint32_t)-err, directory);
    asked.error = (int)err;
}

static void put(const char *bytes, size_t len)
{
    char path[PATH_BYTES];
    uint32_t mode;

    if (len < sizeof(mode)) control_lost();
    memcpy(&mode, bytes, sizeof(mode));
    if (!join(path, sizeof(path), (const char *[]){bytes + sizeof(mode), NULL})) {
        path[0] = '\0'; /* which cannot be opened either */
    }
    int err = control_receive_file(path, mode);
    if (err) asked.error = err;
}

static void set_window(const char *bytes, size_t len)
{
    struct winsize size = {0};
    long fd;

    if (!asked.terminal || len != 4) return;
    memcpy(&size, bytes, 4);
    fd = open("/dev/console", O_RDWR | O_NOCTTY | O_CLOEXEC, 0);
    if (fd < 0) return;
    ioctl((int)fd, TIOCSWINSZ, &size);
    close((int)fd);
}

static void listen_until_run(void)
{
    static char bytes[RECORD_MOST + 1];

    for (;;) {
        struct header h = control_receive(bytes);
        switch (h.type) {
        case RECORD_ARGUMENT:
            keep_in(asked.arguments, &asked.narguments, WORDS, bytes, h.len);
            break;
        case RECORD_ENVIRONMENT:
            keep_in(asked.environment, &asked.nenvironment, WORDS, bytes, h.len);
            break;
        case RECORD_DIRECTORY:
            go_to(bytes);
            break;
        case RECORD_PUT:
            put(bytes, h.len);
            break;
        case RECORD_GET:
            keep_in(asked.gets, &asked.ngets, GETS, bytes, h.len);
            break;
        case RECORD_TERMINAL:
            asked.terminal = true;
            break;
        case RECORD_WINDOW:
            set_window(bytes, h.len);
            break;
        case RECORD_RUN:
            return;
        default: /* a newer host than we are: its words mean nothing to us */
            break;
        }
    }
}

/* ---- the job ---- */

static const char *variable(const char *name)
{
    for (unsigned i = 0; i < asked.nenvironment; i++) {
        if (starts_with(asked.environment[i], name))
            return asked.environment[i] + strlen(name);
    }
    return NULL;
}

/* As shells do: what the kernel does not know how to run is a script for sh. */
static long execute(const char *path)
{
    static char shell[] = "sh", *script[WORDS + 2];
    long err = execve(path, asked.arguments, asked.environment);

    if (err != -ENOEXEC) return err;
    script[0] = shell;
    script[1] = (char *)(size_t)path;
    memcpy(script + 2, asked.arguments + 1, (WORDS - 1) * sizeof(char *));
    return execve("/bin/sh", script, asked.environment);
}

/* The first of the directories that has it. The error, if none can be run. */
static long search(const char *name)
{
    const char *at = variable("PATH="), *colon;
    long err = -ENOENT;

    for (; at; at = colon ? colon + 1 : NULL) {
        char directory[PATH_BYTES] = "", path[PATH_BYTES];
        colon = strchr(at, ':');
        size_t len = colon ? (size_t)(colon - at) : strlen(at);
        if (len < sizeof(directory)) memcpy(directory, at, len);
        if (!join(path, sizeof(path),
                  (const char *[]){len ? directory : ".", "/", name, NULL}))
            continue;
        long e = execute(path);
        if (e != -ENOENT && e != -ENOTDIR && err == -ENOENT) err = e;
    }
    return err;
}

static const char *reason(long err)
{
    switch (-err) {
    case E2BIG:
        return ": the argument list is too long";
    case ENOEXEC:
        return ": cannot run: no program";
    case ENOMEM:
        return ": cannot run: no memory";
    case EACCES:
        return ": permission denied";
    case EISDIR:
        return ": is a directory";
    case ELOOP:
        return ": too many symbolic links";
    default:
        return ": cannot run";
    }
}

static _Noreturn void become_command(void)
{
    const char *name = asked.arguments[0];
    long err = *name == '\0' ? -ENOENT : strchr(name, '/') ? execute(name) : search(name);

    if (err == -ENOENT || err == -ENOTDIR) {
        say("kilburn: ", name, ": not found");
        exit(STATUS_NOT_FOUND);
    }
    say("kilburn: ", name, reason(err));
    exit(STATUS_NOT_RUNNABLE);
}

static _Noreturn void become_shell(void)
{
    static const char *const shells[] = {"/bin/bash", "/bin/sh"};
    static const char *const names[] = {"-bash", "-sh"}; /* a login has the dash */

    for (unsigned i = 0; i < 2; i++) {
        asked.arguments[0] = (char *)(size_t)(names[i] + (asked.terminal ? 0 : 1));
        execve(shells[i], asked.arguments, asked.environment);
    }
    say("kilburn: ", "/bin/sh", ": not found");
    exit(STATUS_NOT_FOUND);
}

static void use_console(void)
{
    long fd = open("/dev/console", O_RDWR | O_NOCTTY | O_CLOEXEC, 0);

    if (fd < 0) exit(STATUS_NOT_RUNNABLE);
    ioctl((int)fd, TIOCSCTTY, NULL);
    for (int i = 0; i < 3; i++) {
        dup3((int)fd, i, 0);
    }
}

static void use_ports(void)
{
    static const struct {
        const char *name;
        int flags;
    } streams[] = {{"in", O_RDONLY}, {"out", O_WRONLY}, {"err", O_WRONLY}};

    for (int i = 0; i < 3; i++) {
        long fd = open_port(streams[i].name, streams[i].flags);
        if (fd < 0) exit(STATUS_NOT_RUNNABLE);
        dup3((int)fd, i, 0);
    }
}

static _Noreturn void become_job(void)
{
    setsid();
    if (asked.terminal) {
        use_console();
    } else {
        use_ports();
    }
    if (asked.narguments) become_command();
    become_shell();
}

/* Comes back when the job has a session of its own, and runs or has failed to. */
static int start_job(void)
{
    int ends[2];
    char byte;

    long err = pipe2(ends, O_CLOEXEC);
    if (err) return (int)err;
    long pid = fork();
    if (pid == 0) become_job();
    close(ends[1]);
    if (pid > 0) read(ends[0], &byte, 1);
    close(ends[0]);
    return (int)pid;
}

static _Noreturn void pass_on(void)
{
    static char bytes[RECORD_MOST + 1];
    uint32_t number;

    for (;;) {
        struct header h = control_receive(bytes);
        if (h.type == RECORD_WINDOW) set_window(bytes, h.len);
        if (h.type != RECORD_SIGNAL || h.len != sizeof(number)) continue;
        memcpy(&number, bytes, sizeof(number));
        kill(-job, (int)number);
    }
}

static int status_of(int waited)
{
    int number = waited & 0x7f;

    return number ? STATUS_SIGNAL + number : waited >> 8 & 0xff;
}

/* Waits until `pid` has ended, and for whoever ends before. */
static int reap_until(int pid)
{
    int waited = 0;
    long ended;

    do {
        ended = wait4(-1, &waited);
    } while (ended != pid && ended != -ECHILD);
    return status_of(waited);
}

/* Nobody is to change files or to write to a port any more. */
static void end_all_others(int listener)
{
    if (!is_first) {
        kill(listener, SIGKILL);
        return;
    }
    kill(-1, SIGKILL);
    while (wait4(-1, NULL) != -ECHILD) {
    }
}

static int run_job(bool listen)
{
    int listener = 0;

    if (asked.error) return STATUS_NOT_RUNNABLE;
    job = start_job();
    if (job < 0) return STATUS_NOT_RUNNABLE;
    if (listen) listener = (int)fork();
    if (listen && listener == 0) pass_on();
    int status = reap_until(job);
    end_all_others(listener);
    return status;
}

static void use_own_settings(void)
{
    static char path[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin", home[] = "HOME=/root",
                term[] = "TERM=vt100";

    asked.environment[0] = path;
    asked.environment[1] = home;
    asked.environment[2] = term;
    asked.nenvironment = 3;
    asked.terminal = true;
}

_Noreturn void init_main(char **stack);
_Noreturn void init_main(char **stack)
{
    char path[PATH_BYTES];

    is_first = getpid() == 1;
    umask(022);
    if (is_first) {
        make_places();
    } else if ((size_t)stack[0] > 1) {
        ports = stack[2];
    }
    fill_first_three();
    bool host = join(path, sizeof(path), (const char *[]){ports, "control", NULL}) &&
                control_open(path);
    if (!is_first && !host) exit(STATUS_NOT_RUNNABLE);
    if (chdir("/root")) chdir("/");
    if (host) {
        listen_until_run();
    } else {
        use_own_settings();
    }
    int status = run_job(host);
    for (unsigned i = 0; host && i < asked.ngets; i++) {
        control_send_file(asked.gets[i]);
    }
    if (host) control_send_number(RECORD_STATUS, (uint32_t)status, "");
    end(status);
}
