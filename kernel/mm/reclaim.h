/*
 * Memory that caches give back.
 *
 * Pages that can be brought again (OBJECT_AGAIN) may fill all of memory but for a reserve. When
 * less is free a thread takes some of them (object.h); caches that are about to grow do the
 * same themselves, so that they never live on the reserve.
 */
#pragma once

#include "lib/compiler.h"

#include <stdbool.h>

/* From now on the reserve is looked after. Boot, once. 0 or -ENOMEM. */
must_check int reclaim_start(void);

/* Before a cache takes frames. Locks: no spinlock is held. */
void reclaim_for_cache(void);

/* Somebody found no frame: did caches give some back? Locks: no spinlock is held. */
bool reclaim_some(void);
