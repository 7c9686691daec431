/* mmap: exactly there, zeroed, with exactly these permissions, or not at all. */
#include "lib/access.h"
#include "lib/calls.h"
#include "lib/memory.h"
#include "lib/print.h"

#define AT        0x10000000ul
#define STACK_END (1ul << 38)

enum { READ_WRITE = MAP_READ | MAP_WRITE, GIB = 1 << 30 };

static volatile uint64_t *word(uint64_t at)
{
    return (volatile uint64_t *)at_address(at);
}

static void refused(uint64_t start, uint64_t len, uint64_t prot)
{
    long got = mmap(start, len, prot);

    if (got != -1) fail("mmap(%lx, %lx, %lx) gave %ld", start, len, prot, got);
}

static void gives_zeroed_memory(void)
{
    for (int round = 0; round < 3; round++) {
        expect_equal(mmap(AT, 3 * PAGE, READ_WRITE), 0);
        for (uint64_t at = AT; at < AT + 3 * PAGE; at += 8) {
            expect_equal(*word(at), 0);
            *word(at) = ~at;
        }
        for (uint64_t at = AT; at < AT + 3 * PAGE; at += 8) {
            expect_equal(*word(at), ~at);
        }
        expect(!can_read(AT - 1) && !can_read(AT + 3 * PAGE));
        expect_equal(munmap(AT, 3 * PAGE), 0);
    }
}

static void rounds_lengths_up(void)
{
    expect_equal(mmap(AT, 0, READ_WRITE), 0);
    expect(!can_read(AT));
    expect_equal(mmap(AT, 1, READ_WRITE), 0);
    expect(can_write(AT + PAGE - 1) && !can_read(AT + PAGE));
    expect_equal(munmap(AT, PAGE), 0);
    expect_equal(mmap(AT, PAGE + 1, READ_WRITE), 0);
    expect(can_write(AT + 2 * PAGE - 1) && !can_read(AT + 2 * PAGE));
    expect_equal(munmap(AT, 2 * PAGE), 0);
}

static void refuses_bad_arguments(void)
{
    static const uint64_t prots[] = {0, 8, 11, 15, 0x100, 1ul << 32 | 3, 1ul << 63 | 1,
                                     -1};

    for (unsigned i = 0; i < sizeof(prots) / sizeof(*prots); i++) {
        refused(AT, PAGE, prots[i]);
    }
    refused(AT + 1, PAGE, READ_WRITE);
    refused(AT + 8, PAGE, READ_WRITE);
    refused(AT + PAGE / 2, PAGE, READ_WRITE);
    refused(AT + PAGE - 1, PAGE, READ_WRITE);
    refused(AT, GIB + 1ul, READ_WRITE);
    refused(AT, GIB + 4096ul, READ_WRITE);
    refused(AT, 1ul << 38, READ_WRITE);
    refused(AT, 1ul << 63, READ_WRITE);
    refused(AT, -1ul, READ_WRITE);
    refused(AT, -AT, READ_WRITE);
    refused(AT, -AT + PAGE, READ_WRITE);
    expect(!can_read(AT));
}

/* Beyond all that a program may have, and around the end of all addresses. */
static void refuses_what_is_not_the_users(void)
{
    static const uint64_t starts[] = {
        1ul << 47,          1ul << 55,          1ul << 63,          0xffffffff80200000,
        0xffffffc000000000, 0xffff800000000000, 0xffffffffffffe000, 0xfffffffffffff000,
    };

    for (unsigned i = 0; i < sizeof(starts) / sizeof(*starts); i++) {
        refused(starts[i], PAGE, READ_WRITE);
        refused(starts[i], 2 * PAGE, READ_WRITE);
        refused(starts[i], GIB, READ_WRITE);
    }
}

static void refuses_to_overlap(void)
{
    expect_equal(mmap(AT + 2 * PAGE, 2 * PAGE, READ_WRITE), 0);
    *word(AT + 2 * PAGE) = 1;
    *word(AT + 3 * PAGE) = 2;
    for (uint64_t first = 0; first < 6; first++) {
        for (uint64_t end = first + 1; end <= 6; end++) {
            if (end <= 2 || first >= 4) continue;
            refused(AT + first * PAGE, (end - first) * PAGE, READ_WRITE);
        }
    }
    expect(!can_read(AT + PAGE) && !can_read(AT + 4 * PAGE));
    expect_equal(*word(AT + 2 * PAGE), 1);
    expect_equal(*word(AT + 3 * PAGE), 2);
    expect_equal(munmap(AT + 2 * PAGE, 2 * PAGE), 0);
}

static void refuses_its_own_text_data_heap_and_stack(void)
{
    static uint64_t data = 5;
    uint64_t heap = (uint64_t)sbrk(PAGE);

    expect(heap != -1ul);
    refused((uint64_t)_start & -PAGE, PAGE, READ_WRITE);
    refused((uint64_t)&data & -PAGE, PAGE, READ_WRITE);
    refused(heap & -PAGE, PAGE, READ_WRITE);
    refused(STACK_END - PAGE, PAGE, READ_WRITE);
    refused(STACK_END - 2 * PAGE, PAGE, READ_WRITE);
    refused(STACK_END - 2 * PAGE, 2 * PAGE, READ_WRITE);
    refused(STACK_END - 16 * PAGE, 16 * PAGE, READ_WRITE);
    refused(STACK_END - 16 * PAGE, 32 * PAGE, READ_WRITE);
    expect_equal(data, 5);
    expect_equal(sbrk(-PAGE), heap + PAGE);
}

static void permissions_are_as_asked(void)
{
    static const struct {
        uint64_t prot;
        bool readable, writable;
    } cases[] = {
        {MAP_READ, true, false},
        {MAP_WRITE, false, false}, /* accepted, and of no use */
        {MAP_READ | MAP_WRITE, true, true},
        {MAP_EXEC, false, false},
        {MAP_READ | MAP_EXEC, true, false},
        {MAP_WRITE | MAP_EXEC, false, false},
        {MAP_READ | MAP_WRITE | MAP_EXEC, true, true},
    };

    for (unsigned i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        expect_equal(mmap(AT, PAGE, cases[i].prot), 0);
        expect_equal(can_read(AT), cases[i].readable);
        expect_equal(trace_write(AT, 0) == 0, cases[i].writable);
        expect_equal(get_timeval((struct timeval *)AT), cases[i].writable ? 0 : -1);
        expect_equal(write(1, (void *)(AT + 64), 0) != 0 && cases[i].readable, 0);
        if (!cases[i].readable) expect_equal(write(1, (void *)AT, 1), -1);
        expect_equal(munmap(AT, PAGE), 0);
    }
}

/* Code that the program writes and then runs: li a0, 42; ret. */
static void code_can_be_made(void)
{
    expect_equal(mmap(AT, PAGE, MAP_READ | MAP_WRITE | MAP_EXEC), 0);
    for (uint32_t answer = 40; answer < 44; answer++) {
        volatile uint32_t *code = (volatile uint32_t *)at_address(AT);
        code[0] = 0x00000513 | answer << 20;
        code[1] = 0x00008067;
        __asm__ volatile("fence.i" ::: "memory");
        expect_equal(call_address(AT), answer);
    }
    expect_equal(munmap(AT, PAGE), 0);
}

/* The heap does not grow into a mapping, and can again when that is gone. */
static void the_heap_stops_at_a_mapping(void)
{
    uint64_t end = (uint64_t)sbrk(0);
    uint64_t above = ((end + PAGE - 1) & -PAGE) + PAGE;

    expect_equal(mmap(above, PAGE, READ_WRITE), 0);
    *word(above) = 77;
    expect_equal(sbrk((long)(above + 1 - end)), -1);
    expect_equal(sbrk(2 * PAGE), -1);
    expect_equal(sbrk(0), end);
    expect_equal(sbrk((long)(above - end)), end);
    expect_equal(sbrk(1), -1);
    expect_equal(*word(above), 77);
    expect_equal(munmap(above, PAGE), 0);
    expect_equal(sbrk(PAGE), above);
    expect_equal(*word(above), 0);
    expect_equal(sbrk(-(long)(above + PAGE - end)), above + PAGE);
}

/* Whether there is room for it is the machine's affair. */
static void a_gibibyte_is_not_too_much_to_ask(void)
{
    long got = mmap(1ul << 32, GIB, READ_WRITE);

    expect(got == 0 || got == -1);
    if (got == 0) expect_equal(munmap(1ul << 32, GIB), 0);
    expect(!can_read(1ul << 32));
}

int main(void)
{
    gives_zeroed_memory();
    rounds_lengths_up();
    refuses_bad_arguments();
    refuses_what_is_not_the_users();
    refuses_to_overlap();
    refuses_its_own_text_data_heap_and_stack();
    permissions_are_as_asked();
    code_can_be_made();
    the_heap_stops_at_a_mapping();
    a_gibibyte_is_not_too_much_to_ask();
    return passed();
}
