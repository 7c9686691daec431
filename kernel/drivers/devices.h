/*
 * Starting the devices that a machine may have and need not: clock, disks, ports, entropy.
 */
#pragma once

#include <stdbool.h>

struct devtree;

/*
 * Finds them and begins to use them. What is missing or does not work costs a line in the log
 * at most. After harts_start(), on a thread; it may sleep. The firmware's random
 * seed is taken out of the tree.
 */
void devices_start(struct devtree *dt);

/* Can devices interrupt? The interrupt controller is started when this is asked first: on a thread,
 * while the machine boots. */
bool devices_can_interrupt(const struct devtree *dt);
