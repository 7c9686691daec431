/* expect: incompatible type|invalid initializer */
/* rows: E07 E50 R01 */
#include "lib/addr.h"

vaddr_t wrong(paddr_t pa);
vaddr_t wrong(paddr_t pa)
{
#ifdef WRONG
    vaddr_t va = pa;
#else
    vaddr_t va = VA(pa.raw);
#endif
    return va;
}
