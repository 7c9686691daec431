/* Bytes from file to file: sendfile, copy_file_range, splice, tee, vmsplice; and memfd_create. */
#include "rows.h"

#include <sys/mman.h>
#include <sys/sendfile.h>

static char buf[256 << 10];
static int p[2], q[2];

static void contents(int fd)
{
    long n = pread(fd, buf, 64, 0);

    show_text("contents", buf, n);
}

static void begin(void)
{
    make("f", "0123456789");
    ROW(open("f", O_RDWR));
    ROW(open("g", O_RDWR | O_CREAT | O_TRUNC, 0644));
    ROW(pipe(p));
    ROW(pipe(q));
}

static void end(void)
{
    for (int fd = 3; fd < 16; fd++) {
        close(fd);
    }
    unlink("f");
    unlink("g");
}

static void sendfiles(void)
{
    off_t at = 4;

    begin();
    ROW(sendfile(4, 3, &at, 3));
    ROW(at);
    ROW(lseek(3, 0, SEEK_CUR));
    ROW(sendfile(4, 3, NULL, 100));
    ROW(lseek(3, 0, SEEK_CUR));
    ROW(sendfile(4, 3, NULL, 100));
    contents(4);
    at = -1;
    ROW(sendfile(4, 3, &at, 1));
    at = 100;
    ROW(sendfile(4, 3, &at, 1));
    at = 8;
    ROW(sendfile(p[1], 3, &at, 10));
    ROW(read(p[0], buf, 10));
    ROW(sendfile(3, p[0], NULL, 10));
    ROW(sendfile(3, p[0], &at, 10));
    ROW(sendfile(77, 3, NULL, 10));
    ROW(sendfile(4, 77, NULL, 10));
    ROW(sendfile(p[0], 3, NULL, 10));
    ROW(sendfile(4, p[1], NULL, 10));
    ROW(sendfile(4, 3, NOWHERE, 10));
    ROW(sendfile(4, 3, NULL, 0));
    ROW(fcntl(4, F_SETFL, O_APPEND));
    ROW(sendfile(4, 3, NULL, 10));
    end();
}

static void copies(void)
{
    loff_t a = 2, b = 20;
    int d;

    begin();
    ROW(copy_file_range(3, &a, 4, &b, 5, 0));
    ROW(a);
    ROW(b);
    ROW(copy_file_range(3, NULL, 4, NULL, 100, 0));
    ROW(lseek(3, 0, SEEK_CUR));
    ROW(lseek(4, 0, SEEK_CUR));
    ROW(copy_file_range(3, NULL, 4, NULL, 100, 0));
    contents(4);
    ROW(copy_file_range(3, NULL, 4, NULL, 100, 1));
    a = 0, b = 5;
    ROW(copy_file_range(3, &a, 3, &b, 6, 0));
    ROW(copy_file_range(3, &a, 3, &b, 5, 0));
    contents(3);
    ROW(copy_file_range(p[0], NULL, 4, NULL, 5, 0));
    ROW(copy_file_range(3, &a, p[1], NULL, 5, 0));
    ROW(d = open(".", O_RDONLY));
    ROW(copy_file_range(d, NULL, 4, NULL, 5, 0));
    close(d);
    ROW(copy_file_range(77, NULL, 4, NULL, 5, 0));
    a = -1;
    ROW(copy_file_range(3, &a, 4, NULL, 5, 0));
    ROW(copy_file_range(3, NOWHERE, 4, NULL, 5, 0));
    ROW(copy_file_range(3, NULL, 4, NULL, 0, 0));
    ROW(ftruncate(3, 200000));
    ROW(pwrite(3, "end", 3, 199997));
    a = 0, b = 0;
    ROW(copy_file_range(3, &a, 4, &b, 1 << 20, 0));
    ROW(pread(4, buf, 10, 199997));
    show_text("end", buf, 3);
    end();
}

static void splices(void)
{
    loff_t at = 3;

    begin();
    ROW(splice(3, &at, p[1], NULL, 4, 0));
    ROW(at);
    ROW(splice(3, NULL, p[1], NULL, 2, 0));
    ROW(lseek(3, 0, SEEK_CUR));
    ROW(tee(p[0], q[1], 100, 0));
    ROW(read(q[0], buf, 100));
    show_text("tee", buf, 6);
    ROW(splice(p[0], NULL, q[1], NULL, 2, 0));
    ROW(read(q[0], buf, 100));
    show_text("spliced", buf, 2);
    ROW(splice(p[0], NULL, 4, NULL, 100, 0));
    ROW(lseek(4, 0, SEEK_CUR));
    contents(4);
    ROW(splice(p[0], NULL, 4, NULL, 100, SPLICE_F_NONBLOCK));
    ROW(tee(p[0], q[1], 100, SPLICE_F_NONBLOCK));
    ROW(splice(3, NULL, 4, NULL, 4, 0));
    ROW(splice(p[0], NULL, p[1], NULL, 4, 0));
    ROW(splice(p[0], &at, 4, NULL, 4, 0));
    ROW(splice(3, NULL, p[1], &at, 4, 0));
    ROW(splice(3, NULL, p[1], NULL, 4, 1 << 10));
    ROW(splice(3, NULL, p[1], NULL, 0, 0));
    ROW(splice(3, NULL, p[0], NULL, 4, 0));
    ROW(splice(77, NULL, p[1], NULL, 4, 0));
    ROW(tee(3, p[1], 4, 0));
    ROW(tee(p[0], p[1], 4, 0));
    ROW(tee(p[0], q[1], 0, 0));
    at = -1;
    ROW(splice(3, &at, p[1], NULL, 4, 0));
    ROW(splice(3, NOWHERE, p[1], NULL, 4, 0));
    at = 10;
    ROW(splice(3, &at, p[1], NULL, 4, 0));
    struct iovec v[2] = {{"abc", 3}, {"de", 2}};
    ROW(vmsplice(p[1], v, 2, 0));
    ROW(read(p[0], buf, 100));
    show_text("vmsplice", buf, 5);
    ROW(vmsplice(3, v, 2, 0));
    ROW(vmsplice(p[1], v, 2, 1 << 10));
    ROW(vmsplice(p[1], v, 2000, 0));
    ROW(vmsplice(p[1], NULL, 0, 0));
    close(p[1]);
    ROW(splice(p[0], NULL, 4, NULL, 100, 0));
    end();
}

/* All of a file through two pipes, in pieces of any size. */
static void streams(void)
{
    static char back[sizeof(buf)];
    long sum = 0, n;

    begin();
    for (unsigned i = 0; i < sizeof(buf); i++) {
        buf[i] = (char)(i * 7 + i / 251);
    }
    ROW(pwrite(3, buf, sizeof(buf), 0) == sizeof(buf));
    fflush(stdout);
    if (fork() == 0) {
        while (splice(3, NULL, p[1], NULL, 100000, 0) > 0) {
        }
        _exit(0);
    }
    close(p[1]);
    if (fork() == 0) {
        while (splice(p[0], NULL, q[1], NULL, 7777, 0) > 0) {
        }
        _exit(0);
    }
    close(p[0]);
    close(q[1]);
    while ((n = splice(q[0], NULL, 4, NULL, 3333, 0)) > 0) {
        sum += n;
    }
    ROW(n);
    ROW(sum == sizeof(buf));
    ROW(pread(4, back, sizeof(back), 0) == sizeof(back));
    ROW(memcmp(back, buf, sizeof(buf)));
    wait(NULL);
    wait(NULL);
    end();
}

static void sealed(void)
{
    struct stat s;
    int fd;
    void *m;

    ROW(fd = memfd_create("name", MFD_CLOEXEC | MFD_ALLOW_SEALING));
    ROW(fcntl(fd, F_GETFD));
    ROW(fstat(fd, &s) || s.st_size);
    ROW(s.st_nlink);
    ROW(fcntl(fd, F_GET_SEALS));
    ROW(write(fd, buf, 5000));
    ROW(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK));
    ROW(ftruncate(fd, 4999));
    ROW(ftruncate(fd, 6000));
    ROW(fcntl(fd, F_ADD_SEALS, F_SEAL_GROW));
    ROW(ftruncate(fd, 6001));
    ROW(pwrite(fd, buf, 5000, 3000));
    ROW(pwrite(fd, buf, 500, 5900));
    ROW(pwrite(fd, buf, 100, 5900));
    ROW(fallocate(fd, 0, 5000, 5000));
    m = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    ROW(m != MAP_FAILED);
    ROW(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE));
    ROW(munmap(m, 4096));
    ROW(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE));
    ROW(write(fd, buf, 1));
    ROW((long)mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
    m = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    ROW(m != MAP_FAILED);
    munmap(m, 4096);
    ROW(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096));
    ROW(fcntl(fd, F_GET_SEALS));
    ROW(fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL));
    ROW(fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL));
    ROW(fcntl(fd, F_ADD_SEALS, 1 << 20));
    close(fd);
    ROW(fd = memfd_create("", 0));
    ROW(fcntl(fd, F_GET_SEALS));
    ROW(fcntl(fd, F_ADD_SEALS, F_SEAL_GROW));
    ROW(fcntl(fd, F_GETFD));
    close(fd);
    ROW(memfd_create("x", 1 << 20));
    ROW(memfd_create(NOWHERE, 0));
    memset(buf, 'x', 300);
    buf[250] = 0;
    ROW(memfd_create(buf, 0));
    buf[249] = 0;
    ROW(fd = memfd_create(buf, 0));
    close(fd);
    make("f", "");
    ROW(fd = open("f", O_RDWR));
    ROW(fcntl(fd, F_ADD_SEALS, F_SEAL_GROW));
    close(fd);
    unlink("f");
}

int main(void)
{
    work_in("files_splice");
    sendfiles();
    copies();
    splices();
    streams();
    sealed();
    leave("files_splice");
    return 0;
}
