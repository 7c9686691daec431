/*
 * Messages: see internal.h.
 *
 *     message | bytes...          pieces of a page each, made before the first byte is copied,
 *        +--> piece | bytes...    so that a message is whole or not at all
 *        +--> piece | bytes...
 *
 * What a message costs its sender, its bytes and OVERHEAD, comes back when it is destroyed; the
 * sender is woken when he has been charged no more than a quarter of his limit, since one that
 * could send little only would come too often.
 */
#include "lib/errno.h"
#include "mm/slab.h"
#include "socket/internal.h"

enum { OVERHEAD = 256 };

static void free_pieces(struct piece *p)
{
    while (p) {
        struct piece *next = p->next;
        kfree(p);
        p = next;
    }
}

/* For the bytes that do not fit into the message itself. */
static bool add_pieces(struct piece **at, size_t len)
{
    const size_t most = PAGE_SIZE - sizeof(struct piece);

    while (len > 0) {
        size_t n = len < most ? len : most;
        struct piece *p = kmalloc(sizeof(*p) + n);
        if (!p) return false;
        *p = (struct piece){.len = n};
        *at = p;
        at = &p->next;
        len -= n;
    }
    return true;
}

struct message *message_make(struct socket *sender, size_t len)
{
    const size_t most = PAGE_SIZE - sizeof(struct message);
    size_t first = len < most ? len : most;
    struct message *m = kmalloc(sizeof(*m) + first);

    if (!m) return NULL;
    *m = (struct message){.sender = sender, .len = len, .first.len = first};
    m->charge = (uint32_t)len + OVERHEAD;
    if (!add_pieces(&m->first.next, len - first)) {
        free_pieces(m->first.next);
        kfree(m);
        return NULL;
    }
    list_init(&m->link);
    socket_get(sender);
    __atomic_fetch_add(&sender->charged, m->charge, __ATOMIC_RELAXED);
    return m;
}

static void settle(struct socket *sender, uint32_t charge)
{
    uint32_t left = __atomic_sub_fetch(&sender->charged, charge, __ATOMIC_RELAXED);

    if (left <= __atomic_load_n(&sender->send_limit, __ATOMIC_RELAXED) / 4) {
        wait_wake_all(&sender->out);
    }
    socket_put(sender);
}

void message_destroy(struct message *m)
{
    if (m->rights) {
        rights_bury(m);
        return;
    }
    settle(m->sender, m->charge);
    if (m->from) address_put(m->from);
    free_pieces(m->first.next);
    kfree(m);
}

void message_destroy_all(struct list *messages)
{
    while (!list_empty(messages)) {
        struct message *m = list_entry(messages->next, struct message, link);
        list_remove(&m->link);
        message_destroy(m);
    }
}

long message_fill(struct message *m, struct transfer *t)
{
    long total = 0;

    for (struct piece *p = &m->first; p; p = p->next) {
        long n = transfer_in(t, p->bytes, p->len);
        if (n < 0) return total ? total : n;
        total += n;
        if ((size_t)n < p->len) break;
    }
    return total;
}

long message_copy(const struct message *m, size_t at, struct transfer *t)
{
    size_t left = m->len - at;
    long total = 0;

    for (const struct piece *p = &m->first; p && left && t->left; p = p->next) {
        if (at >= p->len) {
            at -= p->len;
            continue;
        }
        size_t len = p->len - at < left ? p->len - at : left;
        long n = transfer_out(t, p->bytes + at, len);
        if (n < 0) return total ? total : n;
        total += n;
        left -= (size_t)n;
        at = 0;
        if ((size_t)n < len) break;
    }
    return total;
}
