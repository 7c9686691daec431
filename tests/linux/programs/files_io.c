/* Reading, writing and where it happens. */
#include "rows.h"

#include <signal.h>
#include <sys/resource.h>

static char buf[64];

static void positions(void)
{
    ROW(open("f", O_RDWR | O_CREAT, 0644));
    ROW(write(3, "0123456789", 10));
    ROW(read(3, buf, 10));
    ROW(lseek(3, 2, SEEK_SET));
    ROW(read(3, buf, 3));
    show_text("read", buf, 3);
    ROW(lseek(3, 0, SEEK_CUR));
    ROW(lseek(3, -1, SEEK_SET));
    ROW(lseek(3, -6, SEEK_CUR));
    ROW(lseek(3, -3, SEEK_END));
    ROW(lseek(3, LONG_MAX, SEEK_CUR));
    ROW(lseek(3, LONG_MAX, SEEK_SET) == LONG_MAX);
    ROW(write(3, "x", 1));
    ROW(lseek(3, 0, 9));
    ROW(lseek(3, 0, SEEK_DATA));
    ROW(lseek(3, 0, SEEK_HOLE));
    ROW(lseek(3, 10, SEEK_DATA));
    ROW(lseek(3, 11, SEEK_HOLE));
    ROW(pread(3, buf, 4, 8));
    ROW(pread(3, buf, 4, 100));
    ROW(pread(3, buf, 4, -1));
    ROW(pwrite(3, "ab", 2, 4));
    ROW(pwrite(3, "ab", 2, -1));
    ROW(lseek(3, 0, SEEK_CUR));
    ROW(lseek(77, 0, SEEK_SET));
    close(3);
    unlink("f");
}

static void refusals(void)
{
    ROW(open("f", O_RDONLY | O_CREAT, 0644));
    ROW(open("f", O_WRONLY));
    ROW(read(4, buf, 1));
    ROW(write(3, buf, 1));
    ROW(read(77, buf, 1));
    ROW(read(-1, buf, 1));
    ROW(write(4, "hello", 5));
    ROW(read(3, NOWHERE, 5));
    ROW(read(3, KERNELS, 5));
    ROW(read(3, KERNELS, 0));
    ROW(read(3, NULL, 0));
    ROW(read(3, buf, TOO_MUCH));
    ROW(write(4, NOWHERE, 5));
    ROW(write(4, NULL, 0));
    ROW(write(4, buf, TOO_MUCH));
    ROW(lseek(3, 0, SEEK_CUR));
    ROW(open(".", O_RDONLY));
    ROW(read(5, buf, 1));
    ROW(write(5, buf, 1));
    ROW(pread(5, buf, 1, 0));
    close(3);
    close(4);
    close(5);
    unlink("f");
}

static void vectors(void)
{
    char a[4], b[4];
    struct iovec out[3] = {{(void *)"abc", 3}, {(void *)"", 0}, {(void *)"defg", 4}};
    struct iovec in[2] = {{a, 4}, {b, 4}};
    static struct iovec many[1025];

    ROW(open("f", O_RDWR | O_CREAT, 0644));
    ROW(writev(3, out, 3));
    ROW(preadv(3, in, 2, 1));
    show_text("first", a, 4);
    show_text("second", b, 2);
    ROW(pwritev(3, out, 1, 10));
    ROW(lseek(3, 0, SEEK_SET));
    ROW(readv(3, in, 2));
    ROW(readv(3, in, 0));
    ROW(readv(3, NULL, 0));
    ROW(readv(3, in, (int)TOO_MUCH));
    ROW(readv(3, many, 1025));
    for (int i = 0; i < 1025; i++) {
        many[i] = (struct iovec){buf, 1};
    }
    ROW(lseek(3, 0, SEEK_SET));
    ROW(readv(3, many, 1024));
    ROW(readv(3, NOWHERE, 1));
    in[1].iov_len = -1ul;
    ROW(readv(3, in, 2));
    in[1].iov_len = LONG_MAX;
    ROW(readv(3, in, 2));
    in[1] = (struct iovec){NOWHERE, 4};
    ROW(preadv(3, in, 2, 0));
    in[0] = (struct iovec){NOWHERE, 4};
    ROW(preadv(3, in, 2, 0));
    ROW(preadv(3, in, 2, -1));
    ROW(readv(77, in, 2));
    in[0] = (struct iovec){a, 4};
    in[1] = (struct iovec){b, 4};
    ROW(lseek(3, 2, SEEK_SET));
    ROW(preadv2(3, in, 2, -1, 0));
    ROW(lseek(3, 0, SEEK_CUR));
    ROW(preadv2(3, in, 2, 0, 0));
    ROW(preadv2(3, in, 2, 0, 1 << 20));
    ROW(pwritev2(3, out, 1, -1, RWF_DSYNC));
    close(3);
    unlink("f");
}

static void append(void)
{
    ROW(open("f", O_RDWR | O_CREAT | O_APPEND, 0644));
    ROW(write(3, "abc", 3));
    ROW(lseek(3, 0, SEEK_SET));
    ROW(write(3, "def", 3));
    ROW(lseek(3, 0, SEEK_CUR));
    ROW(pwrite(3, "ghi", 3, 0));
    long n = pread(3, buf, 20, 0);
    ROW(n);
    show_text("all", buf, n);
    close(3);
    unlink("f");
}

static volatile int got;
static void note(int n) { got = n; }

static void broken_pipes(void)
{
    int p[2];

    signal(SIGPIPE, note);
    ROW(pipe2(p, O_NONBLOCK));
    ROW(read(p[0], buf, 1));
    ROW(pread(p[0], buf, 1, 0));
    ROW(pwrite(p[1], buf, 1, 0));
    ROW(lseek(p[0], 0, SEEK_SET));
    ROW(read(p[1], buf, 1));
    ROW(write(p[0], buf, 1));
    ROW(write(p[1], "abc", 3));
    int left = -1;
    ROW(ioctl(p[0], FIONREAD, &left));
    ROW(left);
    close(p[1]);
    ROW(read(p[0], buf, 8));
    ROW(read(p[0], buf, 8));
    close(p[0]);
    ROW(pipe(p));
    close(p[0]);
    ROW(write(p[1], "x", 1));
    printf("signal %d\n", got == SIGPIPE);
    got = 0;
    close(p[1]);
    ROW(pipe2(p, 1 << 5));
    ROW(pipe2(NOWHERE, 0));
    ROW(open("/dev/null", O_RDONLY));
    close(3);
}

static void size_limit(void)
{
    struct rlimit limit = {16, RLIM_INFINITY};

    signal(SIGXFSZ, note);
    ROW(open("f", O_RDWR | O_CREAT, 0644));
    ROW(setrlimit(RLIMIT_FSIZE, &limit));
    ROW(write(3, "0123456789", 10));
    ROW(write(3, "0123456789", 10));
    ROW(write(3, "0123456789", 10));
    printf("signal %d\n", got == SIGXFSZ);
    got = 0;
    ROW(pwrite(3, "x", 1, 16));
    ROW(pwrite(3, "x", 1, 15));
    ROW(ftruncate(3, 17));
    printf("signal %d\n", got == SIGXFSZ);
    ROW(ftruncate(3, 16));
    ROW(fallocate(3, 0, 10, 10));
    limit.rlim_cur = RLIM_INFINITY;
    ROW(setrlimit(RLIMIT_FSIZE, &limit));
    ROW(ftruncate(3, 17));
    close(3);
    unlink("f");
}

int main(void)
{
    work_in("files_io");
    positions();
    refusals();
    vectors();
    append();
    broken_pipes();
    size_limit();
    leave("files_io");
    return 0;
}
