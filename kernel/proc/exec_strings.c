/* See exec_strings.h. */
#include "proc/exec_strings.h"

#include "lib/errno.h"
#include "lib/string.h"
#include "mm/slab.h"
#include "mm/uaccess.h"
#include "proc/space_writer.h"

struct string_page {
    struct string_page *next;
    uint32_t len;     /* bytes of strings */
    uint32_t nstarts; /* strings that begin here */
    union {
        char bytes[PAGE_SIZE - 16];
        uint32_t starts[PAGE_SIZE / 4 -
                        4]; /* from the end: of all bytes, which is the first */
    };
};
static_assert(sizeof(struct string_page) == PAGE_SIZE, "a page of strings is a page");

void exec_strings_init(struct exec_strings *s, size_t limit)
{
    *s = (struct exec_strings){.limit = limit < EXEC_MOST ? limit : EXEC_MOST};
}

void exec_strings_drop(struct exec_strings *s)
{
    while (s->first) {
        struct string_page *next = s->first->next;
        kfree(s->first);
        s->first = next;
    }
}

static uint32_t *start_of(struct string_page *p, unsigned i)
{
    return &p->starts[ARRAY_SIZE(p->starts) - 1 - i];
}

static size_t free_bytes(const struct string_page *p)
{
    return sizeof(p->bytes) - p->len - p->nstarts * sizeof(p->starts[0]);
}

static noinline int add_page(struct exec_strings *s)
{
    struct string_page *p = kmalloc(sizeof(*p));

    if (!p) return -ENOMEM;
    p->next = NULL;
    p->len = p->nstarts = 0;
    if (s->last) {
        s->last->next = p;
    } else {
        s->first = p;
    }
    s->last = p;
    return 0;
}

/* The next string begins here. There is room for its address and a byte. */
static int begin_string(struct exec_strings *s)
{
    if (!s->last || free_bytes(s->last) <= sizeof(uint32_t)) {
        int err = add_page(s);
        if (err) return err;
    }
    *start_of(s->last, s->last->nstarts++) = (uint32_t)s->len;
    return 0;
}

/* Room at the end: where, and how much of it is in one piece. */
static int room(struct exec_strings *s, char **at, size_t *n)
{
    size_t used = s->len + s->count * sizeof(uint64_t);

    if (used >= s->limit) return -E2BIG;
    if (free_bytes(s->last) == 0) {
        int err = add_page(s);
        if (err) return err;
    }
    *at = s->last->bytes + s->last->len;
    *n = free_bytes(s->last);
    if (*n > s->limit - used) *n = s->limit - used;
    return 0;
}

static void added(struct exec_strings *s, size_t n)
{
    s->last->len += (uint32_t)n;
    s->len += n;
}

int exec_strings_add(struct exec_strings *s, const char *string)
{
    int err = begin_string(s);

    while (!err) {
        char *at;
        size_t n, len = 0;
        err = room(s, &at, &n);
        if (err) break;
        while (len < n && (at[len] = string[len]) != 0)
            len++;
        bool ends = len < n;
        added(s, len + ends);
        if (ends) {
            s->count++;
            break;
        }
        string += n;
    }
    return err;
}

static int add_user(struct exec_strings *s, vaddr_t from)
{
    size_t start = s->len;
    int err = begin_string(s);

    if (err) return err;
    for (;;) {
        char *at;
        size_t n;
        err = room(s, &at, &n);
        if (err) return err;
        long len = strncpy_from_user(at, from, n);
        if (len >= 0) {
            added(s, (size_t)len + 1);
            s->count++;
            return s->len - start > EXEC_STRING_MOST ? -E2BIG : 0;
        }
        if (len != -ENAMETOOLONG) return (int)len;
        added(s, n);
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

/* The program's own name, the last string, is in neither array. */
void exec_strings_write_arrays(const struct exec_strings *s, struct space_writer *w,
                               vaddr_t to, size_t nargs)
{
    size_t n = 0;

    for (struct string_page *p = s->first; p; p = p->next) {
        for (unsigned i = 0; i < p->nstarts; i++, n++) {
            if (n == nargs) space_writer_word(w, 0);
            if (n + 1 < s->count) space_writer_word(w, to.raw + *start_of(p, i));
        }
    }
    space_writer_word(w, 0);
}

void exec_strings_write(const struct exec_strings *s, struct space_writer *w)
{
    for (const struct string_page *p = s->first; p; p = p->next) {
        space_writer_bytes(w, p->bytes, p->len);
    }
}
