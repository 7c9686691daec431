/* See rig.h. */
#include "model/rig.h"

#ifndef RIG_LEVELS
#define RIG_LEVELS 3
#endif

enum { RIG_SPACES = 8 };

static struct aspace *alive[RIG_SPACES];

void rig_begin(void)
{
    static bool booted;

    if (!booted) world_boot(RIG_LEVELS);
    booted = true;
    world_begin();
}

static void remember(struct aspace *s)
{
    for (unsigned i = 0; i < RIG_SPACES; i++) {
        if (alive[i]) continue;
        alive[i] = s;
        return;
    }
    world_fail("too many spaces for the rig");
}

struct aspace *rig_space(void)
{
    struct aspace *s = aspace_create(ASPACE_USER);

    if (!s) world_fail("no memory for a space");
    remember(s);
    return s;
}

struct aspace *rig_clone(struct aspace *s)
{
    struct aspace *child = aspace_clone(s);

    if (!child) world_fail("no memory for a fork");
    remember(child);
    return child;
}

void rig_destroy(struct aspace *s)
{
    for (unsigned i = 0; i < RIG_SPACES; i++) {
        if (alive[i] == s) alive[i] = NULL;
    }
    aspace_destroy(s);
}

void rig_end(void)
{
    for (unsigned i = 0; i < RIG_SPACES; i++) {
        if (alive[i]) rig_destroy(alive[i]);
    }
    world_end();
}

void rig_map(struct aspace *s, uint64_t vpn, size_t n, unsigned prot, uint32_t flags)
{
    struct mapping_source source = {.flags = flags};
    int err = aspace_map(s, pages(vpn, n), prot, &source);

    if (err) world_fail("cannot map %zu pages at %lu: %d", n, vpn, err);
}

void rig_map_object(struct aspace *s, uint64_t vpn, size_t n, unsigned prot,
                    uint32_t flags, struct pager *p, uint64_t index)
{
    struct mapping_source source = {.object = &p->object, .index = index, .flags = flags};
    int err = aspace_map(s, pages(vpn, n), prot, &source);

    if (err) world_fail("cannot map %zu pages of an object at %lu: %d", n, vpn, err);
}

static enum fault_result reach(struct aspace *s, uint64_t vpn, unsigned access,
                               unsigned how, void **at)
{
    for (unsigned tries = 0; tries < NO_LIMIT; tries++) {
        struct walk w = walk_user(ptr_to_pfn(aspace_walked_root(s)).raw, s->levels,
                                  vpn << PAGE_SHIFT, how);
        enum fault_result r;

        if (w.broken) world_fail("page %lu: %s", vpn, w.broken);
        *at = pa_to_ptr(PA(w.pa));
        if (w.ok) return FAULT_DONE;
        r = aspace_fault(s, VA(vpn << PAGE_SHIFT), access);
        if (r != FAULT_DONE) return r;
    }
    world_fail("page %lu faults for ever", vpn);
}

enum fault_result rig_store(struct aspace *s, uint64_t vpn, uint64_t value)
{
    void *at;
    enum fault_result r = reach(s, vpn, PROT_W, WALK_STORE, &at);

    if (r == FAULT_DONE) token_write(at, value);
    return r;
}

enum fault_result rig_load(struct aspace *s, uint64_t vpn, uint64_t *value)
{
    void *at;
    enum fault_result r = reach(s, vpn, PROT_R, WALK_LOAD, &at);

    if (r == FAULT_DONE && !token_read(at, value)) world_fail("page %lu is torn", vpn);
    return r;
}

uint64_t rig_value(struct aspace *s, uint64_t vpn)
{
    uint64_t value = 0;
    enum fault_result r = rig_load(s, vpn, &value);

    return r == FAULT_DONE ? value : 0xdead0000u + (unsigned)r;
}

struct place rig_word(struct aspace *s, uint64_t vpn)
{
    struct place p = {.table = ptr_page(s->root)};

    for (;;) {
        p.i = word_index(vpn, p.table->table.level);
        p.word = &table_words(p.table)[p.i];
        if (!pte_is_table(*p.word) && !pte_is_shared_table(*p.word)) return p;
        p.table = pte_table_page(*p.word);
    }
}

unsigned rig_resident(struct aspace *s, uint64_t vpn, unsigned n)
{
    unsigned leaves = 0;

    for (unsigned i = 0; i < n; i++)
        leaves += pte_is_leaf(*rig_word(s, vpn + i).word);
    return leaves;
}

unsigned rig_lines(struct aspace *s)
{
    struct mapping m = {.range.end = VA(0)};
    unsigned n = 0;

    while (aspace_next_mapping(s, m.range.end, &m))
        n++;
    return n;
}

bool rig_sound(struct aspace *a, struct aspace *b, struct aspace *c)
{
    struct aspace *all[3];
    unsigned n = 0;

    if (a) all[n++] = a;
    if (b) all[n++] = b;
    if (c) all[n++] = c;
    const char *bad = aspace_check(all, n);
    return EXPECT_STR(bad, NULL);
}
