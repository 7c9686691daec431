/*
 * devfs: a tmpfs that begins with the names of all devices.
 *
 * Programs may add to it (a shell makes links), and what they do ends with the machine. The
 * devices that are memory and nothing else are here, too: null, zero, full, random, urandom.
 */
#pragma once

#include "fs/path.h"

/* Registers the devices of memory.c. Once, at boot. 0 or -EBUSY. */
must_check int memory_devices_init(void);

/* With a name for each registered device that wants one, directories pts and shm, and the
 * links fd, stdin, stdout, stderr into /proc. For mount_add(). NULL: no memory. */
must_check struct file_system *devfs_create(void);
