/*
 * File locks: flock(2), and fcntl(2)'s records, whose owner is a process (POSIX) or an open
 * file (OFD). They bind only those who ask.
 *
 * An owner is a pointer that nobody else has: the process's descriptor table, or the open file.
 * Locks of one owner never conflict with each other: new ones replace what they overlap.
 */
#pragma once

#include "fs/file.h"

/* When f's last reference goes: its flock, its OFD records. */
void locks_release_file(struct file *f);
