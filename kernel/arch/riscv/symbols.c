/*
 * See symbols.h. The table is sorted by address: distances from image_start, and
 * offsets into one string of names, each ended with a zero byte. The first link of
 * the kernel has an empty table.
 */
#include "arch/riscv/symbols.h"

#include "arch/riscv/image.h"

struct symbol {
    uint32_t at;
    uint32_t name;
};
extern const uint32_t symbol_count;
extern const struct symbol symbol_table[];
extern const char symbol_names[];

const char *symbol_at(uint64_t pc, uint64_t *offset)
{
    uint64_t at = pc - (uint64_t)image_start;
    uint32_t low = 0;
    uint32_t high = symbol_count;

    if (pc < (uint64_t)image_start || pc >= (uint64_t)text_end) return NULL;
    while (low < high) { /* all before low are at or below `at`, none from high on */
        uint32_t mid = low + (high - low) / 2;
        if (symbol_table[mid].at <= at) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    if (low == 0) return NULL;
    *offset = at - symbol_table[low - 1].at;
    return symbol_names + symbol_table[low - 1].name;
}
