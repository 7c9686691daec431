/*
 * Starting the devices that a machine may have and need not: clock, disks, ports, entropy.
 */
#pragma once

struct devtree;

/*
 * Finds them and begins to use them. What is missing or does not work costs a line in the log
 * at most. After harts_start(), on a thread; it may sleep. The firmware's random
 * seed is taken out of the tree.
 */
void devices_start(struct devtree *dt);
