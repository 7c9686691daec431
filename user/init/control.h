/*
 * The control port: how the host says what to run, and hears how it went.
 *
 * docs/decisions/0014-control-port.md has the records and their order; tools/relay.py is the
 * other side. A record is a header and `len` bytes; numbers are little-endian.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum record {
    /* From the host. */
    RECORD_ARGUMENT = 'a',
    RECORD_ENVIRONMENT = 'e',
    RECORD_DIRECTORY = 'd',
    RECORD_PUT = 'p',      /* u32 mode, path; then contents */
    RECORD_GET = 'g',      /* path */
    RECORD_TERMINAL = 't', /* the job's terminal is the console */
    RECORD_RUN = 'r',
    RECORD_SIGNAL = 's', /* u32 */
    RECORD_WINDOW = 'w', /* u16 rows, u16 columns */

    /* Contents of a file, either way: DATA any number of times, END. */
    RECORD_DATA = 'D',
    RECORD_END = 'E',

    /* To the host. */
    RECORD_FILE = 'F',    /* u32 mode; then contents */
    RECORD_ABSENT = 'A',  /* u32 errno: instead of FILE */
    RECORD_REFUSED = 'R', /* u32 errno, path: what was to be put cannot be */
    RECORD_STATUS = 'S',  /* u32: the exit status; nothing follows */
};

/* Where a record may be held whole. */
enum { RECORD_MOST = 1 << 17 };

struct header {
    uint32_t type;
    uint32_t len;
};

/* All three end the machine if the host has gone: there is nobody to work for. */

/* The next record; what it has does into `bytes`, with a zero byte after it. */
struct header control_receive(char bytes[RECORD_MOST + 1]);
void control_send(enum record type, const void *bytes, size_t len);
/* A number, and bytes that follow it. */
void control_send_number(enum record type, uint32_t number, const char *text);

/* Opens the port. False: there is none. */
_Bool control_open(const char *path);
/* Defined by init.c: the host has gone. */
_Noreturn void control_lost(void);

/* Receives the contents of a file that the host puts, and tells it if they cannot be. 0 or an
 * error. */
int control_receive_file(const char *path, unsigned mode);
void control_send_file(const char *path);
