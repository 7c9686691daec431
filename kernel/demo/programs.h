/*
 * The programs that the kernel carries: the ELF files of user/, made by tools/user-programs
 * from user/programs.list, each on pages of its own within the image's constants.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Also in tools/user-programs. */
enum program_end {
    PROGRAM_EXITS,  /* value: its exit code */
    PROGRAM_KILLED, /* value: scause of the trap that kills it */
    PROGRAM_ANY,    /* as it likes: it is the others that must not notice */
};

struct demo_program {
    const char *name;
    const void *image; /* begins on a page */
    size_t len;
    const char *groups; /* separated by commas */
    enum program_end end;
    int64_t value;
};

_Static_assert(offsetof(struct demo_program, end) == 32 &&
                   offsetof(struct demo_program, value) == 40,
               "as tools/user-programs writes it");

extern const struct demo_program programs[];
extern const unsigned nprograms;
