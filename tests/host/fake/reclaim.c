/* No thread looks after the reserve, and a test says when memory is short. */
#include "mm/reclaim.h"

#include "machine.h"
#include "mm/object.h"

bool fake_memory_is_short;

void reclaim_for_cache(void)
{
    if (fake_memory_is_short) (void)objects_reclaim(16);
}
