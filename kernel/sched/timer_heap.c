/* See timer_heap.h. A root has neither siblings nor `prev`. */
#include "sched/timer_heap.h"

/* Of two roots, either of which may be NULL, the later one becomes a child of the other. */
static struct timer *merge(struct timer *a, struct timer *b)
{
    if (!a || !b) return a ? a : b;
    if (b->deadline < a->deadline) {
        struct timer *later = a;
        a = b;
        b = later;
    }
    b->prev = a;
    b->next = a->child;
    if (a->child) a->child->prev = b;
    a->child = b;
    return a;
}

static struct timer *make_root(struct timer *t)
{
    if (t) t->next = t->prev = NULL;
    return t;
}

/* Siblings from `first` on become one heap: in pairs from the left, then all of these from
 * the right. The second pass is what keeps later removals cheap. */
static struct timer *merge_siblings(struct timer *first)
{
    struct timer *pairs = NULL; /* by `next`, the last one first */
    struct timer *heap = NULL;

    while (first) {
        struct timer *a = first, *b = a->next;
        first = b ? b->next : NULL;
        struct timer *pair = merge(make_root(a), make_root(b));
        pair->next = pairs;
        pairs = pair;
    }
    while (pairs) {
        struct timer *pair = pairs;
        pairs = pair->next;
        heap = merge(heap, make_root(pair));
    }
    return heap;
}

struct timer *timer_heap_insert(struct timer *heap, struct timer *t)
{
    t->child = NULL;
    return merge(heap, make_root(t));
}

static void cut(struct timer *t)
{
    if (t->prev->child == t) {
        t->prev->child = t->next;
    } else {
        t->prev->next = t->next;
    }
    if (t->next) t->next->prev = t->prev;
}

struct timer *timer_heap_remove(struct timer *heap, struct timer *t)
{
    struct timer *children = merge_siblings(t->child);

    if (heap == t) return children;
    cut(t);
    return merge(heap, children);
}
