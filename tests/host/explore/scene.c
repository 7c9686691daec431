/* See scene.h for what this is for. */
#include "explore/scene.h"

#include "arch/riscv/entry.h"
#include "explore/frames.h"
#include "explore/harts.h"
#include "lib/errno.h"
#include "machine.h"
#include "mm/cursor.h"
#include "mm/slab.h"
#include "test.h"

#include <stdio.h>
#include <stdlib.h>

enum { MAX_OUTCOMES = 8192, GONE = -1000, EMPTY = -1, BUS = -2, NO_SPACE = -3 };

/* What came out of a run. */
struct outcome {
    long result[SCHEDULE_THREADS][SCENE_OPERATIONS];
    long shows[SPACES][SCENE_PAGES];
};

static const struct scene *scene;
static struct aspace *space[SPACES];
static uint64_t there[SCHEDULE_THREADS]; /* pages that MAP_ANYWHERE found */
static struct outcome now;

/* What serial orders bring about. */
static struct outcome allowed[MAX_OUTCOMES];
static unsigned nallowed;
static bool collecting;

static long frames_before[PAGE_USES];

/* --- the object ------------------------------------------------------------------ */

static struct object object;
static uint64_t disk[OBJECT_PAGES];
static bool object_open, object_gone;

static void inspect(const char *what, const void *where)
{
    if (object_gone && where >= (void *)&object && where < (void *)(&object + 1))
        schedule_fail("%s of the object, which is gone", what);
    harts_inspect(what, where);
}

static uint64_t *page_data(const struct page *p) { return page_ptr(p); }

static int get_page(struct object *o, uint64_t index, struct page **out)
{
    int err;

    do {
        schedule_point("get_page", NULL);
        *out = object_find_page(o, index);
        if (*out) return 0;
        struct page *p = page_alloc_zeroed(PAGE_CACHED);
        assert(p);
        *page_data(p) = disk[index];
        err = object_add_page(o, index, p);
        if (!err) *out = p;
        if (err) page_put(p);
    } while (err == -EEXIST);
    return err;
}

static void dirtying(struct object *o, struct page *p)
{
    (void)o;
    if (frame_is_free(page_pfn(p))) schedule_fail("a free page gets dirty");
}

static int write_page(struct object *o, struct page *p)
{
    (void)o;
    schedule_point("write_page", NULL);
    if (!(p->flags & PAGE_REMOVED)) disk[p->data.index] = *page_data(p);
    return 0;
}

static void destroy(struct object *o)
{
    (void)o;
    object_gone = true;
}

static const struct object_ops object_ops = {.get_page = get_page,
                                             .dirtying = dirtying,
                                             .write_page = write_page,
                                             .destroy = destroy};

/* A page that nobody will write back must be as it is on the disk. */
static void check_object(void)
{
    if (object_gone || object.flags & OBJECT_NO_NOTICE) return;
    for (uint64_t i = 0; i < object.npages; i++) {
        struct page *p = object_find_page(&object, i);
        if (!p) continue;
        if (!(p->flags & PAGE_DIRTY) && *page_data(p) != disk[i]) {
            schedule_fail("page %lu of the object is clean, and differs from the disk",
                          (unsigned long)i);
        }
        page_put(p);
    }
}

/* No space shows a page that has left the object. */
static void check_removed(void)
{
    for (unsigned s = 0; s < SPACES; s++) {
        for (unsigned i = 0; space[s] && i < SCENE_PAGES; i++) {
            uint64_t pfn;
            if (scene->first + i >= space[s]->end) break;
            pte_t e = words_at(space[s], scene->first + i, &pfn);
            if (!pte_is_leaf(e)) continue;
            const struct page *p = pfn_page(PFN(pfn));
            if (p->use == PAGE_CACHED && p->flags & PAGE_REMOVED)
                schedule_fail("space %u shows page %u, which has been removed", s, i);
        }
    }
}

/* --- operations -------------------------------------------------------------------- */

static uint64_t vpn_of(unsigned page) { return scene->first + page; }

static struct range range(const struct operation *op)
{
    return range_of(vpn_va(vpn_of(op->page)), op->n);
}

static long access_page(const struct operation *op, uint64_t vpn)
{
    uint64_t value = op->value;
    enum fault_result r = hart_access(space[op->space], vpn, op->flags, &value);

    return r == FAULT_DONE ? (long)value : GONE - (long)r;
}

long run_access(const struct operation *op) { return access_page(op, vpn_of(op->page)); }

long run_access_there(const struct operation *op)
{
    return there[fake_hart] ? access_page(op, there[fake_hart]) : 0;
}

long run_map(const struct operation *op)
{
    struct mapping_source source = {.flags = op->flags};

    return aspace_map(space[op->space], range(op), PROT_RW, &source);
}

long run_replace(const struct operation *op)
{
    struct mapping_source source = {.flags = op->flags};

    return aspace_map_replace(space[op->space], range(op), PROT_RW, &source);
}

long run_read(const struct operation *op)
{
    uint64_t value;
    int err =
        aspace_read(space[op->space], vpn_va(vpn_of(op->page)), &value, sizeof(value));

    return err ? err : (long)value;
}

long run_write(const struct operation *op)
{
    return aspace_write(space[op->space], vpn_va(vpn_of(op->page)), &op->value,
                        sizeof(op->value));
}

long run_map_object(const struct operation *op)
{
    struct mapping_source source = {
        .object = &object, .index = op->to, .flags = op->flags};

    return aspace_map(space[op->space], range(op), PROT_RW, &source);
}

long run_anywhere(const struct operation *op)
{
    struct mapping_source source = {0};
    vaddr_t va;
    int err = aspace_map_anywhere(space[op->space], op->n, 1, PROT_RW, &source, &va);

    there[fake_hart] = err ? 0 : va_vpn(va);
    return err;
}

long run_unmap(const struct operation *op)
{
    return aspace_unmap(space[op->space], range(op));
}

long run_protect(const struct operation *op)
{
    return aspace_protect(space[op->space], range(op), op->flags);
}

long run_move(const struct operation *op)
{
    return aspace_move(space[op->space], range(op), vpn_va(vpn_of(op->to)));
}

/* Whether there were holes is found out before the words change, and so is no part of what
 * is done at once. */
long run_advise(const struct operation *op)
{
    int err =
        aspace_advise(space[op->space], range(op), (enum advice)op->value, op->flags);

    return err == -ENOMEM ? 0 : err;
}

/* Nobody uses the child before it is returned, so only then do its harts run in it. */
long run_fork(const struct operation *op)
{
    vaddr_t first = range(op).start;
    struct aspace *child = aspace_clone_for(space[op->space], &first, op->n);

    assert(child);
    space[op->other] = child;
    for (unsigned h = 0; h < SCHEDULE_THREADS; h++) {
        for (const struct operation *o = scene->thread[h]; o->name; o++) {
            if (o->space == op->other && o->run == run_access) hart_uses(h, child);
        }
    }
    return 0;
}

long run_exit(const struct operation *op)
{
    struct aspace *s = space[op->space];

    space[op->space] = NULL;
    aspace_destroy(s);
    return 0;
}

long run_resize(const struct operation *op)
{
    object_resize(&object, op->n);
    check_removed();
    return 0;
}

long run_punch(const struct operation *op)
{
    object_punch(&object, op->page, op->n);
    return 0;
}

long run_write_back(const struct operation *op)
{
    (void)op;
    return object_write_back(&object, 0, OBJECT_PAGES);
}

/* The program lets go of the object; it lives while it is mapped. */
long run_close(const struct operation *op)
{
    (void)op;
    object_open = false;
    object_put(&object);
    return 0;
}

long run_switch(const struct operation *op)
{
    preempt_off();
    if (op->n) {
        aspace_switch_to(space[op->space]);
    } else {
        aspace_switch_to_kernel();
    }
    preempt_on();
    return 0;
}

/* An operation in a space that is not there (yet) does nothing. */
static long perform(const struct operation *op)
{
    bool in_space =
        op->run != run_resize && op->run != run_punch && op->run != run_write_back;

    return in_space && !space[op->space] ? NO_SPACE : op->run(op);
}

/* --- runs -------------------------------------------------------------------------- */

static void count_frames(long *count)
{
    for (unsigned use = PAGE_TABLE; use < PAGE_USES; use++)
        count[use] = frames_alive(use);
}

static void begin(void)
{
    count_frames(frames_before);
    memset(space, 0, sizeof(space));
    memset(there, 0, sizeof(there));
    memset(&now, 0, sizeof(now));
    harts_reset();
    object_init(&object, &object_ops, OBJECT_PAGES,
                scene->no_notice ? OBJECT_NO_NOTICE : 0);
    for (unsigned i = 0; i < OBJECT_PAGES; i++)
        disk[i] = 70 + i;
    object_open = true;
    object_gone = false;
    schedule_inspect = inspect;
    isolation_split = scene->split;
    space[P] = aspace_create(ASPACE_USER);
    assert(space[P]);
    space[P]->share_tables = !scene->copy_tables;
    space[P]->stack_pages = scene->stack_pages;
    for (const struct operation *op = scene->before; op->name; op++)
        perform(op);
    harts_reset();
    for (unsigned h = 0; h < SCHEDULE_THREADS; h++) {
        for (const struct operation *op = scene->thread[h]; op->name; op++) {
            if (op->run == run_access || op->run == run_access_there)
                hart_uses(h, space[op->space]);
        }
    }
    for (unsigned h = 0; h < SCHEDULE_THREADS; h++) {
        fake_hart = h;
        for (const struct operation *op = scene->warm[h]; op->name; op++) {
            hart_uses(h, space[op->space]);
            perform(op);
        }
    }
    fake_hart = 0;
}

static void thread(unsigned number)
{
    for (unsigned i = 0; scene->thread[number][i].name; i++) {
        const struct operation *op = &scene->thread[number][i];
        schedule_operation(op->name);
        now.result[number][i] = perform(op);
    }
}

/* What a program would find at a page. */
static long shown(struct aspace *s, uint64_t vpn)
{
    uint64_t pfn;
    pte_t e = words_at(s, vpn, &pfn);

    if (pte_is_empty(e)) return EMPTY;
    if (pte_has_frame(e)) return (long)*page_data(pfn_page(PFN(pfn)));
    const struct tag *tag = &legend_slot(&s->legend, mark_tag(e))->tag;
    if (!tag->object) return 0;
    uint64_t index = vpn + (uint64_t)tag->delta;
    if (index >= object_npages(tag->object)) return BUS;
    struct page *p = object_find_page(tag->object, index);
    long value = p ? (long)*page_data(p) : (long)disk[index];
    if (p) page_put(p);
    return value;
}

static void look(void)
{
    for (unsigned s = 0; s < SPACES; s++) {
        for (unsigned i = 0; i < SCENE_PAGES; i++) {
            bool outside = !space[s] || vpn_of(i) >= space[s]->end;
            now.shows[s][i] = outside ? NO_SPACE : shown(space[s], vpn_of(i));
        }
    }
}

static void print_operations(const char *who, const struct operation *op)
{
    printf("  %s:", who);
    for (; op->name; op++) {
        printf(" %s(%c", op->name, "PCD"[op->space]);
        if (op->run == run_fork) printf(" to %c", "PCD"[op->other]);
        printf(", page %u, n %u, to %u, flags %#x, value %lu)", op->page, op->n, op->to,
               op->flags, (unsigned long)op->value);
    }
    printf("\n");
}

static void explain(void)
{
    printf("%s: %u levels%s%s\n", scene->name, scene->levels ? scene->levels : 2,
           scene->copy_tables ? ", copying tables" : "",
           scene->split ? ", isolation=split" : "");
    print_operations("before", scene->before);
    for (unsigned h = 0; h < SCHEDULE_THREADS; h++) {
        char who[] = {(char)('A' + h), '\0'};
        if (!scene->thread[h][0].name) continue;
        if (scene->warm[h][0].name) print_operations("warm", scene->warm[h]);
        print_operations(who, scene->thread[h]);
    }
}

/* What came out and came out of no serial order. */
static void print_outcome(void)
{
    for (unsigned h = 0; h < SCHEDULE_THREADS; h++) {
        for (unsigned i = 0; scene->thread[h][i].name; i++) {
            printf("  %c: %s of page %u gave %ld\n", 'A' + (int)h,
                   scene->thread[h][i].name, scene->thread[h][i].page, now.result[h][i]);
        }
    }
    for (unsigned s = 0; s < SPACES; s++) {
        if (!space[s]) continue;
        printf("  %c shows", "PCD"[s]);
        for (unsigned i = 0; i < SCENE_PAGES && vpn_of(i) < space[s]->end; i++)
            printf(" %ld", now.shows[s][i]);
        printf("\n");
    }
}

static void judge(void)
{
    look();
    for (unsigned i = 0; i < nallowed; i++) {
        if (memcmp(&allowed[i], &now, sizeof(now)) == 0) return;
    }
    if (!collecting) {
        print_outcome();
        schedule_fail("what came out comes out of no serial order");
    }
    if (nallowed == MAX_OUTCOMES) schedule_fail("too many outcomes");
    allowed[nallowed++] = now;
}

static void check_rules(void)
{
    struct aspace *all[SPACES];
    unsigned n = 0;

    for (unsigned s = 0; s < SPACES; s++) {
        if (space[s]) all[n++] = space[s];
    }
    const char *broken = n ? aspace_check(all, n) : NULL;
    if (broken) schedule_fail("aspace_check: %s", broken);
    if (object.maps_lock.held || object.pages_lock.held)
        schedule_fail("a lock of the object is left held");
    harts_check();
    check_removed();
    check_object();
}

static void end(void)
{
    long frames_after[PAGE_USES];

    check_rules();
    judge();
    for (unsigned h = 0; h < SCHEDULE_THREADS; h++) {
        fake_hart = h;
        run_switch(&(struct operation){.n = 0});
    }
    fake_hart = 0;
    harts_reset();
    for (unsigned s = 0; s < SPACES; s++) {
        if (space[s]) aspace_destroy(space[s]);
    }
    if (object_open) object_put(&object);
    if (!object_gone) schedule_fail("somebody still refers to the object");
    count_frames(frames_after);
    for (unsigned use = PAGE_TABLE; use < PAGE_USES; use++) {
        if (frames_after[use] != frames_before[use]) {
            schedule_fail("%ld frames of use %u have leaked",
                          frames_after[use] - frames_before[use], use);
        }
    }
}

static void boot(void)
{
    fake_machine();
    int err = slab_init();
    if (!err) err = aspace_init(scene->levels ? scene->levels : 2);
    assert(!err);
}

static unsigned count_threads(void)
{
    unsigned n = 0;

    while (n < SCHEDULE_THREADS && scene->thread[n][0].name)
        n++;
    return n;
}

static struct model model_of_scene(void)
{
    return (struct model){count_threads(), begin, thread, end};
}

/* Finds what serial orders bring about. */
static void collect(const struct model *model)
{
    collecting = true;
    nallowed = 0;
    schedule_serial(model);
    collecting = false;
}

static void explore(void)
{
    struct model model = model_of_scene();
    const char *replay = getenv("EXPLORE_REPLAY"), *more = getenv("EXPLORE_MORE");
    unsigned bound = scene->bound + (more ? (unsigned)atoi(more) : 0);
    unsigned long n = 0;

    boot();
    collect(&model);
    if (replay) {
        schedule_replay(&model, replay);
        return;
    }
    for (unsigned b = 0; b <= bound; b++)
        n = schedule_explore(&model, b); /* what is short is found first */
    printf("ok %s (%lu schedules)\n", scene->name, n);
}

static uint64_t random_state;

/* xorshift64*: the state is never zero. */
static uint64_t next_random(void)
{
    random_state ^= random_state >> 12;
    random_state ^= random_state << 25;
    random_state ^= random_state >> 27;
    return random_state * 0x2545f4914f6cdd1dul;
}

static const struct lottery *lottery;

static void draw_and_explore(uint64_t seed, const char *replay)
{
    static struct scene drawn;
    static char name[60];

    memset(&drawn, 0, sizeof(drawn));
    random_state = (seed + 1) * 0x9e3779b97f4a7c15ul | 1;
    lottery->draw(&drawn, next_random);
    snprintf(name, sizeof(name), "TEST_SEED=%lu", (unsigned long)seed);
    drawn.name = name;
    scene = &drawn;

    struct model model = model_of_scene();
    boot();
    collect(&model);
    if (replay) {
        schedule_replay(&model, replay);
    } else {
        schedule_random(&model, lottery->runs, next_random);
    }
}

static void explore_lottery(void)
{
    const char *replay = getenv("EXPLORE_REPLAY");

    for (unsigned i = 0; i < (replay ? 1 : lottery->count); i++)
        draw_and_explore(test_seed + i, replay);
    printf("ok %u scenes, each under %lu random schedules\n", lottery->count,
           lottery->runs);
}

bool scene_passes(const struct scene *which)
{
    scene = which;
    schedule_explain = explain;
    return schedule_in_child(explore);
}

bool lottery_passes(const struct lottery *which)
{
    lottery = which;
    schedule_explain = explain;
    return schedule_in_child(explore_lottery);
}
