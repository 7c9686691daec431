/*
 * From a booted kernel to the first program: the tree of files, and process 1.
 */
#pragma once

#include <stdbool.h>

/* Does the command line ask for a program: init=PATH? */
bool start_is_asked_for(void);

/*
 * Mounts the root that the command line names (root=disk: the image on the block device "root";
 * else memory), unpacks the initrd over it, and runs init=PATH with the words behind "--" as its
 * arguments. Returns when it has ended, which it does by powering off: the machine's status.
 */
int start_programs(void);
