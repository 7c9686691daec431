/* trace: bytes read and written as the program could itself, and calls counted. */
#include "lib/access.h"
#include "lib/calls.h"
#include "lib/memory.h"
#include "lib/print.h"

#define AT 0x10000000ul

static const char constant[] = "constant";
static volatile uint8_t variable[16];

static void reads_and_writes_bytes(void)
{
    for (unsigned i = 0; i < sizeof(constant); i++) {
        expect_equal(trace_read((uint64_t)&constant[i]), constant[i]);
    }
    for (unsigned byte = 0; byte < 256; byte++) {
        expect_equal(trace_write((uint64_t)&variable[3], (uint8_t)byte), 0);
        expect_equal(variable[3], byte);
        expect_equal(trace_read((uint64_t)&variable[3]), byte);
        expect(variable[2] == 0 && variable[4] == 0);
    }
    expect_equal(call3(CALL_TRACE, 1, (uint64_t)&variable[3], 0x1234567890abcdef), 0);
    expect_equal(variable[3], 0xef);
    expect_equal(trace_read((uint64_t)_start), *at_address((uint64_t)_start));
}

static void respects_permissions(void)
{
    static const uint64_t nowhere[] = {
        0,         0xfff, AT,        1ul << 38,  1ul << 39,
        1ul << 47, -1ul,  1ul << 63, 0x80200000, 0xffffffff80200000};

    for (unsigned i = 0; i < sizeof(nowhere) / sizeof(*nowhere); i++) {
        expect_equal(trace_read(nowhere[i]), -1);
        expect_equal(trace_write(nowhere[i], 0), -1);
    }
    expect_equal(trace_write((uint64_t)&constant[0], 'x'), -1);
    expect_equal(trace_write((uint64_t)_start, 0), -1);
    expect_equal(constant[0], 'c');

    expect_equal(mmap(AT, PAGE, MAP_READ), 0);
    expect_equal(trace_read(AT), 0);
    expect_equal(trace_write(AT, 1), -1);
    expect_equal(trace_read(AT), 0);
    expect_equal(munmap(AT, PAGE), 0);
    expect_equal(mmap(AT, PAGE, MAP_WRITE), 0);
    expect_equal(trace_read(AT), -1);
    expect_equal(munmap(AT, PAGE), 0);
}

static void counts_calls(void)
{
    long traces = trace_count(CALL_TRACE);

    expect(traces > 512);
    expect_equal(trace_count(CALL_TRACE), traces + 1);
    expect_equal(trace_count(CALL_GETPID), 0);
    for (int i = 1; i <= 10; i++) {
        expect(getpid() != -1);
        expect_equal(trace_count(CALL_GETPID), i);
    }
    expect_equal(trace_count(CALL_WRITE), 0);
    print("%s: calls are counted\n", PROGRAM);
    expect_equal(trace_count(CALL_WRITE), 1);
    expect_equal(trace_count(CALL_EXIT), 0);
}

static struct task_info info;

static void tells_about_the_task(void)
{
    struct task_info *page_end = (struct task_info *)(AT + PAGE - 1000);

    expect_equal(task_info(&info), 0);
    expect_equal(info.status, TASK_RUNNING);
    expect_equal(info.calls[CALL_GETPID], 10);
    expect_equal(info.calls[CALL_WRITE], 1);
    expect_equal(info.calls[CALL_TRACE], trace_count(CALL_TRACE) - 1);
    expect_equal(info.calls[0], 0);
    expect(info.ms >= 0 && info.ms < 60000);

    int32_t before = info.ms;
    for (long end = get_time() + 30; get_time() < end;) {
        yield();
    }
    expect_equal(task_info(&info), 0);
    expect(info.ms >= before + 29 && info.ms < before + 60000);

    expect_equal(task_info((void *)AT), -1);
    expect_equal(mmap(AT, PAGE, MAP_READ | MAP_WRITE), 0);
    expect_equal(task_info(page_end), -1);
    expect_equal(mmap(AT + PAGE, PAGE, MAP_READ), 0);
    expect_equal(task_info(page_end), -1);
    expect_equal(munmap(AT + PAGE, PAGE), 0);
    expect_equal(mmap(AT + PAGE, PAGE, MAP_READ | MAP_WRITE), 0);
    expect_equal(task_info(page_end), 0);
    expect_equal(page_end->calls[CALL_GETPID], 10);
    expect(page_end->ms >= info.ms);
    expect_equal(task_info((void *)-1ul), -1);
    expect_equal(task_info((void *)0xffffffff80200000), -1);
    expect_equal(task_info((void *)(uint64_t)constant), -1);
    expect_equal(munmap(AT, 2 * PAGE), 0);
}

int main(void)
{
    reads_and_writes_bytes();
    respects_permissions();
    counts_calls();
    tells_about_the_task();
    return passed();
}
