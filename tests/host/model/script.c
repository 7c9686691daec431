/* Steps as random numbers and as lines of text; see world.h. */
#include "model/world.h"

#include <stdio.h>
#include <string.h>

/* How often each operation is drawn, in a thousand or so. */
static const struct {
    const char *name;
    unsigned weight;
} ops[OPS] = {
    [OP_MAP] = {"map", 70},
    [OP_REPLACE] = {"replace", 50},
    [OP_PHYS] = {"phys", 12},
    [OP_DATA] = {"data", 12},
    [OP_ANYWHERE] = {"anywhere", 25},
    [OP_UNMAP] = {"unmap", 50},
    [OP_PROTECT] = {"protect", 70},
    [OP_MOVE] = {"move", 70},
    [OP_GROW] = {"grow", 35},
    [OP_DONTNEED] = {"dontneed", 25},
    [OP_FREE] = {"free", 10},
    [OP_GUARD] = {"guard", 12},
    [OP_UNGUARD] = {"unguard", 12},
    [OP_SET_FLAGS] = {"set", 25},
    [OP_CLEAR_FLAGS] = {"clear", 20},
    [OP_LOAD] = {"load", 90},
    [OP_STORE] = {"store", 160},
    [OP_FETCH] = {"fetch", 15},
    [OP_FAULT] = {"fault", 20},
    [OP_POPULATE] = {"populate", 15},
    [OP_CLONE] = {"clone", 30},
    [OP_DESTROY] = {"destroy", 25},
    [OP_TRANSLATE] = {"translate", 10},
    [OP_READ] = {"read", 15},
    [OP_WRITE] = {"write", 20},
    [OP_MAPPINGS] = {"mappings", 12},
    [OP_INCORE] = {"incore", 10},
    [OP_USAGE] = {"usage", 10},
    [OP_RESIZE] = {"resize", 15},
    [OP_PUNCH] = {"punch", 10},
    [OP_WRITE_BACK] = {"writeback", 15},
    [OP_BAD] = {"bad", 4},
    [OP_RENEW] = {"renew", 4},
    [OP_SWITCH] = {"switch", 15},
    [OP_DRAIN] = {"drain", 4},
};

/* SEALED stays for ever and stops everything, so it is rare. */
static const uint32_t flag_choice[] = {
    TAG_LOCKED,
    TAG_LOCKED,
    TAG_DONTFORK,
    TAG_WIPEONFORK,
    TAG_NOHUGE,
    TAG_HUGE,
    TAG_HUGE,
    TAG_RANDOM,
    TAG_DONTDUMP,
    TAG_ONFAULT,
    TAG_LOCKED | TAG_HUGE,
};

static unsigned pick_op(uint64_t n)
{
    unsigned sum = 0, op;

    for (op = 0; op < OPS; op++)
        sum += ops[op].weight;
    n %= sum;
    for (op = 0; n >= ops[op].weight; op++)
        n -= ops[op].weight;
    return op;
}

static unsigned pick_prot(uint64_t n)
{
    static const uint8_t choice[] = {
        PROT_RW,   PROT_RW,   PROT_RW, PROT_RW, PROT_R,  PROT_R, PROT_RX, PROT_RWX,
        PROT_NONE, PROT_NONE, PROT_RW, PROT_X,  PROT_RW, PROT_W, PROT_RW, PROT_R};
    if (n % 64 == 63) return PROT_W | PROT_X;
    return choice[n / 64 % sizeof(choice)];
}

/* Lengths that make edges meet: single pages, whole tables, a bit of both. */
static unsigned pick_count(uint64_t n)
{
    unsigned more = (unsigned)(n >> 16);

    switch (n % 8) {
    case 0:
    case 1:
    case 2:
        return 1;
    case 3:
        return 1 + more % 4;
    case 4:
        return 1 + more % (2 * TABLE_ENTRIES);
    case 5:
        return TABLE_ENTRIES * (1 + more % 3);
    case 6:
        return 1 + more % TABLE_ENTRIES;
    default:
        return TABLE_BITS == 9 ? 1 + more % 32
                               : 1 + more % (TABLE_ENTRIES * TABLE_ENTRIES);
    }
}

/* A position; often the start of a table. */
static unsigned pick_page(uint64_t n)
{
    unsigned p = (unsigned)(n >> 8) % world.pages;

    if (n % 4 || world.pages == 0) return p;
    uint64_t vpn = page_at(p) & ~(uint64_t)(TABLE_ENTRIES - 1);
    return position_of(vpn) < 0 ? p : (unsigned)position_of(vpn);
}

static uint32_t pick_flags(uint64_t n)
{
    uint32_t flags = 0;

    if (n & 1) flags |= TAG_SHARED;
    if ((n >> 4) % 8 == 0) flags |= TAG_MAY_R | TAG_MAY_X;
    if ((n >> 8) % 6 == 0) flags |= flag_choice[(n >> 16) % ARRAY_SIZE(flag_choice)];
    if ((n >> 12) % 256 == 0) flags |= TAG_SEALED;
    return flags;
}

struct step step_random(uint64_t (*random)(void))
{
    uint64_t a = random(), b = random(), c = random();
    struct step st = {.op = (uint8_t)pick_op(a >> 40)};

    st.inside = st.op != OP_SWITCH && (a & 15) == 0;
    st.space = (uint8_t)((a >> 4) % WORLD_SPACES);
    st.hart = (uint8_t)((a >> 8) % WORLD_HARTS);
    st.object = (uint8_t)((a >> 12) % (2 * WORLD_OBJECTS));
    st.prot = (uint8_t)pick_prot(a >> 16);
    st.page = (uint16_t)pick_page(b);
    st.count = (uint16_t)pick_count(b >> 32);
    st.to = (uint16_t)pick_page(c);
    /* Targets with the same offset in a table move whole tables. */
    if ((st.op == OP_MOVE || st.op == OP_GROW) && c >> 62 == 0) {
        st.page &= (uint16_t) ~(TABLE_ENTRIES - 1);
        st.to &= (uint16_t) ~(TABLE_ENTRIES - 1);
        st.count = TABLE_ENTRIES;
    }
    st.flags = pick_flags(c >> 8);
    if (st.op == OP_SET_FLAGS || st.op == OP_CLEAR_FLAGS) {
        st.flags = flag_choice[(c >> 24) % ARRAY_SIZE(flag_choice)];
    }
    st.index = (uint32_t)(c >> 36) % (PAGER_PAGES / 2);
    st.value = 1 + (random() >> 16);
    return st;
}

/* The line of a step; step_parse() reads the same. */
#define FORMAT                                                                             \
    "%c%-9s space %u hart %u object %u prot %u page %u count %u to %u flags %#x index %u " \
    "value %lu"

int step_print(const struct step *st, char *line, size_t size)
{
    return snprintf(line, size, FORMAT, st->inside ? '+' : ' ', ops[st->op].name,
                    st->space, st->hart, st->object, st->prot, st->page, st->count,
                    st->to, st->flags, st->index, st->value);
}

bool step_parse(const char *line, struct step *st)
{
    unsigned space, hart, object, prot, page, count, to, flags, index;
    unsigned long value;
    char name[16], mark;
    int n;

    memset(st, 0, sizeof(*st));
    n = sscanf(
        line,
        "%c%15s space %u hart %u object %u prot %u page %u count %u to %u flags %x "
        "index %u value %lu",
        &mark, name, &space, &hart, &object, &prot, &page, &count, &to, &flags, &index,
        &value);
    if (n != 12) return false;
    while (st->op < OPS && strcmp(ops[st->op].name, name) != 0)
        st->op++;
    st->inside = mark == '+';
    st->space = (uint8_t)space;
    st->hart = (uint8_t)hart;
    st->object = (uint8_t)object;
    st->prot = (uint8_t)prot;
    st->page = (uint16_t)page;
    st->count = (uint16_t)count;
    st->to = (uint16_t)to;
    st->flags = flags;
    st->index = index;
    st->value = value;
    return st->op < OPS && st->space < WORLD_SPACES;
}
