/* The table of programs that tools/user-programs wrote, as the kernel finds it. */
#include "demo/programs.h"

#include "arch/riscv/image.h"
#include "lib/ktest.h"
#include "lib/string.h"
#include "mm/page.h"

KTEST(each_program_carried_begins_on_a_page_that_is_its_own_to_the_end)
{
    const char *end = image_start;

    assert(nprograms > 0);
    for (unsigned i = 0; i < nprograms; i++) {
        const struct demo_program *p = &programs[i];
        const char *image = p->image;

        assert((uint64_t)image % PAGE_SIZE == 0 && image >= end);
        assert(p->len > 64 && memcmp(image, "\177ELF", 4) == 0);
        for (end = image + p->len; (uint64_t)end % PAGE_SIZE; end++) {
            assert(*end == 0);
        }
        assert(image >= rodata_start && end <= rodata_end);
    }
}

KTEST(each_program_carried_has_a_name_of_its_own_and_says_how_it_ends)
{
    for (unsigned i = 0; i < nprograms; i++) {
        const struct demo_program *p = &programs[i];

        assert(p->name[0] && p->groups[0] && p->end <= PROGRAM_ANY);
        assert(p->end != PROGRAM_KILLED || (p->value > 0 && p->value < 16));
        for (unsigned j = 0; j < i; j++) {
            assert(strcmp(p->name, programs[j].name) != 0);
        }
    }
}
