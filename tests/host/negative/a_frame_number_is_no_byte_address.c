/* expect: incompatible type */
/* rows: E07 E50 R01 */
#include "lib/addr.h"

paddr_t wrong(pfn_t pfn);
paddr_t wrong(pfn_t pfn)
{
#ifdef WRONG
    return pa_add(pfn, 1);
#else
    return pa_add(pfn_to_pa(pfn), 1);
#endif
}
