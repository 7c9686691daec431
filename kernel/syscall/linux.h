/*
 * The Linux personality: the system calls of Linux for riscv64.
 *
 * Each area has a list (AREA.def) and one or more files of functions. A row
 *
 *     CALL(56, openat, (uint64_t dirfd, vaddr_t path, uint64_t flags, uint64_t mode),
 *          "dirfd path open_flags mode")
 *
 * says number, name, arguments, and what they are, by which they are shown (strace.c). The
 * function is long sys_openat() with these arguments: all are 64 bits wide, since registers of
 * programs have anything in their upper halves; the function's first lines make them narrower.
 *
 *     FULL(221, execve, "path strings environment")
 *
 * is a call that needs all of the user's registers: long sys_execve(struct context *c), with
 * its arguments in c->x[10] to x[15]; linux_full.S has its stub.
 *
 * A function returns a value or a negative errno. A number in no list is -ENOSYS.
 */
#pragma once

#include "proc/process.h"

extern const struct personality linux_personality;
/* The same, but each call is shown in the log. */
extern const struct personality linux_traced_personality;

#define CALL(number, name, arguments, kinds) long sys_##name arguments;
#define FULL(number, name, kinds)            long sys_##name(struct context *c);
#include "syscall/linux.def"
#undef CALL
#undef FULL
