/*
 * What the boot found, for those who test it.
 */
#pragma once

#include "drivers/devtree.h"

/* The machine as its device tree and the boot describe it. Does not change after boot. */
extern struct devtree machine;
