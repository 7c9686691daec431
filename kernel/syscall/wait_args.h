/*
 * What calls that wait for files are given: how long, and with which signals blocked.
 */
#pragma once

#include "lib/addr.h"
#include "lib/compiler.h"

/* A struct timespec of the program from now on, as a deadline of poll_files(); NULL: never. 0,
 * -EFAULT, -EINVAL. */
must_check int wait_deadline(vaddr_t timeout, uint64_t *deadline);
uint64_t wait_deadline_after(uint64_t ns);

/* Tells the program, which asked with a time, what is left of it. 0; -EFAULT, which changes nothing
 * but that the call cannot begin again. */
int wait_time_left(vaddr_t timeout, uint64_t deadline);

/* A mask of signals for the time of the call, or none (NULL). 0, -EFAULT, -EINVAL. After 0 the
 * call ends with _end(). */
must_check int wait_mask_begin(vaddr_t mask, uint64_t size);
void wait_mask_end(vaddr_t mask, long result);
