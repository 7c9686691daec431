/*
 * The programs of user/suite, each held to be the test of what it is about. The boot word
 * demo=suite runs all of them; these are the ones that rows of the seeds ask for.
 */
#include "demo/job.h"
#include "lib/ktest.h"
#include "lib/string.h"
#include "mm/page.h"

enum { TOGETHER = 4 };

/* Runs them all at once, up to the first NULL. */
static void run(const char *const name[TOGETHER])
{
    struct job job[TOGETHER];
    unsigned n = 0;

    for (; n < TOGETHER && name[n]; n++) {
        const struct demo_program *p = program_named(name[n]);
        assert(p && job_create(&job[n], p) == 0);
    }
    for (unsigned i = 0; i < n; i++) {
        job_start(&job[i]);
    }
    for (unsigned i = 0; i < n; i++) {
        job_wait(&job[i]);
        assert(job_verdict_quietly(&job[i]));
    }
}

#define RUN(...) run((const char *const[TOGETHER]){__VA_ARGS__})

/* rows: R44 R46 D07 D46 */
KTEST(the_heap_of_a_program_grows_shrinks_and_has_an_end) { RUN("sbrk", "sbrk_test"); }

/* rows: R18 R50 D12 D46 */
KTEST(mappings_are_made_and_taken_away_as_asked_or_not_at_all)
{
    RUN("mmap", "munmap", "map_torture", "map_torture_b");
}

/* rows: R52 */
KTEST(calls_are_counted_and_bytes_traced) { RUN("trace"); }

/* rows: W20 W40 R44 R51 D10 D20 D33 */
KTEST(clocks_go_together_and_fill_structures_across_pages) { RUN("clocks"); }

/* rows: W26 R30 D48 */
KTEST(a_stack_is_two_pages_with_nothing_below)
{
    RUN("stack", "load_guard", "stack_overflow");
}

/* rows: W20 W39 R45 D01 D02 D03 D08 D09 D10 */
KTEST(no_pointer_of_a_program_does_harm) { RUN("pointers"); }

/* rows: R45 D04 D08 */
KTEST(output_is_bytes_of_any_value_and_number) { RUN("write_sizes", "write_bytes"); }

/* rows: W38 W39 D05 */
KTEST(calls_and_files_that_there_are_not_are_answered) { RUN("unknown"); }

/* rows: W27 W28 */
KTEST(programs_at_the_same_addresses_do_not_see_each_other)
{
    RUN("isolation_a", "isolation_b");
}

/* rows: D23 */
KTEST(registers_are_kept_while_another_uses_them_all)
{
    RUN("registers_a", "registers_b");
}

/* rows: W24 D22 */
KTEST(memory_that_the_file_does_not_fill_is_zero) { RUN("bss", "bss_unaligned", "big"); }

/* rows: W28 W29 W43 R38 D06 D11 */
KTEST(the_kernel_is_out_of_reach)
{
    RUN("load_physical", "load_kernel", "store_direct", "jump_kernel");
    RUN("store_kernel", "load_top", "jump_wild", "jump_null");
}

/* rows: W43 R38 D06 D13 */
KTEST(what_a_program_may_not_do_ends_it)
{
    RUN("store_text", "store_constant", "fetch_data", "break_point");
    RUN("priv_inst", "priv_csr", "illegal_zero", "misaligned");
}

/* Two take all there is. On a large machine that would last, and show no more. */
/* rows: D07 D46 */
KTEST(whoever_has_most_goes_when_there_is_no_memory)
{
    if (page_free_count() > (256ul << 20) / PAGE_SIZE) return;
    RUN("hog_mmap", "hog_sbrk", "bss", "isolation_a");
}
