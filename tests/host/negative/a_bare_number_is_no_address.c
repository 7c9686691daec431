/* expect: incompatible type */
/* rows: E07 R01 */
#include "lib/addr.h"

vaddr_t wrong(void);
vaddr_t wrong(void)
{
#ifdef WRONG
    return va_floor(0x1000);
#else
    return va_floor(VA(0x1000));
#endif
}
