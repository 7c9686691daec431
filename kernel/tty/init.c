/* See tty.h. */
#include "tty/internal.h"

int tty_init(const struct devtree *dt)
{
    int err = console_init(dt);

    if (!err) err = tty_device_init();
    return err ? err : pty_init();
}
