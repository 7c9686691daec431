/* Names of numbers, for strace: flags, commands, errors. */
#include "lib/errno.h"
#include "lib/string.h"
#include "syscall/strace_internal.h"

struct name {
    const char *text;
    uint64_t value;
};

/* Flags: bits, and for some kinds a number in the lowest bits, of which one always stands. */
static const struct name open_modes[] = {
    {"O_RDONLY", 0}, {"O_WRONLY", 1}, {"O_RDWR", 2}, {"O_ACCMODE", 3}, {0}};

/* Those of several bits before those that are part of them. */
static const struct name open_bits[] = {
    {"O_CREAT", 0100},        {"O_EXCL", 0200},         {"O_NOCTTY", 0400},
    {"O_TRUNC", 01000},       {"O_APPEND", 02000},      {"O_NONBLOCK", 04000},
    {"O_SYNC", 04010000},     {"O_DSYNC", 010000},      {"O_ASYNC", 020000},
    {"O_DIRECT", 040000},     {"O_LARGEFILE", 0100000}, {"O_TMPFILE", 020200000},
    {"O_DIRECTORY", 0200000}, {"O_NOFOLLOW", 0400000},  {"O_NOATIME", 01000000},
    {"O_CLOEXEC", 02000000},  {"O_PATH", 010000000},    {0},
};

static const struct name prot_none[] = {{"PROT_NONE", 0}, {0}};
static const struct name prot_bits[] = {{"PROT_READ", 1},
                                        {"PROT_WRITE", 2},
                                        {"PROT_EXEC", 4},
                                        {"PROT_SEM", 8},
                                        {"PROT_GROWSDOWN", 0x01000000},
                                        {"PROT_GROWSUP", 0x02000000},
                                        {0}};

static const struct name map_types[] = {{"MAP_FILE", 0},
                                        {"MAP_SHARED", 1},
                                        {"MAP_PRIVATE", 2},
                                        {"MAP_SHARED_VALIDATE", 3},
                                        {0}};
static const struct name map_bits[] = {
    {"MAP_FIXED", 0x10},
    {"MAP_ANONYMOUS", 0x20},
    {"MAP_GROWSDOWN", 0x100},
    {"MAP_DENYWRITE", 0x800},
    {"MAP_EXECUTABLE", 0x1000},
    {"MAP_LOCKED", 0x2000},
    {"MAP_NORESERVE", 0x4000},
    {"MAP_POPULATE", 0x8000},
    {"MAP_NONBLOCK", 0x10000},
    {"MAP_STACK", 0x20000},
    {"MAP_HUGETLB", 0x40000},
    {"MAP_SYNC", 0x80000},
    {"MAP_FIXED_NOREPLACE", 0x100000},
    {0},
};

/* The lowest byte is the signal at the child's end. */
static const struct name clone_bits[] = {
    {"CLONE_VM", 0x100},
    {"CLONE_FS", 0x200},
    {"CLONE_FILES", 0x400},
    {"CLONE_SIGHAND", 0x800},
    {"CLONE_PIDFD", 0x1000},
    {"CLONE_PTRACE", 0x2000},
    {"CLONE_VFORK", 0x4000},
    {"CLONE_PARENT", 0x8000},
    {"CLONE_THREAD", 0x10000},
    {"CLONE_NEWNS", 0x20000},
    {"CLONE_SYSVSEM", 0x40000},
    {"CLONE_SETTLS", 0x80000},
    {"CLONE_PARENT_SETTID", 0x100000},
    {"CLONE_CHILD_CLEARTID", 0x200000},
    {"CLONE_DETACHED", 0x400000},
    {"CLONE_UNTRACED", 0x800000},
    {"CLONE_CHILD_SETTID", 0x1000000},
    {"CLONE_NEWCGROUP", 0x2000000},
    {"CLONE_NEWUTS", 0x4000000},
    {"CLONE_NEWIPC", 0x8000000},
    {"CLONE_NEWUSER", 0x10000000},
    {"CLONE_NEWPID", 0x20000000},
    {"CLONE_NEWNET", 0x40000000},
    {"CLONE_IO", 0x80000000},
    {0},
};

static const struct name at_bits[] = {
    {"AT_SYMLINK_NOFOLLOW", 0x100}, {"AT_REMOVEDIR", 0x200},
    {"AT_SYMLINK_FOLLOW", 0x400},   {"AT_NO_AUTOMOUNT", 0x800},
    {"AT_EMPTY_PATH", 0x1000},      {0}};

static const struct name wait_bits[] = {
    {"WNOHANG", 1},         {"WSTOPPED", 2},          {"WEXITED", 4},
    {"WCONTINUED", 8},      {"WNOWAIT", 0x1000000},   {"__WNOTHREAD", 0x20000000},
    {"__WALL", 0x40000000}, {"__WCLONE", 0x80000000}, {0}};

static const struct name futex_bits[] = {
    {"FUTEX_PRIVATE_FLAG", 128}, {"FUTEX_CLOCK_REALTIME", 256}, {0}};
static const struct name futex_operations[] = {{"FUTEX_WAIT", 0},
                                               {"FUTEX_WAKE", 1},
                                               {"FUTEX_FD", 2},
                                               {"FUTEX_REQUEUE", 3},
                                               {"FUTEX_CMP_REQUEUE", 4},
                                               {"FUTEX_WAKE_OP", 5},
                                               {"FUTEX_LOCK_PI", 6},
                                               {"FUTEX_UNLOCK_PI", 7},
                                               {"FUTEX_TRYLOCK_PI", 8},
                                               {"FUTEX_WAIT_BITSET", 9},
                                               {"FUTEX_WAKE_BITSET", 10},
                                               {"FUTEX_WAIT_REQUEUE_PI", 11},
                                               {"FUTEX_CMP_REQUEUE_PI", 12},
                                               {0}};

/* Numbers. */
static const struct name signals[] = {{"SIGHUP", 1},
                                      {"SIGINT", 2},
                                      {"SIGQUIT", 3},
                                      {"SIGILL", 4},
                                      {"SIGTRAP", 5},
                                      {"SIGABRT", 6},
                                      {"SIGBUS", 7},
                                      {"SIGFPE", 8},
                                      {"SIGKILL", 9},
                                      {"SIGUSR1", 10},
                                      {"SIGSEGV", 11},
                                      {"SIGUSR2", 12},
                                      {"SIGPIPE", 13},
                                      {"SIGALRM", 14},
                                      {"SIGTERM", 15},
                                      {"SIGSTKFLT", 16},
                                      {"SIGCHLD", 17},
                                      {"SIGCONT", 18},
                                      {"SIGSTOP", 19},
                                      {"SIGTSTP", 20},
                                      {"SIGTTIN", 21},
                                      {"SIGTTOU", 22},
                                      {"SIGURG", 23},
                                      {"SIGXCPU", 24},
                                      {"SIGXFSZ", 25},
                                      {"SIGVTALRM", 26},
                                      {"SIGPROF", 27},
                                      {"SIGWINCH", 28},
                                      {"SIGIO", 29},
                                      {"SIGPWR", 30},
                                      {"SIGSYS", 31},
                                      {"SIGRT_0", 32},
                                      {"SIGRT_1", 33},
                                      {"SIGRT_2", 34},
                                      {0}};

static const struct name advice[] = {
    {"MADV_NORMAL", 0},          {"MADV_RANDOM", 1},
    {"MADV_SEQUENTIAL", 2},      {"MADV_WILLNEED", 3},
    {"MADV_DONTNEED", 4},        {"MADV_FREE", 8},
    {"MADV_REMOVE", 9},          {"MADV_DONTFORK", 10},
    {"MADV_DOFORK", 11},         {"MADV_MERGEABLE", 12},
    {"MADV_UNMERGEABLE", 13},    {"MADV_HUGEPAGE", 14},
    {"MADV_NOHUGEPAGE", 15},     {"MADV_DONTDUMP", 16},
    {"MADV_DODUMP", 17},         {"MADV_WIPEONFORK", 18},
    {"MADV_KEEPONFORK", 19},     {"MADV_COLD", 20},
    {"MADV_PAGEOUT", 21},        {"MADV_POPULATE_READ", 22},
    {"MADV_POPULATE_WRITE", 23}, {0}};

static const struct name clocks[] = {{"CLOCK_REALTIME", 0},
                                     {"CLOCK_MONOTONIC", 1},
                                     {"CLOCK_PROCESS_CPUTIME_ID", 2},
                                     {"CLOCK_THREAD_CPUTIME_ID", 3},
                                     {"CLOCK_MONOTONIC_RAW", 4},
                                     {"CLOCK_REALTIME_COARSE", 5},
                                     {"CLOCK_MONOTONIC_COARSE", 6},
                                     {"CLOCK_BOOTTIME", 7},
                                     {"CLOCK_REALTIME_ALARM", 8},
                                     {"CLOCK_BOOTTIME_ALARM", 9},
                                     {"CLOCK_TAI", 11},
                                     {0}};

static const struct name limits[] = {{"RLIMIT_CPU", 0},
                                     {"RLIMIT_FSIZE", 1},
                                     {"RLIMIT_DATA", 2},
                                     {"RLIMIT_STACK", 3},
                                     {"RLIMIT_CORE", 4},
                                     {"RLIMIT_RSS", 5},
                                     {"RLIMIT_NPROC", 6},
                                     {"RLIMIT_NOFILE", 7},
                                     {"RLIMIT_MEMLOCK", 8},
                                     {"RLIMIT_AS", 9},
                                     {"RLIMIT_LOCKS", 10},
                                     {"RLIMIT_SIGPENDING", 11},
                                     {"RLIMIT_MSGQUEUE", 12},
                                     {"RLIMIT_NICE", 13},
                                     {"RLIMIT_RTPRIO", 14},
                                     {"RLIMIT_RTTIME", 15},
                                     {0}};

static const struct name fcntl_commands[] = {{"F_DUPFD", 0},
                                             {"F_GETFD", 1},
                                             {"F_SETFD", 2},
                                             {"F_GETFL", 3},
                                             {"F_SETFL", 4},
                                             {"F_GETLK", 5},
                                             {"F_SETLK", 6},
                                             {"F_SETLKW", 7},
                                             {"F_SETOWN", 8},
                                             {"F_GETOWN", 9},
                                             {"F_SETSIG", 10},
                                             {"F_GETSIG", 11},
                                             {"F_OFD_GETLK", 36},
                                             {"F_OFD_SETLK", 37},
                                             {"F_OFD_SETLKW", 38},
                                             {"F_SETLEASE", 1024},
                                             {"F_GETLEASE", 1025},
                                             {"F_DUPFD_CLOEXEC", 1030},
                                             {"F_SETPIPE_SZ", 1031},
                                             {"F_GETPIPE_SZ", 1032},
                                             {"F_ADD_SEALS", 1033},
                                             {"F_GET_SEALS", 1034},
                                             {0}};

static const struct name whences[] = {{"SEEK_SET", 0},  {"SEEK_CUR", 1},  {"SEEK_END", 2},
                                      {"SEEK_DATA", 3}, {"SEEK_HOLE", 4}, {0}};

static const struct name requests[] = {{"TCGETS", 0x5401},
                                       {"TCSETS", 0x5402},
                                       {"TCSETSW", 0x5403},
                                       {"TCSETSF", 0x5404},
                                       {"TCGETS2", 0x802c542a},
                                       {"TIOCSCTTY", 0x540e},
                                       {"TIOCGPGRP", 0x540f},
                                       {"TIOCSPGRP", 0x5410},
                                       {"TIOCGWINSZ", 0x5413},
                                       {"TIOCSWINSZ", 0x5414},
                                       {"FIONREAD", 0x541b},
                                       {"FIONBIO", 0x5421},
                                       {"TIOCNOTTY", 0x5422},
                                       {"TIOCGSID", 0x5429},
                                       {"TIOCGPTN", 0x80045430},
                                       {"TIOCSPTLCK", 0x40045431},
                                       {"FIOCLEX", 0x5451},
                                       {"FIONCLEX", 0x5450},
                                       {0}};

static const struct name policies[] = {{"SCHED_OTHER", 0},
                                       {"SCHED_FIFO", 1},
                                       {"SCHED_RR", 2},
                                       {"SCHED_BATCH", 3},
                                       {"SCHED_IDLE", 5},
                                       {"SCHED_DEADLINE", 6},
                                       {0}};

static const struct name process_controls[] = {{"PR_SET_PDEATHSIG", 1},
                                               {"PR_GET_PDEATHSIG", 2},
                                               {"PR_GET_DUMPABLE", 3},
                                               {"PR_SET_DUMPABLE", 4},
                                               {"PR_GET_KEEPCAPS", 7},
                                               {"PR_SET_KEEPCAPS", 8},
                                               {"PR_SET_NAME", 15},
                                               {"PR_GET_NAME", 16},
                                               {"PR_GET_SECCOMP", 21},
                                               {"PR_SET_SECCOMP", 22},
                                               {"PR_CAPBSET_READ", 23},
                                               {"PR_CAPBSET_DROP", 24},
                                               {"PR_SET_TIMERSLACK", 29},
                                               {"PR_GET_TIMERSLACK", 30},
                                               {"PR_SET_MM", 35},
                                               {"PR_SET_CHILD_SUBREAPER", 36},
                                               {"PR_GET_CHILD_SUBREAPER", 37},
                                               {"PR_SET_NO_NEW_PRIVS", 38},
                                               {"PR_GET_NO_NEW_PRIVS", 39},
                                               {"PR_CAP_AMBIENT", 47},
                                               {"PR_SET_VMA", 0x53564d41},
                                               {0}};

/* A value is a number of `mask`, named by `numbers`, and bits outside of it. */
static const struct {
    const char *kind;
    uint64_t mask;
    const struct name *numbers, *bits; /* NULL: there are none */
    bool zero; /* the number is shown though it is 0 and bits follow */
    bool last; /* the number stands behind the bits */
} kinds[] = {
    {"open_flags", 3, open_modes, open_bits, true, false},
    {"prot", 0, prot_none, prot_bits, false, false},
    {"map_flags", 15, map_types, map_bits, true, false},
    {"clone_flags", 0xff, signals, clone_bits, false, true},
    {"at_flags", 0, NULL, at_bits, false, false},
    {"wait_options", 0, NULL, wait_bits, false, false},
    {"futex_op", 0x7f, futex_operations, futex_bits, true, false},
    {"madvise", ~0ul, advice, NULL, true, false},
    {"signal", 0xffffffff, signals, NULL, true, false},
    {"clock", 0xffffffff, clocks, NULL, true, false},
    {"rlimit", 0xffffffff, limits, NULL, true, false},
    {"fcntl", 0xffffffff, fcntl_commands, NULL, true, false},
    {"whence", 0xffffffff, whences, NULL, true, false},
    {"sched", 0xffffffff, policies, NULL, true, false},
    {"prctl", 0xffffffff, process_controls, NULL, true, false},
    {"ioctl", 0xffffffff, requests, NULL, true, false},
};

static const char *find(const struct name *names, uint64_t value)
{
    for (; names && names->text; names++) {
        if (names->value == value) return names->text;
    }
    return NULL;
}

/* A number: its name, or as it is. */
static void put_number(struct strace_line *l, const struct name *names, uint64_t value)
{
    const char *name = find(names, value);

    if (name) {
        strace_put(l, "%s", name);
    } else {
        strace_put(l, value ? "0x%lx" : "%lu", value);
    }
}

/* Bits, with bars between and before; and what has no name. */
static const char *put_bits(struct strace_line *l, const struct name *names,
                            uint64_t bits, const char *bar)
{
    for (; names && names->text; names++) {
        if ((bits & names->value) != names->value) continue;
        strace_put(l, "%s%s", bar, names->text);
        bits &= ~names->value;
        bar = "|";
    }
    if (!bits) return bar;
    strace_put(l, "%s0x%lx", bar, bits);
    return "|";
}

bool strace_put_named(struct strace_line *l, const char *kind, size_t len, uint64_t value)
{
    for (unsigned i = 0; i < ARRAY_SIZE(kinds); i++) {
        if (strlen(kinds[i].kind) != len || memcmp(kinds[i].kind, kind, len) != 0)
            continue;
        uint64_t number = value & kinds[i].mask, bits = value & ~kinds[i].mask;
        bool shown = number || kinds[i].zero || !bits;
        const char *bar = "";
        if (!kinds[i].bits) bits = 0;
        if (shown && !kinds[i].last) {
            put_number(l, kinds[i].numbers, number);
            bar = "|";
        }
        bar = put_bits(l, kinds[i].bits, bits, bar);
        if (!shown || !kinds[i].last) return true;
        strace_put(l, "%s", bar);
        put_number(l, kinds[i].numbers, number);
        return true;
    }
    return false;
}

static const struct {
    int number;
    const char *name, *meaning;
} errors[] = {
    {EPERM, "EPERM", "Operation not permitted"},
    {ENOENT, "ENOENT", "No such file or directory"},
    {ESRCH, "ESRCH", "No such process"},
    {EINTR, "EINTR", "Interrupted system call"},
    {EIO, "EIO", "Input/output error"},
    {ENXIO, "ENXIO", "No such device or address"},
    {E2BIG, "E2BIG", "Argument list too long"},
    {ENOEXEC, "ENOEXEC", "Exec format error"},
    {EBADF, "EBADF", "Bad file descriptor"},
    {ECHILD, "ECHILD", "No child processes"},
    {EAGAIN, "EAGAIN", "Resource temporarily unavailable"},
    {ENOMEM, "ENOMEM", "Cannot allocate memory"},
    {EACCES, "EACCES", "Permission denied"},
    {EFAULT, "EFAULT", "Bad address"},
    {ENOTBLK, "ENOTBLK", "Block device required"},
    {EBUSY, "EBUSY", "Device or resource busy"},
    {EEXIST, "EEXIST", "File exists"},
    {EXDEV, "EXDEV", "Invalid cross-device link"},
    {ENODEV, "ENODEV", "No such device"},
    {ENOTDIR, "ENOTDIR", "Not a directory"},
    {EISDIR, "EISDIR", "Is a directory"},
    {EINVAL, "EINVAL", "Invalid argument"},
    {ENFILE, "ENFILE", "Too many open files in system"},
    {EMFILE, "EMFILE", "Too many open files"},
    {ENOTTY, "ENOTTY", "Inappropriate ioctl for device"},
    {ETXTBSY, "ETXTBSY", "Text file busy"},
    {EFBIG, "EFBIG", "File too large"},
    {ENOSPC, "ENOSPC", "No space left on device"},
    {ESPIPE, "ESPIPE", "Illegal seek"},
    {EROFS, "EROFS", "Read-only file system"},
    {EMLINK, "EMLINK", "Too many links"},
    {EPIPE, "EPIPE", "Broken pipe"},
    {EDOM, "EDOM", "Numerical argument out of domain"},
    {ERANGE, "ERANGE", "Numerical result out of range"},
    {EDEADLK, "EDEADLK", "Resource deadlock avoided"},
    {ENAMETOOLONG, "ENAMETOOLONG", "File name too long"},
    {ENOLCK, "ENOLCK", "No locks available"},
    {ENOSYS, "ENOSYS", "Function not implemented"},
    {ENOTEMPTY, "ENOTEMPTY", "Directory not empty"},
    {ELOOP, "ELOOP", "Too many levels of symbolic links"},
    {ENOMSG, "ENOMSG", "No message of desired type"},
    {EIDRM, "EIDRM", "Identifier removed"},
    {ENODATA, "ENODATA", "No data available"},
    {ETIME, "ETIME", "Timer expired"},
    {EPROTO, "EPROTO", "Protocol error"},
    {EBADMSG, "EBADMSG", "Bad message"},
    {EOVERFLOW, "EOVERFLOW", "Value too large for defined data type"},
    {ELIBBAD, "ELIBBAD", "Accessing a corrupted shared library"},
    {EILSEQ, "EILSEQ", "Invalid or incomplete multibyte or wide character"},
    {EUSERS, "EUSERS", "Too many users"},
    {ENOTSOCK, "ENOTSOCK", "Socket operation on non-socket"},
    {EDESTADDRREQ, "EDESTADDRREQ", "Destination address required"},
    {EMSGSIZE, "EMSGSIZE", "Message too long"},
    {EPROTOTYPE, "EPROTOTYPE", "Protocol wrong type for socket"},
    {ENOPROTOOPT, "ENOPROTOOPT", "Protocol not available"},
    {EPROTONOSUPPORT, "EPROTONOSUPPORT", "Protocol not supported"},
    {ESOCKTNOSUPPORT, "ESOCKTNOSUPPORT", "Socket type not supported"},
    {EOPNOTSUPP, "EOPNOTSUPP", "Operation not supported"},
    {EPFNOSUPPORT, "EPFNOSUPPORT", "Protocol family not supported"},
    {EAFNOSUPPORT, "EAFNOSUPPORT", "Address family not supported by protocol"},
    {EADDRINUSE, "EADDRINUSE", "Address already in use"},
    {EADDRNOTAVAIL, "EADDRNOTAVAIL", "Cannot assign requested address"},
    {ENETDOWN, "ENETDOWN", "Network is down"},
    {ENETUNREACH, "ENETUNREACH", "Network is unreachable"},
    {ENETRESET, "ENETRESET", "Network dropped connection on reset"},
    {ECONNABORTED, "ECONNABORTED", "Software caused connection abort"},
    {ECONNRESET, "ECONNRESET", "Connection reset by peer"},
    {ENOBUFS, "ENOBUFS", "No buffer space available"},
    {EISCONN, "EISCONN", "Transport endpoint is already connected"},
    {ENOTCONN, "ENOTCONN", "Transport endpoint is not connected"},
    {ESHUTDOWN, "ESHUTDOWN", "Cannot send after transport endpoint shutdown"},
    {ETOOMANYREFS, "ETOOMANYREFS", "Too many references: cannot splice"},
    {ETIMEDOUT, "ETIMEDOUT", "Connection timed out"},
    {ECONNREFUSED, "ECONNREFUSED", "Connection refused"},
    {EHOSTDOWN, "EHOSTDOWN", "Host is down"},
    {EHOSTUNREACH, "EHOSTUNREACH", "No route to host"},
    {EALREADY, "EALREADY", "Operation already in progress"},
    {EINPROGRESS, "EINPROGRESS", "Operation now in progress"},
    {ESTALE, "ESTALE", "Stale file handle"},
    {EDQUOT, "EDQUOT", "Disk quota exceeded"},
    {ECANCELED, "ECANCELED", "Operation canceled"},
    {EOWNERDEAD, "EOWNERDEAD", "Owner died"},
    {ENOTRECOVERABLE, "ENOTRECOVERABLE", "State not recoverable"},
    {ERESTARTSYS, "ERESTARTSYS", "To be restarted if SA_RESTART is set"},
};

const char *strace_error_name(int error, const char **meaning)
{
    for (unsigned i = 0; i < ARRAY_SIZE(errors); i++) {
        if (errors[i].number != error) continue;
        *meaning = errors[i].meaning;
        return errors[i].name;
    }
    return NULL;
}
