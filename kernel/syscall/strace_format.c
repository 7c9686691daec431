/* Arguments and results of calls, as text: see strace.h for the words. */
#include "lib/errno.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "mm/uaccess.h"
#include "syscall/strace_internal.h"
#include "uapi/fcntl.h"

enum {
    STRING_MOST = 256,  /* bytes of a string that are shown */
    BYTES_MOST = 32,    /* of what is read and written */
    STRINGS_MOST = 16,  /* of an array */
    COUNTED_MOST = 999, /* strings that are only counted */
};

void strace_put(struct strace_line *l, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    size_t n = printf_buf_va(l->text + l->len, sizeof(l->text) - l->len, fmt, args);
    va_end(args);
    l->len = n < sizeof(l->text) - l->len ? l->len + n : sizeof(l->text) - 1;
}

/* As C writes it: with a 0 before it, unless it is one. */
static void put_octal(struct strace_line *l, unsigned n)
{
    char digits[16];
    unsigned at = sizeof(digits) - 1;

    digits[at] = 0;
    for (; n; n >>= 3) {
        digits[--at] = (char)('0' + (n & 7));
    }
    strace_put(l, "0%s", digits + at);
}

static void put_character(struct strace_line *l, unsigned char c)
{
    static const char escaped[] = "\n\t\r\"\\", letters[] = "ntr\"\\";
    const char *at = c ? strchr(escaped, c) : NULL;

    if (at) {
        strace_put(l, "\\%c", letters[at - escaped]);
    } else if (c < ' ' || c > '~') {
        strace_put(l, "\\%u%u%u", c >> 6, c >> 3 & 7, c & 7);
    } else {
        strace_put(l, "%c", c);
    }
}

static void put_quoted(struct strace_line *l, const char *bytes, size_t len, bool more)
{
    strace_put(l, "\"");
    for (size_t i = 0; i < len; i++) {
        put_character(l, (unsigned char)bytes[i]);
    }
    strace_put(l, more ? "\"..." : "\"");
}

static void put_pointer(struct strace_line *l, uint64_t value)
{
    if (value) {
        strace_put(l, "0x%lx", value);
    } else {
        strace_put(l, "NULL");
    }
}

static void put_string(struct strace_line *l, uint64_t at)
{
    char text[STRING_MOST];

    long len = at ? strncpy_from_user(text, VA(at), sizeof(text)) : -EFAULT;
    if (len >= 0) {
        put_quoted(l, text, (size_t)len, false);
    } else if (len == -ENAMETOOLONG) {
        put_quoted(l, text, sizeof(text), true);
    } else {
        put_pointer(l, at);
    }
}

static void put_bytes(struct strace_line *l, uint64_t at, uint64_t len)
{
    char bytes[BYTES_MOST];
    size_t n = len < sizeof(bytes) ? len : sizeof(bytes);

    if (!at || copy_from_user(bytes, VA(at), n)) {
        put_pointer(l, at);
    } else {
        put_quoted(l, bytes, n, len > n);
    }
}

/* Element i of an array of pointers: 0 at the end, or where it cannot be read. */
static uint64_t element(uint64_t array, unsigned i)
{
    uint64_t value;

    return array && !get_user64(VA(array + i * sizeof(value)), &value) ? value : 0;
}

static void put_strings(struct strace_line *l, uint64_t array)
{
    unsigned i;

    if (!array) {
        put_pointer(l, array);
        return;
    }
    strace_put(l, "[");
    for (i = 0; i < STRINGS_MOST && element(array, i); i++) {
        if (i) strace_put(l, ", ");
        put_string(l, element(array, i));
    }
    strace_put(l, element(array, i) ? ", ...]" : "]");
}

static void put_environment(struct strace_line *l, uint64_t array)
{
    unsigned n = 0;

    while (n < COUNTED_MOST && element(array, n)) {
        n++;
    }
    put_pointer(l, array);
    if (array) strace_put(l, " /* %u vars */", n);
}

static void put_timespec(struct strace_line *l, uint64_t at)
{
    int64_t time[2];

    if (!at || copy_from_user(time, VA(at), sizeof(time))) {
        put_pointer(l, at);
    } else {
        strace_put(l, "{tv_sec=%ld, tv_nsec=%ld}", time[0], time[1]);
    }
}

static void put_fd(struct strace_line *l, uint64_t value)
{
    enum { AT_CURRENT = -100 };

    if ((int)value == AT_CURRENT) {
        strace_put(l, "AT_FDCWD");
    } else {
        strace_put(l, "%d", (int)value);
    }
}

static void put_two_fds(struct strace_line *l, uint64_t at)
{
    int fd[2];

    if (copy_from_user(fd, VA(at), sizeof(fd))) {
        put_pointer(l, at);
    } else {
        strace_put(l, "[%d, %d]", fd[0], fd[1]);
    }
}

/* wait(2): how the child has ended, or changed. */
static void put_status(struct strace_line *l, uint64_t at)
{
    enum { STOPPED = 0x7f, CONTINUED = 0xffff };
    uint32_t status;

    if (!at || get_user32(VA(at), &status)) {
        put_pointer(l, at);
        return;
    }
    unsigned signal = status & 0x7f;
    if (status == CONTINUED) {
        strace_put(l, "[{WIFCONTINUED(s)}]");
    } else if ((status & 0xff) == STOPPED) {
        strace_put(l, "[{WIFSTOPPED(s) && WSTOPSIG(s) == %u}]", status >> 8);
    } else if (signal) {
        strace_put(l, "[{WIFSIGNALED(s) && WTERMSIG(s) == %u}]", signal);
    } else {
        strace_put(l, "[{WIFEXITED(s) && WEXITSTATUS(s) == %u}]", status >> 8);
    }
}

/* A word of a list of kinds. */
struct word {
    const char *at;
    size_t len;
};

static struct word word_at(const char *kinds, unsigned index)
{
    struct word w = {kinds, 0};

    for (;; index--) {
        const char *space = strchr(w.at, ' ');
        w.len = space ? (size_t)(space - w.at) : strlen(w.at);
        if (index == 0 || !space) break;
        w.at = space + 1;
    }
    return index == 0 ? w : (struct word){w.at, 0};
}

static bool word_is(struct word w, const char *text)
{
    return strlen(text) == w.len && memcmp(w.at, text, w.len) == 0;
}

unsigned strace_count(const char *kinds)
{
    unsigned n = 0;

    while (word_at(kinds, n).len) {
        n++;
    }
    return n;
}

static bool is_told_by_result(struct word w)
{
    static const char end[] = "_out";
    size_t n = sizeof(end) - 1;

    return w.len > n && memcmp(w.at + w.len - n, end, n) == 0;
}

static const struct {
    const char *word;
    void (*put)(struct strace_line *l, uint64_t value);
} by_value[] = {
    {"ptr", put_pointer},       {"dirfd", put_fd},
    {"path", put_string},       {"str", put_string},
    {"strings", put_strings},   {"environment", put_environment},
    {"timespec", put_timespec},
};

static const struct {
    const char *word;
    void (*put)(struct strace_line *l, uint64_t at);
} by_result[] = {
    {"two_fds_out", put_two_fds},
    {"status_out", put_status},
};

/* What the call has filled in: its address, if it has not. */
static void put_filled(struct strace_line *l, struct word w, uint64_t value, long result)
{
    if (result >= 0 && word_is(w, "bytes_out")) {
        put_bytes(l, value, (uint64_t)result);
        return;
    }
    for (unsigned i = 0; result >= 0 && i < ARRAY_SIZE(by_result); i++) {
        if (!word_is(w, by_result[i].word)) continue;
        by_result[i].put(l, value);
        return;
    }
    put_pointer(l, value);
}

static void put_given(struct strace_line *l, struct word w, const uint64_t *arg)
{
    for (unsigned i = 0; i < ARRAY_SIZE(by_value); i++) {
        if (!word_is(w, by_value[i].word)) continue;
        by_value[i].put(l, *arg);
        return;
    }
    if (word_is(w, "long")) {
        strace_put(l, "%ld", (long)*arg);
    } else if (word_is(w, "int") || word_is(w, "fd") || word_is(w, "id")) {
        strace_put(l, "%d", (int)*arg);
    } else if (word_is(w, "size")) {
        strace_put(l, "%lu", *arg);
    } else if (word_is(w, "mode") || word_is(w, "new_mode") || word_is(w, "oct")) {
        put_octal(l, (unsigned)*arg);
    } else if (word_is(w, "bytes")) {
        put_bytes(l, arg[0], arg[1]);
    } else if (!strace_put_named(l, w.at, w.len, *arg)) {
        strace_put(l, *arg ? "0x%lx" : "%lu", *arg);
    }
}

/* open(2) looks at the permissions only if it may make a file. */
static bool makes_file(uint64_t flags) { return flags & (O_CREAT | O_TMPFILE_BIT); }

unsigned strace_put_arguments(struct strace_line *l, const char *kinds,
                              const uint64_t arg[6], unsigned from, const long *result)
{
    unsigned count = strace_count(kinds);

    for (; from < count && from < 6; from++) {
        struct word w = word_at(kinds, from);
        bool filled = is_told_by_result(w);
        if (filled && !result) break;
        if (word_is(w, "new_mode") && !makes_file(arg[from - 1])) continue;
        if (from) strace_put(l, ", ");
        if (filled) {
            put_filled(l, w, arg[from], *result);
        } else {
            put_given(l, w, &arg[from]);
        }
    }
    return from;
}

void strace_put_result(struct strace_line *l, long result, bool address)
{
    const char *meaning;
    const char *name = result < 0 ? strace_error_name((int)-result, &meaning) : NULL;

    if (result == -ERESTARTSYS) {
        strace_put(l, "= ? %s (%s)", name, meaning);
    } else if (name) {
        strace_put(l, "= -1 %s (%s)", name, meaning);
    } else if (address) {
        strace_put(l, "= 0x%lx", (unsigned long)result);
    } else {
        strace_put(l, "= %ld", result);
    }
}
