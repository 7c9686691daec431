/*
 * A pseudo terminal of the Linux that the tests run on. Plain numbers in and out; modes are 36
 * bytes, as the kernels of both have them.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* False: there is none. */
bool host_pty_open(int *master, int *slave);
void host_pty_close(int fd);
long host_pty_read(int fd, void *buf, size_t len); /* does not wait */
long host_pty_write(int fd, const void *buf, size_t len);
long host_pty_call(int fd, unsigned request, void *arg);
unsigned host_pty_poll(int fd);
void host_pause(unsigned microseconds);
