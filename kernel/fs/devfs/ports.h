/*
 * /dev/port/NAME: the ports of drivers/virtio_console.h as files.
 *
 * A read gives what there is, and waits only for the first byte; its end is that the host has
 * closed its side. A write of up to PIPE_BUF bytes is not mixed with others and, like one to
 * a pipe, is done whole or not at all; one to a host that has gone is -EPIPE.
 *
 * Closing a file waits for nobody. What has been written is sent as long as the machine runs,
 * and power-off waits for it by ports_drain().
 */
#pragma once

#include "lib/compiler.h"

/* Registers a device for each port that there is by now. Once, at boot, before devfs_create().
 * 0, or the first error; ports before it have their devices. */
must_check int port_devices_init(void);
