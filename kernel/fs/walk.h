/*
 * Inside of fs/: a walk that stops before its last component, so that whoever opens, makes or
 * removes a name can do its own with it.
 *
 *     struct walk w;
 *     int err = walk_begin(&w, env, path, flags);
 *     if (!err) err = walk_to_last(&w);
 *     ... w.at is the directory, w.last the component; walk_into_link() goes on ...
 *     walk_end(&w);
 */
#pragma once

#include "fs/path.h"

struct link_frame;

struct walk {
    const struct walk_env *env;
    unsigned flags;    /* WALK_*; with a trailing slash come _DIRECTORY and _FOLLOW */
    unsigned followed; /* links */
    struct path at;    /* held */
    const char *rest;  /* of the path, or of the link that is being followed */
    struct link_frame *links; /* being followed, innermost first */

    enum { LAST_NAME, LAST_DOT, LAST_DOTDOT, LAST_ROOT } kind;
    const char *name; /* inside the path or a link; of LAST_NAME */
    size_t len;
    bool slash; /* the last component had one behind it */
};

/* Besides WALK_*: walk_begin() may go to the end of the path, if that is no link. Then the walk is
 * where the path leads, and ends there as "/" does: LAST_ROOT. */
enum { WALK_WHOLE = 1 << 8 };

/* Also after an error, walk_end() is called. If nothing is left in `rest`, the walk is where the path
 * leads. */
must_check int walk_begin(struct walk *w, const struct walk_env *env, const char *path,
                          unsigned flags);
must_check int walk_to_last(struct walk *w);
/* The link `inode` is the last component, and is followed: then walk_to_last() again. */
must_check int walk_into_link(struct walk *w, struct inode *inode);
/* Takes the last step, into *out, held: a link or a mounted directory's root as it is. */
must_check int walk_look(struct walk *w, struct path *out);
/* "..", and down into what is mounted there. */
must_check int walk_up(struct walk *w);
/* The walk is at p now, whose reference it takes. */
void walk_move(struct walk *w, struct path p);
/* The text of the innermost link has ended, or is of no more use. */
void walk_pop_link(struct walk *w);
/* Where the walk is, with its reference; only walk_end() may follow. */
static inline struct path walk_take(struct walk *w)
{
    struct path p = w->at;

    w->at = (struct path){NULL, NULL};
    return p;
}
static inline void walk_end(struct walk *w)
{
    while (w->links) {
        walk_pop_link(w);
    }
    if (w->at.dentry) path_put(w->at);
}

/* "..": the way up from a held path, which becomes what is there; not above `root`. */
void path_up(struct path *p, struct path root);
/* Down into what is mounted there. 0; -EXDEV if that is forbidden. */
must_check int path_descend(struct path *p, unsigned flags);

/* The directory's lock is held: may who add a name to it, or take this one away? */
must_check int name_may_create(struct path dir, const struct cred *who);
must_check int name_may_delete(struct path dir, const struct dentry *d, bool directory,
                               const struct cred *who);
