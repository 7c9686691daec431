/*
 * Times as programs write them, and as the kernel does: nanoseconds in one number.
 *
 * What is later than CLOCK_LAST_NS becomes that, which is never.
 */
#pragma once

#include "lib/addr.h"
#include "lib/compiler.h"
#include "uapi/time.h"

#define NS_PER_SECOND 1000000000l

/* 0; -EINVAL if it is negative, or the fraction is no fraction. */
must_check int timespec_to_ns(const struct timespec *t, uint64_t *ns);
must_check int timeval_to_ns(const struct timeval *t, uint64_t *ns);

struct timespec timespec_of(int64_t ns);
struct timeval timeval_of(int64_t ns);

/* A struct timespec of the program: 0, -EFAULT, -EINVAL. */
must_check int user_timespec(vaddr_t from, uint64_t *ns);
must_check int put_user_timespec(vaddr_t to, int64_t ns);
