/* Calls of the tutorial personality that are not about memory. */
#include "arch/riscv/pte.h"
#include "lib/string.h"
#include "mm/aspace.h"
#include "mm/slab.h"
#include "mm/uaccess.h"
#include "proc/console.h"
#include "sched/timer.h"
#include "syscall/tutorial.h"
#include "syscall/tutorial_internal.h"

#define NS_PER_S  1000000000ul
#define NS_PER_MS 1000000ul
#define NS_PER_US 1000ul

/* ---- write ---- */

enum {
    WRITE_SMALL = 256,  /* through the stack */
    WRITE_PIECE = 4096, /* not torn apart by what others write */
};

static long bad_pointer(const char *verb, vaddr_t va)
{
    if (tutorial_first(SAID_POINTER)) {
        shared_console_log("%s: ptr not %s: 0x%lx", current_process()->name, verb,
                           va.raw);
    }
    return -1;
}

/* Can every byte be read? One byte of each page tells. */
static bool readable(vaddr_t va, size_t len)
{
    char byte;

    if (len > 0 && va.raw + len - 1 < va.raw) return false;
    for (size_t done = 0; done < len; done += PAGE_SIZE - va_offset(va_add(va, done))) {
        if (current_must_leave()) return false;
        if (copy_from_user(&byte, va_add(va, done), 1)) return false;
    }
    return true;
}

/* In pieces of the buffer's size. One piece that can be read is all that can. */
static long write_through(char *buffer, size_t size, vaddr_t from, size_t len)
{
    if (len > size && !readable(from, len)) return bad_pointer("readable", from);
    for (size_t done = 0; done < len;) {
        size_t n = len - done < size ? len - done : size;
        if (copy_from_user(buffer, va_add(from, done), n)) {
            return bad_pointer("readable", from);
        }
        shared_console_write(buffer, n);
        done += n;
        if (current_must_leave()) break;
    }
    return (long)len;
}

/* Bytes, whatever they mean. One that cannot be read is -1, and nothing was written. */
long tutorial_write(uint64_t fd, vaddr_t bytes, size_t len)
{
    char small[WRITE_SMALL];

    if (fd != 1 && fd != 2) {
        if (tutorial_first(SAID_FD)) {
            shared_console_log("%s: unsupported fd: %ld", current_process()->name,
                               (long)fd);
        }
        return -1;
    }
    if (len <= sizeof(small)) return write_through(small, sizeof(small), bytes, len);
    char *large = kmalloc(WRITE_PIECE);
    if (!large) return write_through(small, sizeof(small), bytes, len);
    long result = write_through(large, WRITE_PIECE, bytes, len);
    kfree(large);
    return result;
}

/* Fills memory of the program: all of it, or nothing. */
static long fill(vaddr_t out, const void *bytes, size_t len)
{
    struct range pages = {va_floor(out), va_ceil(va_add(out, len))};

    if (pages.start.raw >= pages.end.raw ||
        aspace_populate(process_space(current_process()), pages, PROT_W) ||
        copy_to_user(out, bytes, len)) {
        return bad_pointer("writable", out);
    }
    return 0;
}

/* ---- time ---- */

static long give_time(vaddr_t out, uint64_t seconds, uint64_t fraction)
{
    uint64_t both[] = {seconds, fraction};

    return fill(out, both, sizeof(both));
}

/* Seconds and nanoseconds of the monotonic clock, the only one there is. */
long tutorial_clock_gettime(uint64_t clock, vaddr_t out)
{
    enum { CLOCK_MONOTONIC = 1 };
    uint64_t now = clock_ns();

    if (clock != CLOCK_MONOTONIC) return -1;
    return give_time(out, now / NS_PER_S, now % NS_PER_S);
}

/* One tutorial wants milliseconds as the result, another a struct of seconds and microseconds. */
long tutorial_get_time(vaddr_t out, vaddr_t timezone)
{
    uint64_t now = clock_ns();

    (void)timezone;
    if (out.raw == 0) return (long)(now / NS_PER_MS);
    return give_time(out, now / NS_PER_S, now % NS_PER_S / NS_PER_US);
}

/* ---- the process ---- */

long tutorial_exit(uint64_t code) { process_exit((int)code); }

long tutorial_yield(void)
{
    thread_yield();
    return 0;
}

long tutorial_getpid(void) { return current_process()->pid; }

/* As programs declare it. */
enum { TASK_RUNNING = 2 };
struct task_info {
    int32_t status;
    uint32_t counts[500];
    int32_t ms; /* since it first ran */
};

static long task_info(vaddr_t out)
{
    const struct tutorial *t = current_tutorial();
    uint64_t ns = clock_ns() - current_process()->started_ns;
    struct task_info *info = kmalloc(sizeof(*info)); /* too large for the stack */

    if (!info) return -1;
    info->status = TASK_RUNNING;
    info->ms = (int32_t)(ns / NS_PER_MS);
    memcpy(info->counts, t->counts, sizeof(info->counts));
    long result = fill(out, info, sizeof(*info));
    kfree(info);
    return result;
}

static long read_byte(vaddr_t at)
{
    unsigned char byte;

    return copy_from_user(&byte, at, 1) ? -1 : byte;
}

static long write_byte(vaddr_t at, unsigned char byte)
{
    return copy_to_user(at, &byte, 1) ? -1 : 0;
}

/* How often the program made a call, this one included; -1 for what is no number. */
static long call_count(uint64_t number)
{
    if (number >= CALL_SLOTS) return -1;
    return __atomic_load_n(&current_tutorial()->counts[number], __ATOMIC_RELAXED);
}

/* Two tutorials use the number: small requests are one's, a pointer is the other's. */
long tutorial_trace(uint64_t request, uint64_t subject, uint64_t value)
{
    switch (request) {
    case 0:
        return read_byte(VA(subject));
    case 1:
        return write_byte(VA(subject), (unsigned char)value);
    case 2:
        return call_count(subject);
    default:
        return task_info(VA(request));
    }
}
