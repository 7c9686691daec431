/*
 * Ports: named streams of bytes to and from the host, over a virtio console device.
 *
 * Each direction holds back: nothing is read from the host that there is no buffer for, and
 * a writer waits while the host does not take what it has. What the host sent before it
 * closed its side is read before the end of file.
 *
 * Who waits for a port enters port_readers() or port_writers() and tries again: so files can
 * be made of ports that end their waits for reasons of their own, and polled.
 */
#pragma once

#include "drivers/virtio.h"

struct port;
struct wait_queue;

/* The port of this name, or NULL. The first time it waits until devices have told their
 * ports, a few seconds at most. A port lives for ever. */
struct port *port_find(const char *name);
/* The ports by number; not all numbers up to the last need exist: NULL. */
struct port *port_get(unsigned i);
enum { PORT_MOST = 16 };
const char *port_name(const struct port *p);

/* Tells the host that somebody is here: it sends nothing before. Opens are counted. */
void port_open(struct port *p);
/* The last one tells the host that nobody is. What has been written is still sent. */
void port_close(struct port *p);

/*
 * Bytes moved, which may be less than `len` (not 0). Neither sleeps.
 *
 * read:  0 is the end: the host has closed its side. -EAGAIN: nothing is there yet, which
 *        it also is before the host has opened it. -EIO: the device has failed.
 * write: -EAGAIN: no room yet, or the host has not opened it. -EPIPE: it has closed it. -EIO.
 */
must_check long port_try_read(struct port *p, void *buf, size_t len);
must_check long port_try_write(struct port *p, const void *buf, size_t len);

/* Bytes that a write would take now. Others who write make it less; time only makes it more,
 * until the host closes its side. */
size_t port_room(struct port *p);

/* Woken whenever the answer of one of these, or of port_ready(), may have changed. */
struct wait_queue *port_readers(struct port *p);
struct wait_queue *port_writers(struct port *p);

enum port_ready {
    PORT_READABLE = 1, /* a read does not wait: bytes, end or error */
    PORT_WRITABLE = 2, /* nor a write */
    PORT_HANGUP = 4,   /* the host has closed its side */
    PORT_FAILED = 8,
};
unsigned port_ready(struct port *p);

/* The same for kernel threads, which wait. A write ends when all is written, or with an
 * error if nothing was. */
must_check long port_read(struct port *p, void *buf, size_t len);
must_check long port_write(struct port *p, const void *buf, size_t len);

/* Waits until the device has taken all that was written. 0; -EPIPE, -EIO if some is lost. */
must_check int port_drain(struct port *p);

/* The same for all ports that there are, as well as it can be had: for power-off. */
void ports_drain(void);

/* The size of the terminal at the other side, 0 by 0 if the host does not say; how often it
 * has changed. A change wakes port_readers(). */
struct port_window {
    uint16_t columns, rows;
    uint32_t changes;
};
struct port_window port_window(struct port *p);

/* Waits until the devices have told what ports they have; port_find() does so itself. */
void ports_settle(void);

/* For devices.c: begins to use a device. 0, or an error, and then nothing is left of it. */
must_check int ports_attach(struct virtio_device *dev);
