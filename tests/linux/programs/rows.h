/*
 * For programs that make calls and print what each came to, a row each: the call as it is
 * written, and its value or error. Nothing that is printed depends on the machine or the moment.
 */
#pragma once

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

/* An address where nothing is, one of the kernel's, and a size that is none: the compiler does not
 * know them. */
static void *volatile nowhere = (void *)8;
static void *volatile kernels = (void *)(~0ul << 12);
static volatile size_t too_much = -1ul;
#define NOWHERE  nowhere
#define KERNELS  kernels
#define TOO_MUCH too_much

static void show_row(const char *call, long value)
{
    if (value == -1) {
        printf("%s: %s\n", call, strerrorname_np(errno));
    } else {
        printf("%s = %ld\n", call, value);
    }
    fflush(stdout);
}

#define ROW(call) show_row(#call, (long)(call))

static inline void show_text(const char *what, const void *bytes, long len)
{
    printf("%s: \"%.*s\"\n", what, (int)(len < 0 ? 0 : len), (const char *)bytes);
    fflush(stdout);
}

/* An empty directory in memory, to work in. */
static inline void work_in(const char *name)
{
    if (chdir("/dev/shm") || (mkdir(name, 0755) && errno != EEXIST) || chdir(name)) {
        perror(name);
        exit(1);
    }
    umask(022);
}
static inline void leave(const char *name)
{
    char command[256];

    if (chdir("/dev/shm")) exit(1);
    snprintf(command, sizeof(command), "/dev/shm/%s", name);
    if (rmdir(command)) printf("%s is not empty\n", name);
}

static inline int make(const char *name, const char *text)
{
    int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0644);

    if (fd < 0) return -1;
    long n = write(fd, text, strlen(text));
    close(fd);
    return n == (long)strlen(text) ? 0 : -1;
}
