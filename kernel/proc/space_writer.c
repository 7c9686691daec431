/* See space_writer.h. */
#include "proc/space_writer.h"

#include "lib/string.h"
#include "mm/aspace.h"

void space_writer_seek(struct space_writer *w, vaddr_t at)
{
    if (va_floor(at).raw != va_floor(VA(w->at.raw - 1)).raw) w->page = NULL;
    w->at = at;
}

static noinline bool bring(struct space_writer *w)
{
    void *page = NULL;

    if (!w->err) w->err = aspace_own_page(w->space, w->at, &page);
    w->page = page;
    return page;
}

/* Is the page of the next byte at hand? */
static bool is_ready(struct space_writer *w)
{
    return (w->page && va_offset(w->at) != 0) || bring(w);
}

/* Where the next bytes go, at most n of them, and how many. NULL after an error. */
static char *room(struct space_writer *w, size_t *n)
{
    if (!is_ready(w)) return NULL;
    char *to = w->page + va_offset(w->at);
    size_t most = PAGE_SIZE - va_offset(w->at);
    if (*n > most) *n = most;
    w->at = va_add(w->at, *n);
    return to;
}

void space_writer_word(struct space_writer *w, uint64_t word)
{
    if (!is_ready(w)) return;
    *(uint64_t *)(void *)(w->page + va_offset(w->at)) = word;
    w->at = va_add(w->at, sizeof(word));
}

void space_writer_bytes(struct space_writer *w, const void *from, size_t n)
{
    const char *next = from;

    while (n > 0) {
        size_t piece = n;
        char *to = room(w, &piece);
        if (!to) return;
        memcpy(to, next, piece);
        next += piece;
        n -= piece;
    }
}

void space_writer_zeros(struct space_writer *w, size_t n)
{
    while (n > 0) {
        size_t piece = n;
        char *to = room(w, &piece);
        if (!to) return;
        memset(to, 0, piece);
        n -= piece;
    }
}
