// pipe(7), fifo(7), splice(2), tee(2), vmsplice(2), sendfile(2).
#include "../test.h"
#include <sys/ioctl.h>
#include <sys/sendfile.h>

static int fds[2];
static char block[1 << 20];

TEST(bytes_in_order) {
    OK(pipe(fds));
    pid_t child = FORK(close(fds[0]); for (uint32_t i = 0; i < 100000; i++) CHECK_EQ(write(fds[1], &i, 4), 4));
    close(fds[1]);
    FILE *in = fdopen(fds[0], "r");
    uint32_t value, count = 0;
    while (fread(&value, 4, 1, in) == 1) CHECK_EQ(value, count++);
    CHECK_EQ(count, 100000);
    reap(child);
}

TEST(end_of_file_and_broken_pipe) {
    OK(pipe(fds));
    OK(write(fds[1], "abc", 3));
    close(fds[1]);
    char got[8];
    CHECK_EQ(read(fds[0], got, 8), 3);
    CHECK_EQ(read(fds[0], got, 8), 0);
    signal(SIGPIPE, SIG_IGN);
    OK(pipe(fds));
    close(fds[0]);
    CHECK_ERRNO(write(fds[1], "x", 1), EPIPE);
}

TEST(nonblocking_and_atomic_writes) {
    OK(pipe2(fds, O_NONBLOCK | O_CLOEXEC));
    CHECK_EQ(fcntl(fds[0], F_GETFD), FD_CLOEXEC);
    CHECK_EQ(fcntl(fds[1], F_GETFL) & (O_NONBLOCK | O_ACCMODE), O_NONBLOCK | O_WRONLY);
    CHECK_ERRNO(read(fds[0], block, 1), EAGAIN);
    CHECK_EQ(write(fds[1], block, 65536), 65536);
    CHECK_ERRNO(write(fds[1], block, 1), EAGAIN);
    CHECK_EQ(read(fds[0], block, 4095), 4095);
    CHECK_ERRNO(write(fds[1], block, 4096), EAGAIN);
    CHECK_EQ(read(fds[0], block, 1), 1);
    CHECK_EQ(write(fds[1], block, 4096), 4096);
    CHECK_ERRNO(write(fds[0], block, 1), EBADF);
    CHECK_ERRNO(read(fds[1], block, 1), EBADF);
    CHECK_ERRNO(lseek(fds[0], 0, SEEK_SET), ESPIPE);
    CHECK_ERRNO(pread(fds[0], block, 1, 0), ESPIPE);
    CHECK_ERRNO(pipe2(fds, 1), EINVAL);
}

TEST(capacity) {
    OK(pipe2(fds, O_NONBLOCK));
    CHECK_EQ(fcntl(fds[0], F_GETPIPE_SZ), 65536);
    CHECK_EQ(fcntl(fds[1], F_SETPIPE_SZ, 200000), 262144);
    CHECK_EQ(write(fds[1], block, 1 << 20), 262144);
    CHECK_ERRNO(fcntl(fds[1], F_SETPIPE_SZ, 4096), EBUSY);
    int waiting;
    OK(ioctl(fds[0], FIONREAD, &waiting));
    CHECK_EQ(waiting, 262144);
    CHECK_EQ(read(fds[0], block, 1 << 20), 262144);
    CHECK_EQ(fcntl(fds[1], F_SETPIPE_SZ, 100), 4096);
    CHECK_EQ(write(fds[1], block, 5000), 4096);
}

TEST(blocking_write_of_more_than_fits) {
    OK(pipe(fds));
    memset(block, 'a', sizeof block);
    pid_t child = FORK(close(fds[0]); CHECK_EQ(write(fds[1], block, sizeof block), sizeof block));
    close(fds[1]);
    size_t sum = 0;
    for (ssize_t n; (n = read(fds[0], block, 10000)) > 0; sum += n) CHECK_EQ(block[n - 1], 'a');
    CHECK_EQ(sum, sizeof block);
    reap(child);
}

TEST(two_writers_do_not_interleave) {
    OK(pipe(fds));
    for (int w = 0; w < 2; w++)
        FORK(char line[512]; memset(line, 'A' + w, 512); for (int i = 0; i < 300; i++) CHECK_EQ(write(fds[1], line, 512), 512));
    close(fds[1]);
    FILE *in = fdopen(fds[0], "r");
    char line[512];
    int lines = 0;
    for (; fread(line, 512, 1, in) == 1; lines++)
        for (int i = 1; i < 512; i++) CHECK_EQ(line[i], line[0]);
    CHECK_EQ(lines, 600);
}

TEST(poll_states) {
    OK(pipe2(fds, O_NONBLOCK));
    struct pollfd p[2] = {{fds[0], POLLIN | POLLOUT, 0}, {fds[1], POLLIN | POLLOUT, 0}};
    CHECK_EQ(poll(p, 2, 0), 1);
    CHECK_EQ(p[1].revents, POLLOUT);
    OK(write(fds[1], block, 65536));
    CHECK_EQ(poll(p, 2, 0), 1);
    CHECK_EQ(p[0].revents, POLLIN);
    CHECK_EQ(p[1].revents, 0);
    OK(read(fds[0], block, 100));
    CHECK_EQ(poll(&p[1], 1, 0), 0);
    close(fds[1]);
    CHECK_EQ(poll(p, 1, 0), 1);
    CHECK_EQ(p[0].revents, POLLIN | POLLHUP);
    OK(read(fds[0], block, 65536));
    CHECK_EQ(poll(p, 1, 0), 1);
    CHECK_EQ(p[0].revents, POLLHUP);
    OK(pipe(fds));
    close(fds[0]);
    p[1].fd = fds[1];
    CHECK_EQ(poll(&p[1], 1, 0), 1);
    CHECK_EQ(p[1].revents, POLLOUT | POLLERR);
}

TEST(fifo_opens_meet) {
    OK(mkfifo("fifo", 0600));
    CHECK_ERRNO(open("fifo", O_WRONLY | O_NONBLOCK), ENXIO);
    pid_t child = FORK(int fd = OK(open("fifo", O_WRONLY)); OK(write(fd, "hi", 2)));
    int fd = OK(open("fifo", O_RDONLY));
    char got[8];
    CHECK_EQ(read(fd, got, 8), 2);
    CHECK_EQ(read(fd, got, 8), 0);
    reap(child);
    struct stat st;
    OK(fstat(fd, &st));
    CHECK(S_ISFIFO(st.st_mode));
    int both = OK(open("fifo", O_RDWR));
    OK(write(both, "x", 1));
    CHECK_EQ(read(fd, got, 8), 1);
}

TEST(fifo_reopened_through_proc) {
    OK(pipe(fds));
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fds[1]);
    int again = OK(open(path, O_WRONLY));
    OK(write(again, "x", 1));
    char byte;
    CHECK_EQ(read(fds[0], &byte, 1), 1);
    char link[64] = {0};
    OK(readlink(path, link, sizeof link));
    CHECK(strncmp(link, "pipe:[", 6) == 0);
}

TEST(splice_file_to_pipe_to_file) {
    write_text("in", "hello splice world");
    int in = OK(open("in", O_RDONLY)), out = OK(open("out", O_RDWR | O_CREAT, 0600));
    OK(pipe(fds));
    loff_t offset = 6;
    CHECK_EQ(splice(in, &offset, fds[1], NULL, 6, 0), 6);
    CHECK_EQ(offset, 12);
    CHECK_EQ(lseek(in, 0, SEEK_CUR), 0);
    CHECK_EQ(splice(fds[0], NULL, out, NULL, 100, 0), 6);
    CHECK_STR(read_text("out"), "splice");
    CHECK_ERRNO(splice(in, NULL, out, NULL, 5, 0), EINVAL);
    CHECK_ERRNO(splice(fds[0], NULL, out, NULL, 5, SPLICE_F_NONBLOCK), EAGAIN);
    close(fds[1]);
    CHECK_EQ(splice(fds[0], NULL, out, NULL, 5, 0), 0);
}

TEST(tee_and_vmsplice) {
    int second[2];
    OK(pipe(fds));
    OK(pipe(second));
    struct iovec v[2] = {{"one ", 4}, {"two", 3}};
    CHECK_EQ(vmsplice(fds[1], v, 2, 0), 7);
    CHECK_EQ(tee(fds[0], second[1], 100, 0), 7);
    char got[16] = {0};
    CHECK_EQ(read(second[0], got, 16), 7);
    CHECK_STR(got, "one two");
    memset(got, 0, sizeof got);
    CHECK_EQ(read(fds[0], got, 16), 7);
    CHECK_STR(got, "one two");
}

TEST(sendfile_copies) {
    int in = OK(open("in", O_RDWR | O_CREAT, 0600)), out = OK(open("out", O_RDWR | O_CREAT, 0600));
    for (size_t i = 0; i < sizeof block; i++) block[i] = i * 31;
    CHECK_EQ(write(in, block, sizeof block), sizeof block);
    off_t offset = 1000;
    CHECK_EQ(sendfile(out, in, &offset, 5000), 5000);
    CHECK_EQ(offset, 6000);
    static char got[5000];
    CHECK_EQ(pread(out, got, 5000, 0), 5000);
    CHECK(memcmp(got, block + 1000, 5000) == 0);
    CHECK_EQ(lseek(in, 0, SEEK_SET), 0);
    OK(pipe(fds));
    CHECK_EQ(sendfile(fds[1], in, NULL, 3000), 3000);
    CHECK_EQ(lseek(in, 0, SEEK_CUR), 3000);
    CHECK_EQ(sendfile(out, in, &(off_t){2 << 20}, 10), 0);
    int append = OK(open("out", O_WRONLY | O_APPEND));
    CHECK_ERRNO(sendfile(append, in, NULL, 10), EINVAL);
    CHECK_ERRNO(sendfile(out, fds[0], NULL, 10), EINVAL);
}

TEST(copy_file_range_copies) {
    write_text("in", "0123456789");
    int in = OK(open("in", O_RDONLY)), out = OK(open("out", O_RDWR | O_CREAT, 0600));
    loff_t from = 2, to = 5;
    CHECK_EQ(copy_file_range(in, &from, out, &to, 4, 0), 4);
    CHECK(from == 6 && to == 9);
    char got[16];
    CHECK_EQ(pread(out, got, 16, 0), 9);
    CHECK(memcmp(got, "\0\0\0\0\0""2345", 9) == 0);
    CHECK_EQ(copy_file_range(in, NULL, out, NULL, 100, 0), 10);
    CHECK_ERRNO(copy_file_range(in, NULL, out, NULL, 1, 1), EINVAL);
    OK(pipe(fds));
    CHECK_ERRNO(copy_file_range(in, NULL, fds[1], NULL, 1, 0), EINVAL);
}

TEST(vectors) {
    OK(pipe(fds));
    struct iovec out[3] = {{"ab", 2}, {"", 0}, {"cde", 3}};
    CHECK_EQ(writev(fds[1], out, 3), 5);
    char a[2], b[10];
    struct iovec in[2] = {{a, 2}, {b, 10}};
    CHECK_EQ(readv(fds[0], in, 2), 5);
    CHECK(memcmp(a, "ab", 2) == 0 && memcmp(b, "cde", 3) == 0);
    CHECK_ERRNO(writev(fds[1], out, -1), EINVAL);
    CHECK_ERRNO(writev(fds[1], out, 1025), EINVAL);
    CHECK_EQ(writev(fds[1], out, 0), 0);
    struct iovec bad[1] = {{a, -1}};
    CHECK_ERRNO(readv(fds[0], bad, 1), EINVAL);
}

TEST(vmsplice_fills_what_is_free) {
    int ends[2];
    OK(pipe(ends));
    static char bytes[256 * 1024] __attribute__((aligned(4096)));
    struct iovec range = {bytes, sizeof bytes};
    CHECK_EQ(OK(vmsplice(ends[1], &range, 1, 0)), 65536);
    CHECK_ERRNO(vmsplice(ends[1], &range, 1, SPLICE_F_NONBLOCK), EAGAIN);
}
