/*
 * The devices of a real machine, where it has them. tools/guest-test makes one with all:
 * a disk each 8 bytes of which are their own number, one that cannot be written, entropy, and
 * ports whose other ends are its own. On other machines these tests find nothing to do.
 */
#include "drivers/random.h"
#include "drivers/rtc.h"
#include "drivers/virtio_blk.h"
#include "drivers/virtio_console.h"
#include "drivers/virtio_rng.h"
#include "lib/errno.h"
#include "lib/ktest.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "mm/page.h"
#include "sched/thread.h"
#include "sched/timer.h"

enum { SECTORS_OF_A_PAGE = PAGE_SIZE / BLK_SECTOR, WORDS = PAGE_SIZE / sizeof(uint64_t) };

/* Is this what the disk has from `sector` on? */
static bool is_numbered(const struct page *p, uint64_t sector)
{
    const uint64_t *word = page_ptr(p);
    uint64_t first = sector * (BLK_SECTOR / sizeof(uint64_t));

    for (unsigned i = 0; i < WORDS; i++) {
        if (word[i] != first + i) return false;
    }
    return true;
}

KTEST(a_disk_gives_what_is_on_it)
{
    struct blk *b = blk_find("numbers");
    if (!b) return;
    struct page *p = page_alloc(PAGE_KERNEL);
    uint64_t last = blk_sectors(b) - SECTORS_OF_A_PAGE;

    assert(p);
    for (uint64_t sector = 0; sector <= last; sector += last / 16 + 1) {
        assert(blk_read(b, sector, page_ptr(p), PAGE_SIZE) == 0);
        assert(is_numbered(p, sector));
    }
    assert(blk_read(b, last, page_ptr(p), PAGE_SIZE) == 0 && is_numbered(p, last));
    page_put(p);
}

KTEST(a_disk_ends_where_it_ends)
{
    struct blk *b = blk_find("numbers");
    if (!b) return;
    struct page *p = page_alloc(PAGE_KERNEL);

    assert(p);
    assert(blk_read(b, blk_sectors(b), page_ptr(p), BLK_SECTOR) == -EIO);
    assert(blk_read(b, blk_sectors(b) - 1, page_ptr(p), 2 * BLK_SECTOR) == -EIO);
    assert(blk_read(b, ~0ul, page_ptr(p), BLK_SECTOR) == -EIO);
    assert(blk_read(b, 0, page_ptr(p), BLK_SECTOR + 1) == -EINVAL);
    assert(blk_read(b, blk_sectors(b) - 1, page_ptr(p), BLK_SECTOR) == 0);
    page_put(p);
}

enum { MANY = 64, PIECES = 8 };

/* Reads in flight, each of some pages. */
struct flight {
    struct blk_request request;
    struct virtio_piece pieces[PIECES];
    struct page *pages[PIECES];
};
static struct flight *flights[MANY];
static unsigned flying; /* atomic */
static struct thread *passenger;

static void landed(struct blk_request *r)
{
    (void)r;
    if (__atomic_sub_fetch(&flying, 1, __ATOMIC_ACQ_REL) == 0) thread_wake(passenger);
}

static void board(struct flight *f, struct blk *b)
{
    uint64_t sectors = blk_sectors(b) - PIECES * SECTORS_OF_A_PAGE;

    for (unsigned i = 0; i < PIECES; i++) {
        f->pages[i] = page_alloc(PAGE_KERNEL);
        assert(f->pages[i]);
        f->pieces[i] = (struct virtio_piece){pfn_to_pa(page_pfn(f->pages[i])), PAGE_SIZE};
    }
    f->request = (struct blk_request){.op = BLK_READ,
                                      .sector = random_below(sectors),
                                      .pieces = f->pieces,
                                      .npieces = PIECES,
                                      .done = landed};
}

static void leave(struct flight *f)
{
    assert(f->request.err == 0);
    for (unsigned i = 0; i < PIECES; i++) {
        assert(is_numbered(f->pages[i], f->request.sector + i * SECTORS_OF_A_PAGE));
        page_put(f->pages[i]);
    }
    page_put(ptr_page(f));
}

/* More than the queue has room for. */
KTEST(many_reads_are_in_flight_and_each_gets_its_own)
{
    struct blk *b = blk_find("numbers");
    if (!b) return;

    for (unsigned i = 0; i < MANY; i++) {
        struct page *p = page_alloc_zeroed(PAGE_KERNEL);
        assert(p);
        flights[i] = page_ptr(p);
        board(flights[i], b);
    }
    passenger = current_thread();
    __atomic_store_n(&flying, MANY, __ATOMIC_RELEASE);
    for (unsigned i = 0; i < MANY; i++) {
        blk_submit(b, &flights[i]->request);
    }
    for (;;) {
        thread_prepare_to_block();
        if (__atomic_load_n(&flying, __ATOMIC_ACQUIRE) == 0) break;
        thread_block();
    }
    thread_cancel_block();
    for (unsigned i = 0; i < MANY; i++) {
        leave(flights[i]);
    }
}

static unsigned wrong; /* atomic */

static void read_here_and_there(void *disk)
{
    struct page *p = page_alloc(PAGE_KERNEL);

    for (unsigned i = 0; i < 50 && p; i++) {
        uint64_t sector = random_below(blk_sectors(disk) - SECTORS_OF_A_PAGE);
        bool right =
            blk_read(disk, sector, page_ptr(p), PAGE_SIZE) == 0 && is_numbered(p, sector);
        if (!right) __atomic_fetch_add(&wrong, 1, __ATOMIC_RELAXED);
    }
    if (p) page_put(p);
}

KTEST(all_harts_read_a_disk)
{
    struct blk *b = blk_find("numbers");

    if (b) hart_call_all(read_here_and_there, b);
    assert(wrong == 0);
}

KTEST(what_is_written_to_a_disk_is_read_from_it)
{
    struct blk *b = blk_find("scratch");
    if (!b) return;
    struct page *out = page_alloc(PAGE_KERNEL);
    struct page *in = page_alloc_zeroed(PAGE_KERNEL);

    assert(out && in);
    random_bytes(page_ptr(out), PAGE_SIZE);
    assert(blk_write(b, 3, page_ptr(out), PAGE_SIZE) == 0);
    assert(blk_flush(b) == 0);
    assert(blk_read(b, 3, page_ptr(in), PAGE_SIZE) == 0);
    assert(memcmp(page_ptr(in), page_ptr(out), PAGE_SIZE) == 0);
    page_put(out);
    page_put(in);
}

KTEST(a_disk_that_is_read_only_is_not_written)
{
    struct blk *b = blk_find("numbers");
    if (!b) return;
    struct page *p = page_alloc_zeroed(PAGE_KERNEL);

    assert(p && blk_is_read_only(b));
    assert(blk_write(b, 0, page_ptr(p), PAGE_SIZE) == -EROFS);
    assert(blk_read(b, 0, page_ptr(p), PAGE_SIZE) == 0 && is_numbered(p, 0));
    page_put(p);
}

/* The disk "slow" takes longer than device-timeout= allows. */
KTEST(a_disk_that_does_not_answer_is_given_up)
{
    struct blk *b = blk_find("slow");
    if (!b) return;
    struct page *p = page_alloc(PAGE_KERNEL);

    assert(p);
    assert(blk_read(b, 0, page_ptr(p), PAGE_SIZE) == -EIO);
    assert(blk_read(b, 0, page_ptr(p), PAGE_SIZE) == -EIO);
    page_put(p);
}

KTEST(the_host_sends_entropy)
{
    uint64_t before = rng_answers();
    if (before == 0) return;

    rng_ask();
    for (unsigned i = 0; i < 1000 && rng_answers() == before; i++) {
        sleep_until(clock_ns() + 1000000);
    }
    assert(rng_answers() > before && random_is_seeded());
}

KTEST(the_clock_of_the_world_goes_as_ours_does)
{
    const uint64_t year_2024 = 1704067200000000000ul;
    uint64_t then = rtc_read_ns();

    if (then == 0) return;
    assert(then > year_2024 && rtc_boot_ns() > year_2024);
    uint64_t here = clock_ns();
    assert(rtc_boot_ns() + here > then - 60000000000ul);
}

/* All bytes of "in", up to its end, go to "out"; "control" is told how many. The host sees
 * to it that it is slow at times. */
KTEST(what_comes_from_one_port_goes_to_another)
{
    struct port *in = port_find("in"), *out = port_find("out"),
                *control = port_find("control");
    if (!in || !out || !control) return;
    struct page *p = page_alloc(PAGE_KERNEL);
    uint64_t bytes = 0;
    char line[32];
    long n;

    assert(p);
    port_open(in);
    port_open(out);
    port_open(control);
    while ((n = port_read(in, page_ptr(p), 1 + random_below(PAGE_SIZE))) > 0) {
        assert(port_write(out, page_ptr(p), (size_t)n) == n);
        bytes += (uint64_t)n;
    }
    assert(n == 0 && port_ready(in) == (PORT_READABLE | PORT_WRITABLE | PORT_HANGUP));
    assert(port_write(in, "x", 1) == -EPIPE);
    assert(port_drain(out) == 0);
    size_t len = printf_buf(line, sizeof(line), "%lu bytes\n", bytes);
    for (size_t i = 0; i < len; i++) { /* small writes keep their order */
        assert(port_write(control, &line[i], 1) == 1);
    }
    assert(port_drain(control) == 0);
    assert(port_read(control, line, 1) == 1 && line[0] == '!');
    port_close(control);
    port_close(out);
    port_close(in);
    page_put(p);
}

KTEST(a_port_without_bytes_says_so)
{
    struct port *p = port_find("silent");
    char byte;

    if (!p) return;
    port_open(p);
    assert(port_try_read(p, &byte, 1) == -EAGAIN);
    assert(!(port_ready(p) & PORT_READABLE));
    port_close(p);
}
