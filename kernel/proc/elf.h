/*
 * ELF programs, read: 64-bit, little-endian, RISC-V, of the System V ABI's gABI chapters
 * "Object Files" and "Program Loading" and the RISC-V ELF psABI.
 *
 * Parsing is pure: it looks at bytes, which may lie at any alignment and say anything,
 * and fills in a struct elf that keeps these promises:
 *
 *   - segments are sorted by address, none is empty, and no byte belongs to two; they
 *     may share a page;
 *   - their file bytes lie inside the file, at the same offset in a page as in memory;
 *   - a fixed program (ELF_EXEC) lies inside the limits; one that may be placed anywhere
 *     (ELF_DYN) is small enough for them, and its addresses count from a base of the
 *     caller's choice;
 *   - the entry is in an executable segment, and even.
 *
 * proc/load.h maps what was parsed.
 */
#pragma once

#include "lib/addr.h"

enum { ELF_SEGMENTS = 64 };

/* What PT_LOAD says: bytes [start, end) of memory, those below file_end from the file. */
struct elf_segment {
    vaddr_t start, file_end, end;
    uint64_t offset; /* in the file, of `start` */
    unsigned prot;   /* PROT_*; W brings R along */
};

enum elf_type {
    ELF_EXEC, /* its addresses are where it runs */
    ELF_DYN,  /* add a page-aligned base of your choice, the bias, to all addresses */
};

/* Where programs may lie. Both are page aligned; end is below 2^63. */
struct elf_limits {
    vaddr_t lowest, end;
};

/* More than 2 KiB: not for a kernel stack. */
struct elf {
    enum elf_type type;
    vaddr_t entry;
    vaddr_t start, end; /* of the lowest segment, of the highest; not rounded */

    /* The program headers in the program's memory (AT_PHDR); 0 if no segment has them. */
    vaddr_t phdr;
    unsigned phnum;

    /* PT_INTERP: the interpreter's path is these bytes of the file, the last of them the
     * only zero. None if interp_len is 0. */
    uint64_t interp_offset;
    size_t interp_len;

    bool exec_stack; /* PT_GNU_STACK asks for a stack that can be executed */

    const char *reason; /* for a message of one line; NULL if parsing returned 0 */

    unsigned nsegments;                       /* 1 or more */
    struct elf_segment segment[ELF_SEGMENTS]; /* undefined from nsegments on */
};

enum { ELF_PHENT = 56, ELF_INTERP_MAX = 4096 };

/*
 * Reads the `len` bytes of a file. 0, or with a reason in out->reason, and the rest of
 * `out` undefined,
 *
 *   -ENOEXEC  nothing for this machine, or no executable
 *   -EINVAL   an executable that is malformed, or out of the limits
 *   -ENOMEM   more than ELF_SEGMENTS segments
 */
must_check int elf_parse(const void *image, size_t len, struct elf_limits limits,
                         struct elf *out);

/* The same for a file of `file_len` bytes of which only the first `len` are there: -ENOEXEC if
 * that is not enough for its headers and the interpreter's path. */
must_check int elf_parse_head(const void *head, size_t len, uint64_t file_len,
                              struct elf_limits limits, struct elf *out);
