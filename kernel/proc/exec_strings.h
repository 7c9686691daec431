/*
 * The strings that a new program is given: arguments, environment, its own name.
 *
 * They come from the old program's memory, which is gone when the new one's is there; so they are
 * kept in between, in pages of the kernel, one behind the other, each with its NUL. They
 * are put into the new program's memory in the same order. Where each begins is noted at the other
 * end of the page, so that nobody has to look for it:
 *
 *     |next, counts|strings -->                    <-- where strings begin|
 */
#pragma once

#include "lib/addr.h"
#include "lib/compiler.h"

struct space_writer;

/* Where strings come from: a program's arrays of pointers, or the kernel's own. */
struct exec_source {
    bool kernel;
    vaddr_t user;             /* NULL-terminated; 0: empty */
    const char *const *array; /* likewise */
};

enum {
    EXEC_STRING_MOST = 32 * PAGE_SIZE, /* one string, with NUL: MAX_ARG_STRLEN */
    EXEC_MOST = 512 * PAGE_SIZE,       /* all of them: 2 MiB */
};

struct string_page;

struct exec_strings {
    struct string_page *first, *last; /* NULL: there is none yet */
    size_t len;                       /* bytes so far */
    size_t limit;                     /* of len and 8 bytes for each string */
    size_t count;
};

/* `limit` as exec's rules say, at most 2 MiB. */
void exec_strings_init(struct exec_strings *s, size_t limit);
/* Lets go of the pages. */
void exec_strings_drop(struct exec_strings *s);

/* 0; -E2BIG, -ENOMEM, -EFAULT. */
must_check int exec_strings_add(struct exec_strings *s, const char *string);
/* All of the source but the first `skip`. */
must_check int exec_strings_add_all(struct exec_strings *s,
                                    const struct exec_source *from, size_t skip);

/* Writes the arrays argv and envp of strings that will begin at `to`: the address of each, with a
 * NULL behind string `nargs` and behind the last but one. */
void exec_strings_write_arrays(const struct exec_strings *s, struct space_writer *w,
                               vaddr_t to, size_t nargs);
/* Writes the strings themselves. */
void exec_strings_write(const struct exec_strings *s, struct space_writer *w);
