/* expect: incompatible type */
/* rows: R01 E50 */
#include "demo/vpn.h"

unsigned wrong(vpn_t vpn);
unsigned wrong(vpn_t vpn)
{
#ifdef WRONG
    return va_index(vpn, 0);
#else
    return va_index(vpn_to_va(vpn), 0);
#endif
}
