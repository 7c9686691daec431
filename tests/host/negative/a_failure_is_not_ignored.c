/* expect: unused-result */
/* rows: E20 */
#include "demo/sv39.h"

void wrong(struct page_manager *pm, vaddr_t va, paddr_t pa);
void wrong(struct page_manager *pm, vaddr_t va, paddr_t pa)
{
#ifdef WRONG
    sv39_map_page(pm, va, pa, SV39_R);
#else
    if (sv39_map_page(pm, va, pa, SV39_R) != 0) assert(false);
#endif
}
