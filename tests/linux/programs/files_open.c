/* open(2), close(2) and their like: what they refuse, and why. */
#include "rows.h"

#include <linux/openat2.h>

static long openat2_(int dirfd, const char *path, uint64_t flags, uint64_t mode,
                     uint64_t resolve)
{
    struct open_how how = {.flags = flags, .mode = mode, .resolve = resolve};

    return syscall(SYS_openat2, dirfd, path, &how, sizeof(how));
}

static void plain(void)
{
    char longest[5000];

    memset(longest, 'x', sizeof(longest));
    longest[sizeof(longest) - 1] = 0;
    ROW(open("f", O_RDWR));
    ROW(open("f", O_RDWR | O_CREAT | O_EXCL, 0666));
    ROW(open("f", O_RDWR | O_CREAT | O_EXCL, 0666));
    ROW(open("f", O_RDONLY));
    ROW(close(3));
    ROW(open("f", O_WRONLY));
    ROW(close(3));
    ROW(close(3));
    ROW(close(4));
    ROW(close(-1));
    ROW(close(1 << 30));
    ROW(open("", O_RDONLY));
    ROW(open("f/", O_RDONLY));
    ROW(open("f/x", O_RDONLY));
    ROW(open("none/x", O_RDONLY | O_CREAT, 0666));
    ROW(open("new/", O_RDONLY | O_CREAT, 0666));
    ROW(open(".", O_RDWR));
    ROW(open(".", O_RDONLY | O_CREAT, 0666));
    ROW(open(".", O_RDONLY | O_TRUNC));
    ROW(open("f", O_RDONLY | O_DIRECTORY));
    ROW(open(NOWHERE, O_RDONLY));
    ROW(open(KERNELS, O_RDONLY));
    ROW(open(longest, O_RDONLY));
    longest[300] = 0;
    ROW(open(longest, O_RDONLY));
    ROW(openat(77, "f", O_RDONLY));
    ROW(openat(1 << 20, "f", O_RDONLY));
    ROW(open("f", O_PATH));
    ROW(openat(3, "x", O_RDONLY));
    ROW(openat(3, "/dev/null", O_RDONLY));
    close(3);
    close(4);
    ROW(open("f", O_CREAT | O_DIRECTORY, 0666));
    ROW(open(".", O_TMPFILE | O_RDONLY, 0666));
    ROW(open(".", O_TMPFILE | O_RDWR, 0666));
    ROW(write(3, "nameless", 8));
    close(3);
    ROW(open("f", O_TMPFILE | O_RDWR, 0666));
    ROW(unlink("f"));
}

static void status(void)
{
    ROW(open("f", O_RDWR | O_CREAT | O_CLOEXEC | O_NOCTTY | O_APPEND, 0666));
    printf("flags %o\n", fcntl(3, F_GETFL) & ~O_LARGEFILE & ~0100000);
    ROW(fcntl(3, F_GETFD));
    ROW(fcntl(3, F_SETFL, O_NONBLOCK | O_CREAT | O_RDONLY));
    printf("flags %o\n", fcntl(3, F_GETFL) & ~O_LARGEFILE & ~0100000);
    close(3);
    ROW(open("f", O_PATH | O_RDWR | O_APPEND));
    printf("flags %o\n", fcntl(3, F_GETFL) & ~O_LARGEFILE & ~0100000);
    char c;
    ROW(read(3, &c, 1));
    ROW(write(3, &c, 1));
    ROW(lseek(3, 0, SEEK_SET));
    ROW(ftruncate(3, 0));
    ROW(fchmod(3, 0600));
    ROW(fsync(3));
    ROW(ioctl(3, FIONREAD, &c));
    ROW(fcntl(3, F_SETFL, 0));
    ROW(dup(3));
    ROW(fcntl(4, F_GETFD));
    close(4);
    close(3);
    unlink("f");
}

static void links(void)
{
    ROW(symlink("target", "l"));
    ROW(open("l", O_RDONLY));
    ROW(open("l", O_RDONLY | O_NOFOLLOW));
    ROW(open("l", O_RDONLY | O_CREAT | O_EXCL, 0666));
    ROW(open("l", O_RDWR | O_CREAT, 0666));
    ROW(access("target", F_OK));
    close(3);
    ROW(open("l", O_PATH | O_NOFOLLOW));
    char text[32];
    long n = readlinkat(3, "", text, sizeof(text));
    ROW(n);
    show_text("link", text, n);
    close(3);
    ROW(symlink("loop", "loop"));
    ROW(open("loop", O_RDONLY));
    ROW(open("loop/x", O_RDONLY));
    unlink("loop");
    unlink("l");
    unlink("target");
}

static void how(void)
{
    struct open_how h = {.flags = O_RDONLY};
    char larger[64] = {0};

    mkdir("d", 0755);
    make("d/f", "text");
    symlink("f", "d/l");
    symlink("/dev/null", "d/abs");
    symlink("../g", "d/up");
    make("g", "outside");
    int d = open("d", O_PATH);
    ROW(openat2_(d, "f", O_RDONLY, 0, 0));
    ROW(close(4));
    ROW(syscall(SYS_openat2, d, "f", &h, 23));
    ROW(syscall(SYS_openat2, d, "f", larger, 64));
    ROW(close(4));
    larger[63] = 1;
    ROW(syscall(SYS_openat2, d, "f", larger, 64));
    ROW(syscall(SYS_openat2, d, "f", larger, 5000));
    ROW(syscall(SYS_openat2, d, "f", NOWHERE, 24));
    ROW(openat2_(d, "f", O_RDONLY | (1ul << 40), 0, 0));
    ROW(openat2_(d, "f", O_RDONLY, 0644, 0));
    ROW(openat2_(d, "f", O_RDONLY | O_CREAT, 010644, 0));
    ROW(openat2_(d, "f", O_PATH | O_RDWR, 0, 0));
    ROW(openat2_(d, "f", O_RDONLY, 0, 1 << 20));
    ROW(openat2_(d, "f", O_RDONLY, 0, RESOLVE_BENEATH | RESOLVE_IN_ROOT));
    ROW(openat2_(d, "l", O_RDONLY, 0, RESOLVE_NO_SYMLINKS));
    ROW(openat2_(d, "../d/f", O_RDONLY, 0, RESOLVE_BENEATH));
    ROW(openat2_(d, "/dev/null", O_RDONLY, 0, RESOLVE_BENEATH));
    ROW(openat2_(d, "abs", O_RDONLY, 0, RESOLVE_BENEATH));
    ROW(openat2_(d, "up", O_RDONLY, 0, RESOLVE_BENEATH));
    ROW(openat2_(d, "l", O_RDONLY, 0, RESOLVE_BENEATH));
    ROW(close(4));
    ROW(openat2_(d, "/../../f", O_RDONLY, 0, RESOLVE_IN_ROOT));
    ROW(close(4));
    ROW(openat2_(d, "/", O_RDONLY, 0, RESOLVE_IN_ROOT));
    ROW(close(4));
    ROW(openat2_(d, "abs", O_RDONLY, 0, RESOLVE_IN_ROOT));
    ROW(openat2_(d, "../g", O_RDONLY, 0, RESOLVE_NO_XDEV));
    ROW(close(4));
    ROW(openat2_(d, "/dev/null", O_RDONLY, 0, RESOLVE_NO_XDEV));
    ROW(openat2_(d, "../../../null", O_RDONLY, 0, RESOLVE_NO_XDEV));
    ROW(openat2_(d, "/proc/self/exe", O_RDONLY, 0, RESOLVE_NO_MAGICLINKS));
    close(d);
    unlink("d/f");
    unlink("d/l");
    unlink("d/abs");
    unlink("d/up");
    rmdir("d");
    unlink("g");
}

static void fifos(void)
{
    char text[8];

    ROW(mkfifo("p", 0644));
    ROW(open("p", O_WRONLY | O_NONBLOCK));
    ROW(open("p", O_RDONLY | O_NONBLOCK));
    ROW(read(3, text, 8));
    ROW(open("p", O_WRONLY | O_NONBLOCK));
    ROW(read(3, text, 8));
    ROW(write(4, "through", 7));
    ROW(read(3, text, 8));
    ROW(lseek(3, 0, SEEK_CUR));
    close(3);
    close(4);
    unlink("p");
}

int main(void)
{
    work_in("files_open");
    plain();
    status();
    links();
    how();
    fifos();
    leave("files_open");
    return 0;
}
