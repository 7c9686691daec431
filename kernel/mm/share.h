/*
 * Sharing tables between spaces: clone, resolve, drop, destroy; and the frames
 * of large blocks. one-level-store.md section 6; share.c has the picture.
 */
#pragma once

#include "mm/cursor.h"

/*
 * Word `i` of own locked table `m` is a TABLE mark: makes it a pointer to a table
 * of our own, locked and chained to the cursor. NULL without memory; then nothing
 * has changed.
 */
struct page *share_resolve(struct cursor *c, struct page *m, unsigned i);

/* Gives one reference to shared table `s` back, under its lock. True if it was the last. */
bool share_drop(struct page *s);

/* Lets go of all that a table holds that nobody can find; the tables below it are doomed. No lock
 * of it is held. */
void share_destroy_words(struct page *t, struct doomed_tables *gone);
/* The same, and the table itself is doomed. */
void share_destroy_table(struct page *t, struct doomed_tables *gone);

/* How a fork copies; resolving copies with none of it. */
struct clone {
    struct cursor
        *cursor; /* over all of the parent; it locks the own tables as they come */
    struct aspace
        *parent; /* whose legend says which tags stay behind; NULL when resolving */
    struct span
        special; /* hull of the pages with DONTFORK or WIPEONFORK tags, or empty */
    bool eager;  /* copy every table */
};

/* Gives fresh table `dst` the tags of the leaves of `src`, before it is cloned. 0 or -ENOMEM. */
must_check int share_copy_tags(struct page *dst, const struct page *src);

/*
 * Copies the words of `src` into fresh table `dst` of the same level, whose first
 * page is `base`. src is locked, and so are the own tables below it afterwards, at a fork.
 * Tables below become shared, or are copied if they are small or must be.
 * 0, or -ENOMEM if a copy was needed that sharing cannot replace: then dst holds
 * what was done so far, consistently.
 */
must_check int share_clone(struct page *dst, struct page *src, uint64_t base,
                           const struct clone *how);

/*
 * Page `vpn`, if the fork has withheld it from both: the child gets a copy at once, and both get W.
 * The parent's tables are all locked, and flushed; nobody runs the child. Without a frame, or of
 * other than anonymous memory, nothing is done.
 */
void share_copy_page(struct aspace *child, struct aspace *parent, uint64_t vpn);

/* Takes, gives back the references of a private or shared leaf or PARKED mark at `level`. */
void frames_get(pte_t e, unsigned level);
void frames_put(pte_t e, unsigned level);

/* Is the frame, or the unbroken block, anonymous with one reference? */
bool frames_exclusive(pte_t e, unsigned level);

/* The block of a private leaf at level 1 is about to be split: each frame counts for itself. */
void share_break_block(pte_t e);
