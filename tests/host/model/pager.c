/* The pager of the tests; see pager.h. */
#include "model/pager.h"

#include "lib/errno.h"

#include <stdlib.h>
#include <string.h>

enum { TAIL = PAGE_SIZE - sizeof(uint64_t) };

unsigned pager_count;
void (*pager_sleep)(void);
void (*pager_dying)(struct pager *p);
void (*pager_complain)(const char *what);

void token_write(void *page, uint64_t token)
{
    memcpy(page, &token, sizeof(token));
    memcpy((char *)page + TAIL, &token, sizeof(token));
}

bool token_read(const void *page, uint64_t *token)
{
    uint64_t tail;

    memcpy(token, page, sizeof(*token));
    memcpy(&tail, (const char *)page + TAIL, sizeof(tail));
    return tail == *token;
}

static struct pager *dead;

static void complain(const char *what)
{
    if (pager_complain) pager_complain(what);
}

static int get_page(struct object *o, uint64_t index, struct page **out)
{
    struct pager *p = pager_of(o);
    struct page *page;
    int err;

    p->reads++;
    if (pager_sleep) pager_sleep();
    *out = NULL;
    if (index >= PAGER_PAGES) return -ERANGE;
    page = object_find_page(o, index);
    if (!page) {
        if (p->bad[index]) return -EIO;
        page = page_alloc_zeroed(PAGE_CACHED);
        if (!page) return -ENOMEM;
        token_write(page_ptr(page), p->disk[index]);
        err = object_add_page(o, index, page);
        if (err) {
            page_put(page);
            return err;
        }
    }
    *out = page;
    return 0;
}

static void dirtying(struct object *o, struct page *page)
{
    struct pager *p = pager_of(o);

    if (page->data.object != o || page->data.index >= PAGER_PAGES) {
        complain("dirtying() of a page that is not the object's");
        return;
    }
    p->announced[page->data.index] = true;
}

static int write_page(struct object *o, struct page *page)
{
    struct pager *p = pager_of(o);
    uint64_t index = page->data.index;
    uint64_t token;

    p->writes++;
    if (pager_sleep) pager_sleep();
    if (page->data.object != o || index >= PAGER_PAGES) {
        complain("write_page() of a page that is not the object's");
        return -EIO;
    }
    if (p->fail_write) {
        p->fail_write = false;
        return -EIO;
    }
    if (!token_read(page_ptr(page), &token)) complain("write_page() saw a torn page");
    if (page->flags & PAGE_REMOVED) return 0;
    if (!p->announced[index]) complain("write_page() of a page that nobody announced");
    if (!(page->flags & PAGE_DIRTY)) p->announced[index] = false;
    p->disk[index] = token;
    return 0;
}

static void destroy(struct object *o)
{
    struct pager *p = pager_of(o);

    p->next_dead = dead;
    dead = p;
}

void pager_bury(void)
{
    while (dead) {
        struct pager *p = dead;
        dead = p->next_dead;
        if (pager_dying) pager_dying(p);
        pager_count--;
        free(p);
    }
}

static const struct object_ops ops = {.get_page = get_page,
                                      .dirtying = dirtying,
                                      .write_page = write_page,
                                      .destroy = destroy};
static const struct object_ops memory_ops = {.get_page = get_page, .destroy = destroy};

struct pager *pager_create(uint64_t npages, uint32_t flags)
{
    struct pager *p = calloc(1, sizeof(*p));

    if (!p) return NULL;
    object_init(&p->object, flags & OBJECT_NO_NOTICE ? &memory_ops : &ops, npages, flags);
    pager_count++;
    return p;
}

bool pager_has(struct pager *p, uint64_t index)
{
    struct page *page = object_find_page(&p->object, index);

    if (page) page_put(page);
    return page;
}

static void forget(struct pager *p, uint64_t index)
{
    p->value[index] = p->disk[index];
    p->announced[index] = false;
}

void pager_resize(struct pager *p, uint64_t npages)
{
    object_resize(&p->object, npages);
    for (uint64_t i = npages; i < PAGER_PAGES; i++) {
        p->disk[i] = 0;
        forget(p, i);
    }
}

void pager_punch(struct pager *p, uint64_t index, uint64_t n)
{
    object_punch(&p->object, index, n);
    for (uint64_t i = index; i < index + n && i < PAGER_PAGES; i++)
        forget(p, i);
}
