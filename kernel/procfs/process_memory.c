/*
 * A process's memory in /proc: maps and smaps, the bytes themselves (mem), and those that exec left
 * on its stack (cmdline, environ, auxv).
 *
 * An address space has no list of areas: a line of maps is the longest run of pages that mean the
 * same. Where the heap begins and ends a line does, too, as readers expect; and the name of a
 * file is the one by which it was first mapped (fs/pagecache.h).
 *
 * The space is held meanwhile and nothing else is: its program may run on and change it.
 */
#include "procfs/internal.h"

#include "fs/pagecache.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/aspace.h"
#include "mm/slab.h"
#include "proc/program.h"
#include "proc/task.h"
#include "uapi/fcntl.h"
#include "uapi/stat.h"

enum {
    NAME_COLUMN = 73, /* where Linux lets names begin */
    PIECE = 4096,     /* bytes that go through the kernel at once */
    STRINGS_MOST = 2 << 20,
    AT_SYSINFO_EHDR = 33,
};

/* A held program whose space is being shown, line by line. */
struct shown_space {
    struct program *program;
    struct mapping mapping; /* its object is held, if it has one */
    vaddr_t heap_start, heap_end, vdso;
};

static vaddr_t auxv_value(const struct program *program, uint64_t key)
{
    for (unsigned i = 0; i < program->nauxv; i++) {
        if (program->auxv[2 * i] == key) return VA(program->auxv[2 * i + 1]);
    }
    return VA(0);
}

/* False: there is no program any more. Then there is nothing to end. */
static bool space_begin(struct shown_space *s, const struct subject *subject)
{
    struct program *program = process_get_program(subject->process);

    if (!program) return false;
    *s = (struct shown_space){.program = program};
    s->vdso = auxv_value(program, AT_SYSINFO_EHDR);
    mutex_lock(&program->brk_lock);
    s->heap_start = va_floor(program->brk_start);
    s->heap_end = va_ceil(program->brk);
    mutex_unlock(&program->brk_lock);
    return true;
}

static void space_put_object(struct shown_space *s)
{
    if (s->mapping.tag.object) object_put(s->mapping.tag.object);
    s->mapping.tag.object = NULL;
}

static void space_end(struct shown_space *s)
{
    space_put_object(s);
    program_put(s->program);
}

static void cut_at(struct range *r, vaddr_t at)
{
    if (r->start.raw < at.raw && at.raw < r->end.raw) r->end = at;
}

static bool space_next(struct shown_space *s)
{
    struct aspace *space = s->program->space;
    struct range rest = {s->mapping.range.end, VA(space->end << PAGE_SHIFT)};

    space_put_object(s);
    if (!aspace_get_mapping(space, rest, &s->mapping)) {
        s->mapping.tag.object = NULL;
        return false;
    }
    if (!s->mapping.tag.object) {
        cut_at(&s->mapping.range, s->heap_start);
        cut_at(&s->mapping.range, s->heap_end);
    }
    return true;
}

/* What has no file, by where it lies. */
static const char *place_name(const struct shown_space *s)
{
    struct range r = s->mapping.range;

    if (s->vdso.raw && range_contains(r, s->vdso)) return "[vdso]";
    if (s->vdso.raw && r.end.raw == s->vdso.raw) return "[vvar]";
    if (s->mapping.tag.object) {
        return s->mapping.tag.flags & TAG_SHARED ? "/dev/zero (deleted)" : "";
    }
    if (r.start.raw >= s->heap_start.raw && r.end.raw <= s->heap_end.raw) return "[heap]";
    return range_contains(r, s->program->stack_start) ? "[stack]" : "";
}

static bool ends_with(const char *text, const char *end)
{
    size_t len = strlen(text), n = strlen(end);

    return len >= n && strcmp(text + len - n, end) == 0;
}

/* Names end the line, so nothing in them but a newline is in anybody's way. */
static void show_file_name(struct object *o, const struct mapped_name *name,
                           struct text *t)
{
    for (const char *c = name->text; *c; c++) {
        text_printf(t, *c == '\n' ? "\\012" : "%c", *c);
    }
    if (pagecache_is_nameless(o) && !ends_with(name->text, " (deleted)"))
        text_printf(t, " (deleted)");
}

static void show_line(const struct shown_space *s, struct text *t)
{
    const struct mapping *m = &s->mapping;
    struct object *o = m->tag.object;
    const struct mapped_name *file = o ? pagecache_mapped_name(o) : NULL;
    const char *place = file ? "" : place_name(s);
    uint64_t index = (m->range.start.raw >> PAGE_SHIFT) + (uint64_t)m->tag.delta;
    uint64_t device = file ? file->device : 0;
    size_t begin = t->len;

    text_printf(t, "%08lx-%08lx %c%c%c%c %08lx ", m->range.start.raw, m->range.end.raw,
                m->prot & PROT_R ? 'r' : '-', m->prot & PROT_W ? 'w' : '-',
                m->prot & PROT_X ? 'x' : '-', m->tag.flags & TAG_SHARED ? 's' : 'p',
                o ? index << PAGE_SHIFT : 0);
    text_printf(t, "%02x:%02x %lu ", device_major(device), device_minor(device),
                file ? file->ino : 0);
    if (file || *place) {
        size_t width = t->len - begin;
        text_printf(t, "%*s", width < NAME_COLUMN ? (int)(NAME_COLUMN - width) : 0, "");
    }
    if (file) show_file_name(o, file, t);
    text_printf(t, "%s\n", place);
}

int show_maps(const struct subject *subject, struct text *t)
{
    struct shown_space s;

    if (!space_begin(&s, subject)) return 0;
    while (!t->err && space_next(&s)) {
        show_line(&s, t);
    }
    space_end(&s);
    return 0;
}

static void show_kib(struct text *t, const char *name, uint64_t bytes)
{
    text_printf(t, "%-16s%8lu kB\n", name, bytes / 1024);
}

/* The lines about residence, which smaps has for each mapping and smaps_rollup for all. */
static void show_resident(const struct resident_pages *r, struct text *t)
{
    uint64_t private = r->all - r->shared;
    uint64_t private_dirty = r->dirty < private ? r->dirty : private;
    uint64_t shared_dirty = r->dirty - private_dirty;

    show_kib(t, "Rss:", r->all * PAGE_SIZE);
    show_kib(t, "Pss:", r->portion);
    show_kib(t, "Pss_Dirty:",
             r->portion < r->dirty * PAGE_SIZE ? r->portion : r->dirty * PAGE_SIZE);
    show_kib(t, "Shared_Clean:", (r->shared - shared_dirty) * PAGE_SIZE);
    show_kib(t, "Shared_Dirty:", shared_dirty * PAGE_SIZE);
    show_kib(t, "Private_Clean:", (private - private_dirty) * PAGE_SIZE);
    show_kib(t, "Private_Dirty:", private_dirty * PAGE_SIZE);
    show_kib(t, "Referenced:", r->all * PAGE_SIZE);
    show_kib(t, "Anonymous:", r->anon * PAGE_SIZE);
    show_kib(t, "LazyFree:", 0);
    show_kib(t, "AnonHugePages:", 0);
    show_kib(t, "ShmemPmdMapped:", 0);
    show_kib(t, "FilePmdMapped:", 0);
    show_kib(t, "Shared_Hugetlb:", 0);
    show_kib(t, "Private_Hugetlb:", 0);
    show_kib(t, "Swap:", 0);
    show_kib(t, "SwapPss:", 0);
}

static void show_flags(const struct mapping *m, struct text *t)
{
    static const struct {
        uint32_t tag;
        char name[4];
    } of_tags[] = {
        {TAG_SHARED, "sh"},     {TAG_MAY_R, "mr"},    {TAG_MAY_W, "mw"},
        {TAG_MAY_X, "me"},      {TAG_SHARED, "ms"},   {TAG_GROWSDOWN, "gd"},
        {TAG_LOCKED, "lo"},     {TAG_IO, "io"},       {TAG_SEQUENTIAL, "sr"},
        {TAG_RANDOM, "rr"},     {TAG_DONTFORK, "dc"}, {TAG_NORESERVE, "nr"},
        {TAG_WIPEONFORK, "wf"}, {TAG_DONTDUMP, "dd"}, {TAG_HUGE, "hg"},
        {TAG_NOHUGE, "nh"},     {TAG_SEALED, "sl"},
    };
    uint32_t tags = m->tag.flags;

    if (!(tags & TAG_MAY_ALL)) tags |= TAG_MAY_ALL;
    text_printf(t, "VmFlags:");
    if (m->prot & PROT_R) text_printf(t, " rd");
    if (m->prot & PROT_W) text_printf(t, " wr");
    if (m->prot & PROT_X) text_printf(t, " ex");
    for (unsigned i = 0; i < ARRAY_SIZE(of_tags); i++) {
        if (tags & of_tags[i].tag) text_printf(t, " %s", of_tags[i].name);
    }
    text_printf(t, " \n");
}

int show_smaps(const struct subject *subject, struct text *t)
{
    struct resident_pages r;
    struct shown_space s;

    if (!space_begin(&s, subject)) return 0;
    while (!t->err && space_next(&s)) {
        const struct mapping *m = &s.mapping;
        aspace_resident(s.program->space, m->range, &r);
        show_line(&s, t);
        show_kib(t, "Size:", m->range.end.raw - m->range.start.raw);
        show_kib(t, "KernelPageSize:", PAGE_SIZE);
        show_kib(t, "MMUPageSize:", PAGE_SIZE);
        show_resident(&r, t);
        show_kib(t, "Locked:", m->tag.flags & TAG_LOCKED ? r.portion : 0);
        text_printf(t, "THPeligible:           0\n");
        show_flags(m, t);
    }
    space_end(&s);
    return 0;
}

int show_smaps_rollup(const struct subject *subject, struct text *t)
{
    struct resident_pages sum = {0}, r;
    uint64_t locked = 0;
    vaddr_t first = VA(0);
    struct shown_space s;

    if (!space_begin(&s, subject)) return -ESRCH;
    while (space_next(&s)) {
        aspace_resident(s.program->space, s.mapping.range, &r);
        if (!first.raw) first = s.mapping.range.start;
        sum.all += r.all;
        sum.anon += r.anon;
        sum.shared += r.shared;
        sum.dirty += r.dirty;
        sum.portion += r.portion;
        if (s.mapping.tag.flags & TAG_LOCKED) locked += r.portion;
    }
    size_t begin = t->len;
    text_printf(t, "%08lx-%08lx ---p 00000000 00:00 0 ", first.raw,
                s.mapping.range.end.raw);
    size_t width = t->len - begin;
    text_printf(t, "%*s[rollup]\n", width < NAME_COLUMN ? (int)(NAME_COLUMN - width) : 0,
                "");
    show_resident(&sum, t);
    show_kib(t, "Locked:", locked);
    space_end(&s);
    return 0;
}

/* Bytes of a space, as far as they are there. */
static int show_bytes(struct program *program, struct range r, struct text *t)
{
    size_t len = r.end.raw - r.start.raw;

    if (r.end.raw <= r.start.raw) return 0;
    if (len > STRINGS_MOST) len = STRINGS_MOST;
    char *to = text_extend(t, len);
    if (!to) return 0;
    int err = aspace_read(program->space, r.start, to, len);
    if (err) t->len -= len;
    return err == -EFAULT ? 0 : err;
}

/* Programs that write a title over their arguments (setproctitle) let it run into what comes
 * behind, and then it is one string. */
static int show_arguments(struct program *program, struct text *t)
{
    struct range args = program->args, all = {args.start, program->environment.end};

    int err = show_bytes(program, args, t);
    if (err || t->err || t->len == 0 || t->bytes[t->len - 1] == 0) return err;
    t->len = 0;
    err = show_bytes(program, all, t);
    if (!err && !t->err) t->len = strnlen(t->bytes, t->len);
    return err;
}

int show_process_cmdline(const struct subject *s, struct text *t)
{
    struct program *program = process_get_program(s->process);

    if (!program) return 0;
    int err = show_arguments(program, t);
    program_put(program);
    return err;
}

int show_environ(const struct subject *s, struct text *t)
{
    struct program *program = process_get_program(s->process);

    if (!program) return 0;
    int err = show_bytes(program, program->environment, t);
    program_put(program);
    return err;
}

int show_auxv(const struct subject *s, struct text *t)
{
    struct program *program = process_get_program(s->process);

    if (!program) return 0;
    text_put(t, program->auxv, 2 * program->nauxv * sizeof(program->auxv[0]));
    program_put(program);
    return 0;
}

/*
 * mem: read(2) and write(2) at an address. The open file keeps the space.
 */

/* One piece between a space and the kernel's buffer `piece`, and from there on. */
static long move_piece(struct program *program, vaddr_t at, char *piece, size_t len,
                       struct transfer *t, bool writing)
{
    struct transfer before = *t;
    long n = writing ? transfer_in(t, piece, len) : (long)len;

    if (n <= 0) return n;
    int err = writing ? aspace_write(program->space, at, piece, (size_t)n)
                      : aspace_read(program->space, at, piece, (size_t)n);
    if (err) {
        *t = before;
        return err == -EFAULT ? -EIO : err;
    }
    return writing ? n : transfer_out(t, piece, len);
}

static long move_memory(struct program *program, struct transfer *t, uint64_t *pos,
                        bool writing)
{
    char *piece = kmalloc(PIECE);
    long done = 0, n = 0;

    if (!piece) return -ENOMEM;
    while (t->left > 0) {
        size_t len = PAGE_SIZE - *pos % PAGE_SIZE;
        if (len > t->left) len = t->left;
        n = move_piece(program, VA(*pos), piece, len, t, writing);
        if (n <= 0) break;
        done += n;
        *pos += (uint64_t)n;
    }
    kfree(piece);
    return done ? done : n;
}

static long memory_read(struct file *f, struct transfer *t, uint64_t *pos)
{
    return move_memory(f->data, t, pos, false);
}

static long memory_write(struct file *f, struct transfer *t, uint64_t *pos)
{
    return move_memory(f->data, t, pos, true);
}

static long memory_seek(struct file *f, int64_t offset, int whence)
{
    return whence == SEEK_END ? -EINVAL : file_seek_sized(f, offset, whence, 0);
}

static void memory_release(struct file *f) { program_put(f->data); }

static const struct file_ops memory_file_ops = {
    .read = memory_read,
    .write = memory_write,
    .positioned = true,
    .seek = memory_seek,
    .release = memory_release,
};

int open_memory(const struct subject *s, struct file *f)
{
    struct program *program = process_get_program(s->process);

    if (!program) return -ESRCH;
    f->ops = &memory_file_ops;
    f->data = program;
    return 0;
}
