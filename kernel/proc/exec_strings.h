/*
 * The strings that a new program is given: arguments, environment, its own name.
 *
 * They come from the old program's memory, which is gone when the new one's is there; so they are
 * kept in between, in pages of the kernel, one behind the other, each with its NUL. They
 * are put into the new program's memory in the same order.
 */
#pragma once

#include "lib/addr.h"
#include "lib/compiler.h"

struct aspace;

/* Where strings come from: a program's arrays of pointers, or the kernel's own. */
struct exec_source {
    bool kernel;
    vaddr_t user;             /* NULL-terminated; 0: empty */
    const char *const *array; /* likewise */
};

enum {
    EXEC_STRING_MOST = 32 * PAGE_SIZE, /* one string, with NUL: MAX_ARG_STRLEN */
    EXEC_PAGES = 512,                  /* all of them: 2 MiB */
};

struct exec_strings {
    char *page[EXEC_PAGES]; /* NULL from some place on */
    size_t len;             /* bytes so far */
    size_t limit;           /* of len and 8 bytes for each string */
    size_t count;
};

/* More than 4 KiB. NULL: there is no memory. `limit` as exec's rules say, at most 2 MiB. */
must_check struct exec_strings *exec_strings_create(size_t limit);
void exec_strings_destroy(struct exec_strings *s);

/* 0; -E2BIG, -ENOMEM, -EFAULT. */
must_check int exec_strings_add(struct exec_strings *s, const char *string);
/* All of the source but the first `skip`. */
must_check int exec_strings_add_all(struct exec_strings *s,
                                    const struct exec_source *from, size_t skip);

/* The bytes of the first n strings. */
size_t exec_strings_len(const struct exec_strings *s, size_t n);

/* Copies all to `to`, and the address of each string in turn to the array at `pointers`, with a NULL
 * behind string `nargs` and behind the last but one: argv and envp. 0, -ENOMEM, -EFAULT. */
must_check int exec_strings_store(const struct exec_strings *s, struct aspace *space,
                                  vaddr_t to, vaddr_t pointers, size_t nargs);
