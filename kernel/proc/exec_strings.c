/* See exec_strings.h. */
#include "proc/exec_strings.h"

#include "lib/errno.h"
#include "lib/string.h"
#include "mm/aspace.h"
#include "mm/slab.h"
#include "mm/uaccess.h"

struct exec_strings *exec_strings_create(size_t limit)
{
    struct exec_strings *s = kzalloc(sizeof(*s));
    size_t most = (size_t)EXEC_PAGES * PAGE_SIZE;

    if (s) s->limit = limit < most ? limit : most;
    return s;
}

void exec_strings_destroy(struct exec_strings *s)
{
    for (unsigned i = 0; i < EXEC_PAGES && s->page[i]; i++) {
        kfree(s->page[i]);
    }
    kfree(s);
}

/* Room at the end: where, and how much of it is in one piece. */
static int room(struct exec_strings *s, char **at, size_t *n)
{
    size_t used = s->len + s->count * sizeof(uint64_t);
    char **page = &s->page[s->len / PAGE_SIZE];

    if (used >= s->limit) return -E2BIG;
    if (!*page) {
        *page = kmalloc(PAGE_SIZE);
        if (!*page) return -ENOMEM;
    }
    *at = *page + s->len % PAGE_SIZE;
    *n = PAGE_SIZE - s->len % PAGE_SIZE;
    if (*n > s->limit - used) *n = s->limit - used;
    return 0;
}

int exec_strings_add(struct exec_strings *s, const char *string)
{
    size_t left = strlen(string) + 1;

    while (left > 0) {
        char *at;
        size_t n;
        int err = room(s, &at, &n);
        if (err) return err;
        if (n > left) n = left;
        memcpy(at, string, n);
        string += n;
        s->len += n;
        left -= n;
    }
    s->count++;
    return 0;
}

static int add_user(struct exec_strings *s, vaddr_t from)
{
    size_t start = s->len;

    for (;;) {
        char *at;
        size_t n;
        int err = room(s, &at, &n);
        if (err) return err;
        long len = strncpy_from_user(at, from, n);
        if (len >= 0) {
            s->len += (size_t)len + 1;
            s->count++;
            return s->len - start > EXEC_STRING_MOST ? -E2BIG : 0;
        }
        if (len != -ENAMETOOLONG) return (int)len;
        s->len += n;
        from = va_add(from, n);
        if (s->len - start > EXEC_STRING_MOST) return -E2BIG;
    }
}

static int add_all_of_kernel(struct exec_strings *s, const char *const *array,
                             size_t skip)
{
    for (size_t i = 0; array && array[i]; i++) {
        int err = i < skip ? 0 : exec_strings_add(s, array[i]);
        if (err) return err;
    }
    return 0;
}

int exec_strings_add_all(struct exec_strings *s, const struct exec_source *from,
                         size_t skip)
{
    if (from->kernel) return add_all_of_kernel(s, from->array, skip);
    if (!from->user.raw) return 0;
    for (size_t i = 0;; i++) {
        uint64_t string;
        int err = get_user64(va_add(from->user, i * sizeof(string)), &string);
        if (err) return err;
        if (!string) return 0;
        if (i < skip) continue;
        err = add_user(s, VA(string));
        if (err) return err;
    }
}

/* A few words on their way to the program's memory. */
struct word_writer {
    struct aspace *space;
    vaddr_t at;
    unsigned n;
    uint64_t word[32];
};

static int flush(struct word_writer *w)
{
    size_t len = w->n * sizeof(w->word[0]);
    int err = aspace_write(w->space, w->at, w->word, len);

    w->at = va_add(w->at, len);
    w->n = 0;
    return err;
}

static int put_word(struct word_writer *w, uint64_t word)
{
    w->word[w->n++] = word;
    return w->n == sizeof(w->word) / sizeof(w->word[0]) ? flush(w) : 0;
}

static int store_bytes(const struct exec_strings *s, struct aspace *space, vaddr_t to)
{
    for (size_t done = 0; done < s->len; done += PAGE_SIZE) {
        size_t n = s->len - done < PAGE_SIZE ? s->len - done : PAGE_SIZE;
        int err = aspace_write(space, va_add(to, done), s->page[done / PAGE_SIZE], n);
        if (err) return err;
    }
    return 0;
}

/* The place behind the string that begins at byte `at`. */
static size_t next_string(const struct exec_strings *s, size_t at)
{
    for (;;) {
        const char *from = s->page[at / PAGE_SIZE] + at % PAGE_SIZE;
        size_t n = PAGE_SIZE - at % PAGE_SIZE;
        const char *nul = memchr(from, '\0', n);
        if (nul) return at + (size_t)(nul - from) + 1;
        at += n;
    }
}

size_t exec_strings_len(const struct exec_strings *s, size_t n)
{
    size_t at = 0;

    while (n-- > 0) {
        at = next_string(s, at);
    }
    return at;
}

int exec_strings_store(const struct exec_strings *s, struct aspace *space, vaddr_t to,
                       vaddr_t pointers, size_t nargs)
{
    struct word_writer w = {.space = space, .at = pointers};
    size_t at = 0;

    int err = store_bytes(s, space, to);
    for (size_t i = 0; !err && i < s->count; i++) {
        if (i == nargs) err = put_word(&w, 0);
        if (!err && i == s->count - 1)
            break; /* the program's own name is in neither array */
        if (!err) err = put_word(&w, to.raw + at);
        at = next_string(s, at);
    }
    if (!err) err = put_word(&w, 0);
    return err ? err : flush(&w);
}
