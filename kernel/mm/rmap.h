/*
 * From an object's pages to the words that map them: edits in place.
 */
#pragma once

#include "mm/object.h"

/* Every leaf and parked frame that shows pages [index, end) of o becomes FILL again, in all
 * spaces. rmap_zap_copies: private copies too. o->maps_lock held. */
void rmap_zap(struct object *o, uint64_t index, uint64_t end);
void rmap_zap_copies(struct object *o, uint64_t index, uint64_t end);

/* Does a space have a shared mapping of o that may be stored to? */
must_check bool rmap_may_be_stored_to(struct object *o);

/* Every shared leaf of pages [index, end) of o loses W, so that the next store is announced.
 * o->maps_lock held. */
void rmap_withhold(struct object *o, uint64_t index, uint64_t end);
