/*
 * Disks, against a model of one that completes in any order, and against ones that break
 * each rule of the queues in turn.
 */
// sources: tests/host/virtio_model.c kernel/drivers/virtio.c
// sources: kernel/mm/page.c kernel/mm/buddy.c kernel/mm/hart_frames.c kernel/mm/page_bank.c
// sources: kernel/mm/page_debug.c kernel/sync/spinlock.c
// sources: tests/host/fake/machine.c tests/host/fake/grace.c
#include "drivers/virtio_blk.c" /* and its statics */

#include "virtio_model.h"

#include "test.h"

enum { SECTORS = 4096, MODEL_PENDING = 128 };

static uint8_t medium[SECTORS][BLK_SECTOR];
static struct model_chain pending[MODEL_PENDING];
static unsigned npending;
static struct virtio_device dev;
static struct blk *disk;

/* What the device does with a request, from here on. */
static struct {
    uint8_t status;
    int64_t extra;  /* that it says to have written beyond the truth */
    bool silent;    /* it returns nothing */
    bool no_status; /* it does not write the byte */
} manners;

static void take_all(void)
{
    while (npending < MODEL_PENDING && model_take(0, &pending[npending])) {
        npending++;
    }
}

/* Does what a chain asks for; the bytes written. */
static uint32_t serve(const struct model_chain *c)
{
    const struct wire *w = model_memory(&c->pieces[0]);
    const struct virtio_piece *last = &c->pieces[c->nread + c->nwrite - 1];
    uint8_t *at = w->sector < SECTORS ? medium[w->sector] : NULL;
    uint32_t written = 1;

    assert(c->pieces[0].len == 16 && last->len == 1 && c->nwrite >= 1 && c->nread >= 1);
    for (unsigned i = 1; i + 1 < c->nread + c->nwrite; i++) {
        void *memory = model_memory(&c->pieces[i]);
        size_t len = c->pieces[i].len;
        if (w->type == BLK_READ) {
            assert(i >= c->nread);
            memcpy(memory, at, len);
            written += (uint32_t)len;
        } else if (w->type == BLK_WRITE) {
            assert(i < c->nread);
            memcpy(at, memory, len);
        } else {
            assert(w->type == OP_GET_ID && len == 20);
            memcpy(memory, "a name of 20 letters", len);
            written += (uint32_t)len;
        }
        at += len;
    }
    if (!manners.no_status) *(uint8_t *)model_memory(last) = manners.status;
    return written;
}

static void answer(unsigned i)
{
    struct model_chain c = pending[i];

    pending[i] = pending[--npending];
    model_return(&c, (uint32_t)(serve(&c) + manners.extra));
}

/* Some of what is pending comes back, in any order. */
static void step(void)
{
    take_all();
    if (!manners.silent) {
        for (uint64_t n = 1 + test_random_below(4); n != 0 && npending != 0; n--) {
            answer((unsigned)test_random_below(npending));
        }
    }
    model_interrupt(1);
    if (manners.silent && model_timer_is_set()) model_fire_timer();
}

static int attach(void)
{
    return virtio_open(&dev, &model_slot) ? -ENODEV : blk_attach(&dev);
}

static void begin(void)
{
    ndisks = 0;
    npending = 0;
    memset(&manners, 0, sizeof(manners));
    model_begin(VIRTIO_BLOCK, FEATURE_FLUSH, 1);
    model_when_blocked = step;
    model.config[0] = SECTORS;
    for (unsigned i = 0; i < SECTORS; i++) {
        memset(medium[i], (int)(i * 7 + 1), BLK_SECTOR);
        memcpy(medium[i], &i, sizeof(i));
    }
}

static void begin_attached(void)
{
    begin();
    int err = attach();
    assert(err == 0);
    disk = blk_get(0);
}

TEST(a_disk_is_found_with_its_size_and_its_name)
{
    begin_attached();
    EXPECT_EQ(blk_sectors(disk), SECTORS);
    EXPECT_STR(blk_name(disk), "a name of 20 letters");
    EXPECT(blk_find("a name of 20 letters") == disk && !blk_find("") && !blk_get(1));
    EXPECT(!blk_is_read_only(disk));
    EXPECT_EQ(blk_most_pieces(disk), MOST_PIECES);
}

TEST(as_many_pieces_go_into_a_request_as_the_device_takes)
{
    begin();
    model.features |= FEATURE_SEG_MAX;
    model.config[3] = 5;
    assert(attach() == 0);
    EXPECT_EQ(blk_most_pieces(blk_get(0)), 5);
    begin();
    model.queue[0].most = 9; /* 8 is the power of 2 below it */
    assert(attach() == 0);
    EXPECT_EQ(blk_most_pieces(blk_get(0)), 6);
}

/* ---- requests ---- */

enum { REQUESTS = 200, PIECES = 6 };

static struct trial {
    struct blk_request r;
    struct virtio_piece pieces[PIECES];
    unsigned called;
} trials[REQUESTS];
static unsigned finished;

static void note(struct blk_request *r)
{
    container_of(r, struct trial, r)->called++;
    finished++;
    EXPECT(!preempt_is_on() && !spin_is_held(&dev.lock));
}

/* Its own sectors: 20 of them. */
static void prepare(unsigned i, enum blk_op op)
{
    struct trial *t = &trials[i];

    *t = (struct trial){
        .r = {.op = op, .sector = i * 20, .pieces = t->pieces, .done = note}};
    t->r.npieces = (unsigned)(1 + test_random_below(PIECES));
    for (unsigned n = 0; n < t->r.npieces; n++) {
        uint32_t len = (uint32_t)(BLK_SECTOR * (1 + test_random_below(3)));
        char *at = kmalloc(len);
        memset(at, (int)(i + n), len);
        t->pieces[n] = (struct virtio_piece){ptr_to_pa(at), len};
    }
}

static bool matches_medium(const struct trial *t)
{
    const uint8_t *at = medium[t->r.sector];
    bool same = true;

    for (unsigned n = 0; n < t->r.npieces; n++) {
        same &= memcmp(pa_to_ptr(t->pieces[n].at), at, t->pieces[n].len) == 0;
        at += t->pieces[n].len;
    }
    return same;
}

static void submit_all(enum blk_op op)
{
    finished = 0;
    for (unsigned i = 0; i < REQUESTS; i++) {
        prepare(i, op);
        blk_submit(disk, &trials[i].r);
        if (test_random_below(8) == 0) step();
    }
}

static void drop_all(void)
{
    for (unsigned i = 0; i < REQUESTS; i++) {
        for (unsigned n = 0; n < trials[i].r.npieces; n++) {
            kfree(pa_to_ptr(trials[i].pieces[n].at));
        }
    }
}

static void all_are_right(enum blk_op op, unsigned entries)
{
    begin();
    model.queue[0].most = entries;
    assert(attach() == 0);
    disk = blk_get(0);
    submit_all(op);
    for (unsigned i = 0; i < 10000 && finished < REQUESTS; i++) {
        step();
    }
    EXPECT_EQ(finished, REQUESTS);
    for (unsigned i = 0; i < REQUESTS; i++) {
        EXPECT(trials[i].called == 1 && trials[i].r.err == 0 &&
               matches_medium(&trials[i]));
    }
    EXPECT_EQ(disk->in_flight, 0);
    EXPECT_EQ(virtio_queue_room(disk->queue), virtio_queue_size(disk->queue));
    drop_all();
}

TEST(reads_come_back_in_any_order_each_with_its_bytes)
{
    all_are_right(BLK_READ, 256);
    all_are_right(BLK_READ, 8);
}

TEST(writes_reach_their_sectors)
{
    all_are_right(BLK_WRITE, 256);
    all_are_right(BLK_WRITE, 16);
}

/* More than 2^16 requests: the indices of the rings wrap. */
TEST(rings_wrap)
{
    begin_attached();
    char *buf = kmalloc(BLK_SECTOR);
    for (unsigned i = 0; i < 70000; i++) {
        if (blk_read(disk, i % SECTORS, buf, BLK_SECTOR)) {
            EXPECT(!"read");
            return;
        }
    }
    EXPECT(memcmp(buf, medium[69999 % SECTORS], BLK_SECTOR) == 0);
}

TEST(what_cannot_be_is_refused_without_asking_the_device)
{
    begin_attached();
    char *buf = kmalloc(2 * BLK_SECTOR);
    struct virtio_piece pieces[MOST_PIECES + 1];
    for (unsigned i = 0; i <= MOST_PIECES; i++) {
        pieces[i] = (struct virtio_piece){ptr_to_pa(buf), BLK_SECTOR};
    }
    unsigned kicks = model.kicks;
    EXPECT_EQ(blk_read(disk, SECTORS, buf, BLK_SECTOR), -EIO);
    EXPECT_EQ(blk_read(disk, SECTORS - 1, buf, 2 * BLK_SECTOR), -EIO);
    EXPECT_EQ(blk_read(disk, ~0ul, buf, BLK_SECTOR), -EIO);
    EXPECT_EQ(blk_read(disk, ~0ul / BLK_SECTOR, buf, BLK_SECTOR), -EIO);
    EXPECT_EQ(blk_read(disk, 0, buf, BLK_SECTOR - 1), -EINVAL);
    struct blk_request r = {.pieces = pieces, .npieces = MOST_PIECES + 1};
    EXPECT_EQ(blk_wait(disk, &r), -EINVAL);
    r = (struct blk_request){.op = BLK_READ};
    EXPECT_EQ(blk_wait(disk, &r), -EINVAL);
    EXPECT_EQ(model.kicks, kicks);
    EXPECT_EQ(blk_read(disk, SECTORS - 2, buf, 2 * BLK_SECTOR), 0);
    EXPECT(memcmp(buf, medium[SECTORS - 2], 2 * BLK_SECTOR) == 0);
    EXPECT_EQ(blk_flush(disk), 0);
}

TEST(a_disk_that_is_read_only_is_not_written)
{
    begin();
    model.features |= FEATURE_READ_ONLY;
    assert(attach() == 0);
    disk = blk_get(0);
    char *buf = kmalloc(BLK_SECTOR);
    EXPECT(blk_is_read_only(disk));
    EXPECT_EQ(blk_write(disk, 0, buf, BLK_SECTOR), -EROFS);
    EXPECT_EQ(blk_read(disk, 0, buf, BLK_SECTOR), 0);
}

/* ---- devices that do not behave ---- */

static int read_one(void)
{
    char *buf = kmalloc(BLK_SECTOR);
    int err = blk_read(disk, 1, buf, BLK_SECTOR);
    kfree(buf);
    return err;
}

TEST(an_error_of_the_device_is_eio_for_that_request_alone)
{
    begin_attached();
    manners.status = 1;
    EXPECT_EQ(read_one(), -EIO);
    manners.status = 2;
    EXPECT_EQ(read_one(), -EIO);
    manners.status = 0;
    manners.no_status = true;
    EXPECT_EQ(read_one(), -EIO);
    manners.no_status = false;
    manners.extra = -1; /* a byte of what should have been read is missing */
    EXPECT_EQ(read_one(), -EIO);
    manners.extra = 0;
    EXPECT_EQ(read_one(), 0);
    EXPECT(!virtio_has_failed(&dev));
}

/* The device has been reset, all requests are over, and no other is given to it. */
static void expect_failed(void)
{
    unsigned kicks = model.kicks;

    EXPECT(virtio_has_failed(&dev));
    EXPECT_EQ(model.status, 0);
    EXPECT_EQ(finished, REQUESTS);
    EXPECT_EQ(disk->in_flight, 0);
    for (unsigned i = 0; i < REQUESTS; i++) {
        EXPECT_EQ(trials[i].called, 1);
    }
    EXPECT_EQ(read_one(), -EIO);
    EXPECT_EQ(model.kicks, kicks);
    drop_all();
}

static void with_many_out(void)
{
    begin_attached();
    manners.silent = true;
    finished = 0;
    for (unsigned i = 0; i < REQUESTS; i++) {
        prepare(i, BLK_READ);
        blk_submit(disk, &trials[i].r);
    }
    take_all();
    EXPECT(npending > 1 && finished == 0);
}

TEST(a_device_that_says_it_wrote_too_much_has_failed)
{
    with_many_out();
    manners.extra = 1;
    answer(0);
    model_interrupt(1);
    expect_failed();
}

TEST(a_device_that_returns_what_it_does_not_have_has_failed)
{
    static const uint32_t heads[] = {256, 0xffffffff, 0x10000};

    for (unsigned i = 0; i < ARRAY_SIZE(heads); i++) {
        with_many_out();
        model_used(0)->ring[model_used(0)->index++ % MODEL_ENTRIES].head = heads[i];
        model_interrupt(1);
        expect_failed();
    }
    with_many_out();
    struct model_chain twice = pending[0];
    answer(0);
    model_return(&twice, 0);
    model_interrupt(1);
    expect_failed();
    with_many_out();
    twice = pending[0];
    twice.head = model_descriptors(0)[twice.head].next; /* the middle of a chain */
    model_return(&twice, 0);
    model_interrupt(1);
    expect_failed();
}

TEST(a_device_whose_index_jumps_has_failed)
{
    static const uint16_t jumps[] = {200, 0x8000, 0xffff};

    for (unsigned i = 0; i < ARRAY_SIZE(jumps); i++) {
        with_many_out();
        model_used(0)->index = (uint16_t)(model_used(0)->index + jumps[i]);
        model_interrupt(1);
        expect_failed();
    }
}

TEST(a_device_that_asks_to_be_reset_has_failed)
{
    with_many_out();
    model.status |= 64;
    model_interrupt(2);
    expect_failed();
}

TEST(a_device_that_does_not_answer_has_failed_when_time_is_up)
{
    with_many_out();
    answer(0);
    model_interrupt(1);
    EXPECT_EQ(finished, 1);
    model_fire_timer(); /* something came back meanwhile */
    EXPECT(!virtio_has_failed(&dev) && model_timer_is_set());
    model_fire_timer();
    expect_failed();
}

TEST(a_device_that_does_not_even_reset_is_left_alone)
{
    with_many_out();
    model.no_reset = true;
    model_used(0)->ring[model_used(0)->index++ % MODEL_ENTRIES].head = 1000;
    model_interrupt(1);
    EXPECT_EQ(finished, REQUESTS);
    EXPECT_EQ(read_one(), -EIO);
    drop_all();
}

/* What we rely on is not in memory that the device can write. */
TEST(descriptors_that_the_device_scribbles_on_lead_nowhere)
{
    with_many_out();
    memset(model_descriptors(0), 0xff, sizeof(struct model_descriptor) * MODEL_ENTRIES);
    memset(model_available(0), 0xff, 4);
    struct model_chain c = pending[0];
    model_return(&c, 0);
    model_interrupt(1);
    EXPECT_EQ(finished, 1);
    model_fire_timer();
    model_fire_timer();
    expect_failed();
}

/* ---- devices that are none ---- */

TEST(a_slot_without_a_usable_device_is_refused)
{
    begin();
    model.magic = 1;
    EXPECT_EQ(virtio_open(&dev, &model_slot), -ENODEV);
    begin();
    model.version = 1;
    EXPECT_EQ(virtio_open(&dev, &model_slot), -ENODEV);
    begin();
    model.version = 3;
    EXPECT_EQ(virtio_open(&dev, &model_slot), -ENODEV);
    begin();
    model.version = 1; /* as QEMU's slots are */
    model.id = 0;
    EXPECT_EQ(virtio_open(&dev, &model_slot), 0);
    EXPECT_EQ(dev.id, VIRTIO_NONE);
    struct devtree_device small = model_slot;
    small.regs.end.raw = small.regs.start.raw + 0x80;
    EXPECT_EQ(virtio_open(&dev, &small), -ENODEV);
}

TEST(a_device_that_cannot_be_started_leaves_nothing)
{
    begin();
    model.features = 0;
    EXPECT_EQ(attach(), -EIO);
    model_end();
    begin();
    model.no_agreement = true;
    EXPECT_EQ(attach(), -EIO);
    model_end();
    begin();
    model.no_reset = true;
    model.status = 4;
    EXPECT_EQ(attach(), -EIO);
    model_end();
    begin();
    model.queue[0].most = 0;
    EXPECT_EQ(attach(), -ENODEV);
    model_end();
    begin();
    model.queue[0].most = 2; /* not even one request */
    EXPECT_EQ(attach(), -EIO);
    model_end();
    EXPECT(!blk_get(0));
}

TEST(every_allocation_of_the_start_may_fail)
{
    for (int n = 0;; n++) {
        begin();
        model_allocations_left = n;
        int err = attach();
        if (err == 0) {
            EXPECT(n >= 5); /* the last one fails only to learn the name */
            return;
        }
        EXPECT_EQ(err, -ENOMEM);
        EXPECT(!blk_get(0) && model.status == 0);
        model_end();
    }
}
