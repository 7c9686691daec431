/* How system calls are shown: arguments by the words of their rows, and results. */
// sources: kernel/syscall/strace_format.c kernel/syscall/strace_names.c
// sources: kernel/lib/printf.c
#include "lib/errno.h"
#include "mm/uaccess.h"
#include "syscall/strace_internal.h"
#include "test.h"

/* The program's memory. */
#define FAKE_USER 0x10000ul
static char fake_user[1 << 12];

static bool is_there(vaddr_t va, size_t len)
{
    return va.raw >= FAKE_USER && va.raw - FAKE_USER <= sizeof(fake_user) - len;
}

int copy_from_user(void *to, vaddr_t from, size_t len)
{
    if (!is_there(from, len)) return -EFAULT;
    memcpy(to, fake_user + (from.raw - FAKE_USER), len);
    return 0;
}

int get_user32(vaddr_t from, uint32_t *out)
{
    return copy_from_user(out, from, sizeof(*out));
}

int get_user64(vaddr_t from, uint64_t *out)
{
    return copy_from_user(out, from, sizeof(*out));
}

long strncpy_from_user(char *to, vaddr_t from, size_t size)
{
    for (size_t n = 0; n < size; n++) {
        if (copy_from_user(to + n, va_add(from, n), 1)) return -EFAULT;
        if (to[n] == 0) return (long)n;
    }
    return -ENAMETOOLONG;
}

static struct strace_line line;

/* Before the call, and all of it after one that returned `result`. */
static const char *before(const char *kinds, const uint64_t arg[6])
{
    line.len = 0;
    line.text[0] = 0;
    strace_put_arguments(&line, kinds, arg, 0, NULL);
    return line.text;
}

static const char *after(const char *kinds, const uint64_t arg[6], long result)
{
    line.len = 0;
    line.text[0] = 0;
    unsigned n = strace_put_arguments(&line, kinds, arg, 0, NULL);
    strace_put_arguments(&line, kinds, arg, n, &result);
    return line.text;
}

static const char *one(const char *kind, uint64_t value)
{
    const uint64_t arg[6] = {value};

    return before(kind, arg);
}

static const char *result(long value)
{
    line.len = 0;
    strace_put_result(&line, value, false);
    return line.text;
}

/* The address of a copy of the bytes in the program's memory. */
static uint64_t user(size_t at, const void *bytes, size_t len)
{
    memcpy(fake_user + at, bytes, len);
    return FAKE_USER + at;
}

TEST(numbers_are_as_wide_as_their_words)
{
    EXPECT_STR(one("int", 0xffffffffffffffff), "-1");
    EXPECT_STR(one("fd", 0xabcd00000003), "3");
    EXPECT_STR(one("long", (uint64_t)-5), "-5");
    EXPECT_STR(one("size", 0xffffffffffffffff), "18446744073709551615");
    EXPECT_STR(one("hex", 0), "0");
    EXPECT_STR(one("hex", 255), "0xff");
    EXPECT_STR(one("nobody_knows_it", 255), "0xff");
    EXPECT_STR(one("ptr", 0), "NULL");
    EXPECT_STR(one("ptr", 0x1000), "0x1000");
    EXPECT_STR(one("dirfd", (uint64_t)-100), "AT_FDCWD");
    EXPECT_STR(one("dirfd", 0xffffff9cul), "AT_FDCWD");
    EXPECT_STR(one("dirfd", 7), "7");
    EXPECT_STR(one("mode", 0644), "0644");
    EXPECT_STR(one("mode", 0), "0");
    EXPECT_STR(one("oct", 022), "022");
    EXPECT_STR(one("id", 0xffffffff), "-1");
}

TEST(flags_have_names_and_the_rest_is_hex)
{
    EXPECT_STR(one("open_flags", 0), "O_RDONLY");
    EXPECT_STR(one("open_flags", 02000000), "O_RDONLY|O_CLOEXEC");
    EXPECT_STR(one("open_flags", 01 | 0100 | 01000), "O_WRONLY|O_CREAT|O_TRUNC");
    EXPECT_STR(one("open_flags", 04010002), "O_RDWR|O_SYNC");
    EXPECT_STR(one("open_flags", 020200001), "O_WRONLY|O_TMPFILE");
    EXPECT_STR(one("open_flags", 0x80000000), "O_RDONLY|0x80000000");
    EXPECT_STR(one("prot", 0), "PROT_NONE");
    EXPECT_STR(one("prot", 3), "PROT_READ|PROT_WRITE");
    EXPECT_STR(one("map_flags", 0x22), "MAP_PRIVATE|MAP_ANONYMOUS");
    EXPECT_STR(one("clone_flags", 17), "SIGCHLD");
    EXPECT_STR(one("clone_flags", 0x1200011),
               "CLONE_CHILD_CLEARTID|CLONE_CHILD_SETTID|SIGCHLD");
    EXPECT_STR(one("clone_flags", 0x100), "CLONE_VM");
    EXPECT_STR(one("clone_flags", 0), "0");
    EXPECT_STR(one("at_flags", 0), "0");
    EXPECT_STR(one("at_flags", 0x1100), "AT_SYMLINK_NOFOLLOW|AT_EMPTY_PATH");
    EXPECT_STR(one("wait_options", 1), "WNOHANG");
    EXPECT_STR(one("futex_op", 128), "FUTEX_WAIT|FUTEX_PRIVATE_FLAG");
    EXPECT_STR(one("futex_op", 129), "FUTEX_WAKE|FUTEX_PRIVATE_FLAG");
    EXPECT_STR(one("signal", 9), "SIGKILL");
    EXPECT_STR(one("signal", 60), "0x3c");
    EXPECT_STR(one("madvise", 4), "MADV_DONTNEED");
    EXPECT_STR(one("clock", 1), "CLOCK_MONOTONIC");
    EXPECT_STR(one("rlimit", 7), "RLIMIT_NOFILE");
    EXPECT_STR(one("fcntl", 1030), "F_DUPFD_CLOEXEC");
    EXPECT_STR(one("whence", 2), "SEEK_END");
    EXPECT_STR(one("ioctl", 0x5413), "TIOCGWINSZ");
    EXPECT_STR(one("sched", 1), "SCHED_FIFO");
    EXPECT_STR(one("prctl", 15), "PR_SET_NAME");
}

TEST(strings_are_quoted_and_cut)
{
    char many[400];

    memset(many, 'x', sizeof(many));
    EXPECT_STR(one("path", user(0, "/etc/passwd", 12)), "\"/etc/passwd\"");
    EXPECT_STR(one("str", user(0, "a\"b\\\n\t\001\377", 9)),
               "\"a\\\"b\\\\\\n\\t\\001\\377\"");
    EXPECT_STR(one("path", 0), "NULL");
    EXPECT_STR(one("path", 0x10), "0x10");
    many[sizeof(many) - 1] = 0;
    EXPECT_EQ(strlen(one("path", user(0, many, sizeof(many)))), 256 + 2 + 3);
    const uint64_t write[6] = {1, user(0, many, 40), 40};
    EXPECT_STR(before("fd bytes size", write),
               "1, \"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\"..., 40");
    const uint64_t empty[6] = {1, user(0, many, 40), 0};
    EXPECT_STR(before("fd bytes size", empty), "1, \"\", 0");
}

TEST(what_the_call_fills_in_comes_afterwards)
{
    const uint64_t read[6] = {3, user(0, "hello", 5), 100};
    const int fds[2] = {3, 4};
    const uint64_t pipe[6] = {user(64, fds, sizeof(fds)), 02000000};
    const uint32_t status = 7 << 8, killed = 9, stopped = 19 << 8 | 0x7f;
    const uint64_t wait[6] = {(uint64_t)-1, user(128, &status, 4), 0, 0};

    EXPECT_STR(before("fd bytes_out size", read), "3");
    EXPECT_STR(after("fd bytes_out size", read, 5), "3, \"hello\", 100");
    EXPECT_STR(after("fd bytes_out size", read, 0), "3, \"\", 100");
    EXPECT_STR(after("fd bytes_out size", read, -EAGAIN), "3, 0x10000, 100");
    EXPECT_STR(after("two_fds_out open_flags", pipe, 0), "[3, 4], O_RDONLY|O_CLOEXEC");
    EXPECT_STR(after("int status_out wait_options ptr", wait, 5),
               "-1, [{WIFEXITED(s) && WEXITSTATUS(s) == 7}], 0, NULL");
    user(128, &killed, 4);
    EXPECT_STR(after("int status_out wait_options ptr", wait, 5),
               "-1, [{WIFSIGNALED(s) && WTERMSIG(s) == 9}], 0, NULL");
    user(128, &stopped, 4);
    EXPECT_STR(after("int status_out wait_options ptr", wait, 5),
               "-1, [{WIFSTOPPED(s) && WSTOPSIG(s) == 19}], 0, NULL");
}

TEST(permissions_are_shown_of_files_that_may_be_made)
{
    const uint64_t reads[6] = {0, 0644}, makes[6] = {0101, 0644};

    EXPECT_STR(before("open_flags new_mode", reads), "O_RDONLY");
    EXPECT_STR(before("open_flags new_mode", makes), "O_WRONLY|O_CREAT, 0644");
}

TEST(arrays_of_strings_are_shown_or_counted)
{
    uint64_t argv[20] = {user(0, "ls", 3), user(8, "-l", 3), 0};
    const uint64_t arg[6] = {user(256, argv, sizeof(argv)), FAKE_USER + 256};

    EXPECT_STR(before("strings environment", arg),
               "[\"ls\", \"-l\"], 0x10100 /* 2 vars */");
    for (unsigned i = 0; i < 19; i++) {
        argv[i] = FAKE_USER;
    }
    user(256, argv, sizeof(argv));
    const char *shown = before("strings environment", arg);
    EXPECT(strstr(shown, "\"ls\", ...], 0x10100 /* 19 vars */") != NULL);
    EXPECT_STR(one("strings", 0), "NULL");
    EXPECT_STR(one("environment", 0), "NULL");
    const int64_t time[2] = {1, 500};
    EXPECT_STR(one("timespec", user(0, time, sizeof(time))), "{tv_sec=1, tv_nsec=500}");
}

TEST(results_are_numbers_addresses_or_errors)
{
    EXPECT_STR(result(0), "= 0");
    EXPECT_STR(result(-EPERM), "= -1 EPERM (Operation not permitted)");
    EXPECT_STR(result(-ENOENT), "= -1 ENOENT (No such file or directory)");
    EXPECT_STR(result(-ERESTARTSYS),
               "= ? ERESTARTSYS (To be restarted if SA_RESTART is set)");
    EXPECT_STR(result(-100000), "= -100000");
    line.len = 0;
    strace_put_result(&line, 0x3f00000000, true);
    EXPECT_STR(line.text, "= 0x3f00000000");
}

TEST(a_line_that_is_too_long_is_cut)
{
    line.len = 0;
    for (unsigned i = 0; i < 300; i++) {
        strace_put(&line, "0123456789");
    }
    EXPECT_EQ(line.len, sizeof(line.text) - 1);
    EXPECT_EQ(strlen(line.text), line.len);
}
