/*
 * The system calls of Linux that /init makes, as RISC-V has them: the result, or minus an
 * error number. Each is named as in the manual.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    ENOENT = 2,
    E2BIG = 7,
    ENOEXEC = 8,
    ECHILD = 10,
    ENOMEM = 12,
    EACCES = 13,
    ENOTDIR = 20,
    EISDIR = 21,
    ENAMETOOLONG = 36,
    ELOOP = 40,
};

enum {
    O_RDONLY = 0,
    O_WRONLY = 1,
    O_RDWR = 2,
    O_CREAT = 0100,
    O_NOCTTY = 0400,
    O_TRUNC = 01000,
    O_CLOEXEC = 02000000,
};

enum { SIGKILL = 9 };
enum { S_IFMT = 0170000, S_IFDIR = 0040000 };

struct stat { /* 128 bytes, of which this much is looked at */
    uint64_t st_dev, st_ino;
    uint32_t st_mode;
    uint32_t unused[27];
};

struct winsize {
    uint16_t rows, columns, pixels_across, pixels_down;
};

static inline long call(long number, uint64_t arg0, uint64_t arg1, uint64_t arg2,
                        uint64_t arg3, uint64_t arg4)
{
    register uint64_t a0 __asm__("a0") = arg0;
    register uint64_t a1 __asm__("a1") = arg1;
    register uint64_t a2 __asm__("a2") = arg2;
    register uint64_t a3 __asm__("a3") = arg3;
    register uint64_t a4 __asm__("a4") = arg4;
    register long a7 __asm__("a7") = number;

    __asm__ volatile("ecall"
                     : "+r"(a0)
                     : "r"(a1), "r"(a2), "r"(a3), "r"(a4), "r"(a7)
                     : "memory");
    return (long)a0;
}

enum { AT_FDCWD = -100 };

static inline long dup3(int from, int to, int flags)
{
    return call(24, (uint64_t)from, (uint64_t)to, (uint64_t)flags, 0, 0);
}
static inline long ioctl(int fd, unsigned request, const void *arg)
{
    return call(29, (uint64_t)fd, request, (uint64_t)arg, 0, 0);
}
static inline long mkdir(const char *path, unsigned mode)
{
    return call(34, (uint64_t)AT_FDCWD, (uint64_t)path, mode, 0, 0);
}
static inline long symlink(const char *target, const char *path)
{
    return call(36, (uint64_t)target, (uint64_t)AT_FDCWD, (uint64_t)path, 0, 0);
}
static inline long mount(const char *what, const char *where, const char *type)
{
    return call(40, (uint64_t)what, (uint64_t)where, (uint64_t)type, 0, 0);
}
static inline long chdir(const char *path)
{
    return call(49, (uint64_t)path, 0, 0, 0, 0);
}
static inline long fchmod(int fd, unsigned mode)
{
    return call(52, (uint64_t)fd, mode, 0, 0, 0);
}
static inline long open(const char *path, int flags, unsigned mode)
{
    return call(56, (uint64_t)AT_FDCWD, (uint64_t)path, (uint64_t)flags, mode, 0);
}
static inline long close(int fd) { return call(57, (uint64_t)fd, 0, 0, 0, 0); }
static inline long pipe2(int ends[2], int flags)
{
    return call(59, (uint64_t)ends, (uint64_t)flags, 0, 0, 0);
}
static inline long read(int fd, void *bytes, size_t len)
{
    return call(63, (uint64_t)fd, (uint64_t)bytes, len, 0, 0);
}
static inline long write(int fd, const void *bytes, size_t len)
{
    return call(64, (uint64_t)fd, (uint64_t)bytes, len, 0, 0);
}
static inline long stat(const char *path, struct stat *s)
{
    return call(79, (uint64_t)AT_FDCWD, (uint64_t)path, (uint64_t)s, 0, 0);
}
static inline long fstat(int fd, struct stat *s)
{
    return call(80, (uint64_t)fd, (uint64_t)s, 0, 0, 0);
}
static inline _Noreturn void exit(int status)
{
    call(94, (uint64_t)status, 0, 0, 0, 0);
    __builtin_unreachable();
}
static inline long kill(int pid, int number)
{
    return call(129, (uint64_t)pid, (uint64_t)number, 0, 0, 0);
}
static inline long power_off(void)
{
    return call(142, 0xfee1dead, 672274793, 0x4321fedc, 0, 0);
}
static inline long setsid(void) { return call(157, 0, 0, 0, 0, 0); }
static inline long sethostname(const char *name, size_t len)
{
    return call(161, (uint64_t)name, len, 0, 0, 0);
}
static inline long umask(unsigned mask) { return call(166, mask, 0, 0, 0, 0); }
static inline long getpid(void) { return call(172, 0, 0, 0, 0, 0); }
static inline long fork(void) { return call(220, 17 /* SIGCHLD */, 0, 0, 0, 0); }
static inline long execve(const char *path, char **arguments, char **environment)
{
    return call(221, (uint64_t)path, (uint64_t)arguments, (uint64_t)environment, 0, 0);
}
static inline long wait4(int pid, int *status)
{
    return call(260, (uint64_t)pid, (uint64_t)status, 0, 0, 0);
}
