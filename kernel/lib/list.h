/*
 * Circular doubly linked lists. The node lives inside the element; a head is a
 * node that belongs to no element. An unlinked node points to itself after
 * list_init() and list_remove().
 */
#pragma once

#include "lib/compiler.h"

#include <stdbool.h>

struct list {
    struct list *next;
    struct list *prev;
};

static inline void list_init(struct list *l) { l->next = l->prev = l; }
static inline bool list_empty(const struct list *l) { return l->next == l; }

/* Puts `node` right after `at`; with a head as `at`, at the front. */
static inline void list_insert_after(struct list *at, struct list *node)
{
    node->next = at->next;
    node->prev = at;
    at->next->prev = node;
    at->next = node;
}

static inline void list_push_front(struct list *head, struct list *node)
{
    list_insert_after(head, node);
}
static inline void list_push_back(struct list *head, struct list *node)
{
    list_insert_after(head->prev, node);
}

static inline void list_remove(struct list *node)
{
    node->prev->next = node->next;
    node->next->prev = node->prev;
    list_init(node);
}

/* Puts what `from` has behind what `head` has. */
static inline void list_splice(struct list *head, struct list *from)
{
    if (list_empty(from)) return;
    from->next->prev = head->prev;
    head->prev->next = from->next;
    from->prev->next = head;
    head->prev = from->prev;
    list_init(from);
}

#define list_entry(node, type, member) container_of(node, type, member)
#define list_for_each(it, head)        for (it = (head)->next; it != (head); it = it->next)
/* `it` may be removed inside the loop. */
#define list_for_each_safe(it, tmp, head) \
    for (it = (head)->next, tmp = it->next; it != (head); it = tmp, tmp = it->next)
