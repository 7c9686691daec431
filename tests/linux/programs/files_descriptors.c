/* Descriptors: numbers, flags, records, and ioctl(2) of any file. */
#include "rows.h"

#include <sys/file.h>
#include <sys/resource.h>

static void numbers(void)
{
    struct rlimit limit = {8, 4096};

    ROW(open("f", O_RDWR | O_CREAT, 0644));
    ROW(dup(3));
    ROW(dup(77));
    ROW(dup2(3, 6));
    ROW(dup2(3, 3));
    ROW(dup2(77, 77));
    ROW(dup3(3, 3, 0));
    ROW(dup3(3, 6, 1));
    ROW(dup3(3, 6, O_CLOEXEC));
    ROW(fcntl(6, F_GETFD));
    ROW(fcntl(3, F_DUPFD, 5));
    ROW(fcntl(3, F_DUPFD_CLOEXEC, 5));
    ROW(fcntl(7, F_GETFD));
    ROW(fcntl(3, F_DUPFD, -1));
    ROW(setrlimit(RLIMIT_NOFILE, &limit));
    ROW(fcntl(3, F_DUPFD, 8));
    ROW(fcntl(3, F_DUPFD, 7));
    ROW(dup2(3, 8));
    ROW(dup2(3, -1));
    ROW(dup(3));
    ROW(open("f", O_RDONLY));
    limit.rlim_cur = 4096;
    ROW(setrlimit(RLIMIT_NOFILE, &limit));
    ROW(dup2(3, 1000));
    ROW(dup(3));
    ROW(fcntl(3, F_DUPFD, 1000));
    ROW(syscall(SYS_close_range, 9, 4, 0));
    ROW(syscall(SYS_close_range, 4, 999, 1 << 5));
    ROW(syscall(SYS_close_range, 4, 1000, 4));
    ROW(fcntl(5, F_GETFD));
    ROW(fcntl(1000, F_GETFD));
    ROW(fcntl(1001, F_GETFD));
    ROW(syscall(SYS_close_range, 4, 6, 2));
    ROW(syscall(SYS_close_range, 4, ~0u, 0));
    ROW(fcntl(1001, F_GETFD));
    ROW(fcntl(4, F_GETFD));
    ROW(fcntl(3, F_GETFD));
    ROW(fcntl(3, F_SETFD, 1));
    ROW(fcntl(3, F_GETFD));
    ROW(fcntl(3, 9999));
    ROW(fcntl(77, F_GETFD));
    ROW(fcntl(77, 9999));
    close(3);
}

static void requests(void)
{
    int n = -1, zero = 0, one = 1, p[2];

    ROW(open("f", O_RDWR | O_CREAT, 0644));
    ROW(write(3, "0123456789", 10));
    ROW(lseek(3, 4, SEEK_SET));
    ROW(ioctl(3, FIONREAD, &n));
    ROW(n);
    ROW(ioctl(3, FIOCLEX));
    ROW(fcntl(3, F_GETFD));
    ROW(ioctl(3, FIONCLEX));
    ROW(fcntl(3, F_GETFD));
    ROW(ioctl(3, FIONBIO, &one));
    ROW(fcntl(3, F_GETFL) & O_NONBLOCK);
    ROW(ioctl(3, FIONBIO, &zero));
    ROW(fcntl(3, F_GETFL) & O_NONBLOCK);
    ROW(ioctl(3, FIONBIO, NOWHERE));
    ROW(ioctl(3, TIOCGWINSZ, &n));
    ROW(ioctl(3, 12345, &n));
    ROW(ioctl(77, FIONREAD, &n));
    ROW(isatty(3));
    ROW(pipe(p));
    ROW(fcntl(p[0], F_GETPIPE_SZ));
    ROW(fcntl(3, F_GETPIPE_SZ));
    ROW(fcntl(p[0], F_SETPIPE_SZ, 65536));
    ROW(fcntl(p[0], F_SETPIPE_SZ, 0));
    ROW(fcntl(p[1], F_GETPIPE_SZ));
    ROW(fcntl(p[1], F_SETPIPE_SZ, 5000));
    static char bytes[8192];
    ROW(write(p[1], bytes, 8192));
    ROW(fcntl(p[0], F_SETPIPE_SZ, 4096));
    ROW(fcntl(p[0], F_SETPIPE_SZ, 1 << 20));
    ROW(fcntl(p[0], F_SETPIPE_SZ, -1));
    ROW(fcntl(3, F_SETPIPE_SZ, 4096));
    ROW(read(p[0], bytes, 8192));
    ROW(ioctl(p[0], TIOCGWINSZ, &n));
    ROW(fcntl(3, F_GETOWN));
    ROW(fcntl(3, F_SETOWN, getpid()));
    ROW(fcntl(3, F_GETOWN) == getpid());
    close(p[0]);
    close(p[1]);
    close(3);
}

static struct flock lock_of(short type, short whence, off_t start, off_t len)
{
    return (struct flock){
        .l_type = type, .l_whence = whence, .l_start = start, .l_len = len};
}

static int set(int fd, int command, short type, short whence, off_t start, off_t len)
{
    struct flock l = lock_of(type, whence, start, len);

    return fcntl(fd, command, &l);
}

/* What another process is told about [start, start + len). */
static void ask(off_t start, off_t len)
{
    fflush(stdout);
    pid_t parent = getpid(), child = fork();

    if (child == 0) {
        struct flock l = lock_of(F_WRLCK, SEEK_SET, start, len);
        int fd = open("f", O_RDWR);
        int err = fcntl(fd, F_GETLK, &l);
        printf("asked %ld %ld: %d type %d from %ld len %ld ours %d\n", (long)start,
               (long)len, err, l.l_type, (long)l.l_start, (long)l.l_len,
               l.l_pid == parent);
        exit(0);
    }
    waitpid(child, NULL, 0);
}

static void records(void)
{
    ROW(open("f", O_RDWR | O_CREAT, 0644));
    ROW(open("f", O_RDONLY));
    ROW(set(3, F_SETLK, F_WRLCK, SEEK_SET, 10, 10));
    ask(0, 0);
    ask(0, 10);
    ask(19, 1);
    ROW(set(3, F_SETLK, F_UNLCK, SEEK_SET, 12, 2));
    ask(0, 0);
    ask(14, 100);
    ROW(set(3, F_SETLK, F_RDLCK, SEEK_SET, 100, 0));
    ask(50, 0);
    ROW(set(4, F_SETLK, F_WRLCK, SEEK_SET, 0, 1));
    ROW(set(3, F_SETLK, F_WRLCK, SEEK_SET, -1, 1));
    ROW(set(3, F_SETLK, F_WRLCK, SEEK_SET, 5, -5));
    ask(0, 5);
    ROW(set(3, F_SETLK, F_WRLCK, SEEK_SET, 5, -6));
    ROW(set(3, F_SETLK, F_WRLCK, 7, 0, 1));
    ROW(set(3, F_SETLK, 9, SEEK_SET, 0, 1));
    ROW(set(3, F_SETLK, F_WRLCK, SEEK_SET, LONG_MAX, 2));
    ROW(set(3, F_SETLK, F_WRLCK, SEEK_END, 0, 1));
    ROW(set(3, F_GETLK, F_UNLCK, SEEK_SET, 0, 1));
    ROW(fcntl(3, F_SETLK, NOWHERE));
    ROW(set(77, F_SETLK, F_WRLCK, SEEK_SET, 0, 1));
    close(4);
    ask(0, 0);
    close(3);
}

static void own_descriptions(void)
{
    struct flock l = lock_of(F_WRLCK, SEEK_SET, 0, 10);

    ROW(open("f", O_RDWR));
    ROW(open("f", O_RDWR));
    ROW(set(3, F_OFD_SETLK, F_WRLCK, SEEK_SET, 0, 10));
    ROW(set(4, F_OFD_SETLK, F_WRLCK, SEEK_SET, 5, 10));
    ROW(set(4, F_SETLK, F_WRLCK, SEEK_SET, 5, 10));
    ROW(fcntl(4, F_OFD_GETLK, &l));
    printf("type %d from %ld len %ld pid %d\n", l.l_type, (long)l.l_start, (long)l.l_len,
           l.l_pid);
    l.l_pid = 5;
    ROW(fcntl(4, F_OFD_SETLK, &l));
    close(3);
    ROW(set(4, F_OFD_SETLK, F_WRLCK, SEEK_SET, 5, 10));
    close(4);
}

static void whole_files(void)
{
    ROW(open("f", O_RDONLY));
    ROW(open("f", O_RDONLY));
    ROW(flock(3, LOCK_EX));
    ROW(flock(4, LOCK_SH | LOCK_NB));
    ROW(flock(4, LOCK_UN));
    ROW(flock(3, LOCK_SH | LOCK_NB));
    ROW(flock(4, LOCK_SH | LOCK_NB));
    ROW(flock(3, LOCK_EX | LOCK_NB));
    ROW(flock(3, 77));
    ROW(flock(77, LOCK_EX));
    close(3);
    ROW(flock(4, LOCK_EX | LOCK_NB));
    close(4);
    unlink("f");
}

int main(void)
{
    work_in("files_descriptors");
    numbers();
    requests();
    records();
    own_descriptions();
    whole_files();
    leave("files_descriptors");
    return 0;
}
