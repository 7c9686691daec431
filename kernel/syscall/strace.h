/*
 * strace=1: every system call of Linux programs, as a line in the log.
 *
 *     [7] openat(AT_FDCWD, "/etc/passwd", O_RDONLY|O_CLOEXEC) = 3
 *
 * What a row of the lists of calls (linux.h) says of arguments is a word for each:
 *
 *     int, fd, id   a signed number            dirfd         AT_FDCWD or a descriptor
 *     long          the same, of 64 bits       mode, oct     permissions, octal
 *     size          an unsigned number         hex           a number
 *     ptr           an address                 new_mode      of a file that the flags before make
 *     path, str     a string of the program's  timespec      a struct timespec
 *     strings       an array of them           environment   how many of them
 *     bytes         what is written: as many as the next argument says
 *     bytes_out     what was read: as many as the call returns
 *     two_fds_out   the descriptors that pipe2(2) stored
 *     status_out    the status that wait4(2) stored
 *
 * and those whose numbers have names (strace_names.c): open_flags prot map_flags clone_flags
 * at_flags wait_options madvise signal clock rlimit futex_op fcntl whence ioctl sched prctl. Any
 * other is shown as hex.
 */
#pragma once

struct context;

/* For personality.traced: makes the call that c asks for, and shows it. What it returns. */
long strace_call(struct context *c);
