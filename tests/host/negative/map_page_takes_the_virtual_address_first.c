/* expect: incompatible type */
/* rows: E07 E20 E50 */
#include "demo/sv39.h"

int wrong(struct page_manager *pm, vaddr_t va, paddr_t pa);
int wrong(struct page_manager *pm, vaddr_t va, paddr_t pa)
{
#ifdef WRONG
    return sv39_map_page(pm, pa, va, SV39_R);
#else
    return sv39_map_page(pm, va, pa, SV39_R);
#endif
}
