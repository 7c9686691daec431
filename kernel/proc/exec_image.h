/*
 * A file's program, mapped into a new address space: what execve(2) does with ELF files.
 */
#pragma once

#include "fs/file.h"
#include "proc/elf.h"
#include "proc/program.h"

/* An executable file that was opened, and what its headers say. */
struct exec_file {
    struct file *file; /* held; NULL: none */
    struct elf *elf;
    uint64_t bias;
};

/* Where programs may lie: the first 64 KiB stay free, and so does the upper end, for stacks. */
struct elf_limits exec_limits(const struct aspace *s);

/* Where the program goes that may go anywhere, its stack, its heap: random, or always the same. */
struct exec_layout {
    bool random;
    uint64_t stack_limit; /* bytes: RLIMIT_STACK */
};

/* Sets where stack and mappings begin, and maps the first pages of the stack and the vDSO above it. 0, and
 * the stack's highest address in *top; -ENOMEM. */
must_check int exec_map_stack(struct program *p, const struct exec_layout *how,
                              bool executable, vaddr_t *top);
/* Maps the program, and sets code, data and the beginning of the heap. */
must_check int exec_map_program(struct program *p, struct exec_file *f,
                                const struct exec_layout *how);
/* The pages of the mapped file's segment that `entry` is in. */
struct range exec_code_range(const struct exec_file *f, vaddr_t entry);
/* Maps its interpreter, at a free place. */
must_check int exec_map_interpreter(struct program *p, struct exec_file *f);
