/* See control.h. */
#include "init/control.h"

#include "init/calls.h"
#include "init/strings.h"

static int port = -1;

_Bool control_open(const char *path)
{
    port = (int)open(path, O_RDWR | O_NOCTTY | O_CLOEXEC, 0);
    return port >= 0;
}

static void receive_all(void *bytes, size_t len)
{
    char *at = bytes;

    while (len > 0) {
        long n = read(port, at, len);
        if (n <= 0) control_lost();
        at += n;
        len -= (size_t)n;
    }
}

/* 0, or an error. */
static long write_all(int fd, const void *bytes, size_t len)
{
    const char *at = bytes;

    while (len > 0) {
        long n = write(fd, at, len);
        if (n < 0) return n;
        at += n;
        len -= (size_t)n;
    }
    return 0;
}

struct header control_receive(char bytes[RECORD_MOST + 1])
{
    struct header h;

    receive_all(&h, sizeof(h));
    if (h.len > RECORD_MOST) control_lost();
    receive_all(bytes, h.len);
    bytes[h.len] = '\0';
    return h;
}

void control_send(enum record type, const void *bytes, size_t len)
{
    struct header h = {type, (uint32_t)len};

    if (write_all(port, &h, sizeof(h)) || write_all(port, bytes, len)) control_lost();
}

void control_send_number(enum record type, uint32_t number, const char *text)
{
    char bytes[4200];
    size_t len = strlen(text);

    if (len > sizeof(bytes) - sizeof(number)) len = sizeof(bytes) - sizeof(number);
    memcpy(bytes, &number, sizeof(number));
    memcpy(bytes + sizeof(number), text, len);
    control_send(type, bytes, sizeof(number) + len);
}

static char buffer[RECORD_MOST + 1];

/* What leads to the file is made if it is not there. */
static void make_way(const char *path)
{
    char way[4096];

    if (!join(way, sizeof(way), (const char *[]){path, NULL})) return;
    for (char *slash = strchr(way + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        mkdir(way, 0755);
        *slash = '/';
    }
}

int control_receive_file(const char *path, unsigned mode)
{
    long err = 0;

    make_way(path);
    long fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) err = fd;
    for (;;) { /* to the end, also of what cannot be written */
        struct header h = control_receive(buffer);
        if (h.type != RECORD_DATA) break;
        if (!err) err = write_all((int)fd, buffer, h.len);
    }
    if (!err) err = fchmod((int)fd, mode & 07777);
    if (fd >= 0) close((int)fd);
    if (err) control_send_number(RECORD_REFUSED, (uint32_t)-err, path);
    return (int)err;
}

/* 0, or why it has no contents. */
static long open_file(const char *path, struct stat *s)
{
    long fd = open(path, O_RDONLY | O_CLOEXEC, 0);

    if (fd < 0) return fd;
    long err = fstat((int)fd, s);
    if (!err && (s->st_mode & S_IFMT) == S_IFDIR) err = -EISDIR;
    if (err) close((int)fd);
    return err ? err : fd;
}

void control_send_file(const char *path)
{
    struct stat s;
    long fd = open_file(path, &s), n;

    if (fd < 0) {
        control_send_number(RECORD_ABSENT, (uint32_t)-fd, "");
        return;
    }
    control_send_number(RECORD_FILE, s.st_mode & 07777, "");
    while ((n = read((int)fd, buffer, RECORD_MOST)) > 0) {
        control_send(RECORD_DATA, buffer, (size_t)n);
    }
    close((int)fd);
    /* Contents that end with an error are not contents. */
    if (n < 0) {
        control_send_number(RECORD_ABSENT, (uint32_t)-n, "");
    } else {
        control_send(RECORD_END, "", 0);
    }
}
