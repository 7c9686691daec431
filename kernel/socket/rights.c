/*
 * Files in messages.
 *
 * A file that is a socket may go with a message, and be closed by everybody: then the message
 * alone holds it, and with it the queue in which other messages hold others. When those hold each
 * other in a ring, nobody will ever receive them. So sockets in messages ("in flight") are
 * counted, and this looks for such rings whenever a socket is closed, and each time when
 * COLLECT_AFTER messages with files have been sent, since closing a socket in flight ends none:
 *
 *     suspects   sockets all of whose references are from messages
 *     outside    the references of a suspect that are not from queues of suspects
 *     alive      suspects with some outside, and what is in queues of the living
 *     the rest   nobody can reach them: the files in their queues are let go
 *
 * Nobody makes a suspect reachable meanwhile: that takes receiving a message with it, which takes
 * the lock here; and who sends one has it open and is no suspect's only user.
 *
 * Letting a file go may release a socket, whose queue has files, and so on. The stack is not to
 * grow with that: messages with files are buried in one list, and one thread at a time goes through
 * it; whoever buries more meanwhile, maybe that thread itself further down, leaves it to it.
 *
 * Lock: `flights`, a mutex, for counts, both lists, and the rights of queued messages. The
 * queues' own locks are inside.
 */
#include "lib/errno.h"
#include "mm/slab.h"
#include "socket/internal.h"

/* Files in all messages: beyond that nothing is sent that has some. */
enum { FLIGHTS_MOST = 65536, COLLECT_AFTER = 64 };

static struct mutex flights;
static struct list flying = {&flying, &flying}; /* sockets in flight */
static unsigned nfiles;                         /* in messages */
static unsigned sent;                           /* since rings were looked for */
static struct list buried = {&buried, &buried};
static bool burying; /* a thread goes through the list */

struct rights *rights_make(void)
{
    struct rights *r = kmalloc(sizeof(*r));

    if (r) r->count = 0;
    return r;
}

void rights_put(struct rights *r)
{
    if (!r) return;
    for (unsigned i = 0; i < r->count; i++) {
        file_put(r->files[i]);
    }
    kfree(r);
}

/* flights is held, here and up to rights_collect(). */
static void take_off(struct rights *r)
{
    nfiles += r->count;
    for (unsigned i = 0; i < r->count; i++) {
        struct socket *s = socket_of(r->files[i]);
        if (s && s->in_flight++ == 0) list_push_back(&flying, &s->flying);
    }
}

static void land(struct rights *r)
{
    nfiles -= r->count;
    for (unsigned i = 0; i < r->count; i++) {
        struct socket *s = socket_of(r->files[i]);
        if (s && --s->in_flight == 0) list_remove(&s->flying);
    }
}

int rights_send(struct message *m, struct rights *r)
{
    mutex_lock(&flights);
    bool due = ++sent > COLLECT_AFTER;
    mutex_unlock(&flights);
    if (due) rights_collect();
    mutex_lock(&flights);
    bool fits = nfiles + r->count <= FLIGHTS_MOST;
    if (fits) {
        take_off(r);
        m->rights = r;
    }
    mutex_unlock(&flights);
    return fits ? 0 : -ETOOMANYREFS;
}

struct rights *rights_take(struct message *m)
{
    mutex_lock(&flights);
    struct rights *r = m->rights;
    land(r);
    m->rights = NULL;
    mutex_unlock(&flights);
    return r;
}

int rights_copy(struct message *m, struct rights **out)
{
    struct rights *copy = rights_make();

    if (!copy) return -ENOMEM;
    mutex_lock(&flights);
    *copy = *m->rights;
    for (unsigned i = 0; i < copy->count; i++) {
        file_get(copy->files[i]);
    }
    mutex_unlock(&flights);
    *out = copy;
    return 0;
}

/* The next of the list, whose files are in flight no more; NULL: that was the last. */
static struct message *next_buried(void)
{
    struct message *m = NULL;

    mutex_lock(&flights);
    if (list_empty(&buried)) {
        burying = false;
    } else {
        m = list_entry(buried.next, struct message, link);
        list_remove(&m->link);
        land(m->rights);
    }
    mutex_unlock(&flights);
    return m;
}

void rights_bury(struct message *m)
{
    mutex_lock(&flights);
    list_push_back(&buried, &m->link);
    bool alone = !burying;
    burying = true;
    mutex_unlock(&flights);
    if (!alone) return;
    while ((m = next_buried())) {
        rights_put(m->rights);
        m->rights = NULL;
        message_destroy(m);
    }
}

/*
 * Calls visit(socket, arg) for each suspect that a message holds which is in a queue of s, as
 * often as one does.
 */
static void visit_queue(struct list *messages, void (*visit)(struct socket *, void *),
                        void *arg)
{
    struct list *at;

    list_for_each (at, messages) {
        const struct rights *r = list_entry(at, struct message, link)->rights;
        for (unsigned i = 0; r && i < r->count; i++) {
            struct socket *s = socket_of(r->files[i]);
            if (s && s->suspect) visit(s, arg);
        }
    }
}

/* A listener's queues are those of the connections that it has not accepted. */
static void visit_queues(struct socket *s, void (*visit)(struct socket *, void *),
                         void *arg)
{
    struct list *at;

    socket_lock(s);
    visit_queue(&s->messages, visit, arg);
    list_for_each (at, &s->pending) {
        struct socket *waiting = list_entry(at, struct socket, link);
        spin_acquire(&waiting->lock);
        visit_queue(&waiting->messages, visit, arg);
        spin_release(&waiting->lock);
    }
    socket_unlock(s);
}

static void count_inside(struct socket *s, void *arg)
{
    (void)arg;
    s->outside--;
}

static void clear(struct socket *s, void *todo)
{
    s->suspect = false;
    list_remove(&s->flying);
    list_push_back(todo, &s->flying);
}

/* Whoever is alive leaves the list of those in flight for another one. */
static void find_living(struct list *living)
{
    struct list *at, *next, todo;

    list_init(&todo);
    list_for_each_safe (at, next, &flying) {
        struct socket *s = list_entry(at, struct socket, flying);
        if (!s->suspect || s->outside) clear(s, s->suspect ? &todo : living);
    }
    while (!list_empty(&todo)) {
        struct socket *s = list_entry(todo.next, struct socket, flying);
        clear(s, living);
        visit_queues(s, clear, &todo);
    }
}

/* Messages with files. */
static void take_messages(struct list *from, struct list *to)
{
    struct list *at, *next;

    list_for_each_safe (at, next, from) {
        if (!list_entry(at, struct message, link)->rights) continue;
        list_remove(at);
        list_push_back(to, at);
    }
}

/* A thread that found the descriptor just before it was closed may be reading still: then it
 * is the reader's, and the next closing comes by again. */
static void empty_queues(struct socket *s, struct list *messages, struct list *pending)
{
    if (!mutex_trylock(&s->reading)) return;
    socket_lock(s);
    take_messages(&s->messages, messages);
    list_splice(pending, &s->pending);
    s->npending = 0;
    socket_unlock(s);
    mutex_unlock(&s->reading);
}

static void find_suspects(void)
{
    struct list *at;

    list_for_each (at, &flying) {
        struct socket *s = list_entry(at, struct socket, flying);
        s->outside = s->in_flight;
        s->suspect = __atomic_load_n(&s->file->refs, __ATOMIC_RELAXED) == s->in_flight;
    }
    list_for_each (at, &flying) {
        struct socket *s = list_entry(at, struct socket, flying);
        if (s->suspect) visit_queues(s, count_inside, NULL);
    }
}

void rights_collect(void)
{
    struct list living, messages, pending, *at;

    list_init(&living);
    list_init(&messages);
    list_init(&pending);
    mutex_lock(&flights);
    sent = 0;
    find_suspects();
    find_living(&living);
    list_for_each (at, &flying) {
        empty_queues(list_entry(at, struct socket, flying), &messages, &pending);
    }
    list_splice(&flying, &living);
    mutex_unlock(&flights);
    message_destroy_all(&messages);
    socket_refuse_all(&pending);
}
