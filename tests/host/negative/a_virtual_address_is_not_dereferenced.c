/* expect: cast|pointer type|operand of type */
/* rows: E07 E50 */
#include "lib/addr.h"

uint64_t wrong(vaddr_t va);
uint64_t wrong(vaddr_t va)
{
#ifdef WRONG
    return *(uint64_t *)va;
#else
    return va.raw;
#endif
}
