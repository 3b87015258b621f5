// Descriptor tables: dup, close-on-exec, close_range, limits, fcntl, ioctl, passing over threads and fork.
#include "../test.h"
#include <dirent.h>
#include <linux/kcmp.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>

static int null_fd(void) { return OK(open("/dev/null", O_RDWR)); }

TEST(lowest_free_number) {
    int a = null_fd(), b = null_fd(), c = null_fd();
    CHECK(b == a + 1 && c == b + 1);
    close(b);
    CHECK_EQ(null_fd(), b);
    close(a);
    close(b);
    int fds[2];
    OK(pipe(fds));
    CHECK(fds[0] == a && fds[1] == b);
}

TEST(dup_family) {
    int fd = null_fd();
    CHECK_EQ(dup2(fd, 100), 100);
    CHECK_EQ(dup2(fd, fd), fd);
    CHECK_EQ(dup3(fd, 101, O_CLOEXEC), 101);
    CHECK_EQ(fcntl(101, F_GETFD), FD_CLOEXEC);
    CHECK_EQ(fcntl(100, F_GETFD), 0);
    CHECK_ERRNO(dup3(fd, fd, 0), EINVAL);
    CHECK_ERRNO(dup3(fd, 102, 1), EINVAL);
    CHECK_ERRNO(dup2(999, 5), EBADF);
    CHECK_ERRNO(dup2(fd, -1), EBADF);
    CHECK_ERRNO(dup2(fd, 1 << 30), EBADF);
    CHECK_EQ(fcntl(fd, F_DUPFD, 200), 200);
    CHECK_EQ(fcntl(fd, F_DUPFD_CLOEXEC, 200), 201);
    CHECK_EQ(fcntl(201, F_GETFD), FD_CLOEXEC);
    CHECK_ERRNO(fcntl(fd, F_DUPFD, -1), EINVAL);
    CHECK_ERRNO(fcntl(fd, F_DUPFD, 1 << 30), EINVAL);
    CHECK_ERRNO(dup(-1), EBADF);
}

TEST(shared_offset_and_status_flags) {
    write_text("f", "0123456789");
    int fd = OK(open("f", O_RDWR)), copy = OK(dup(fd)), other = OK(open("f", O_RDWR));
    char b[4];
    OK(read(fd, b, 4));
    CHECK_EQ(lseek(copy, 0, SEEK_CUR), 4);
    CHECK_EQ(lseek(other, 0, SEEK_CUR), 0);
    OK(fcntl(copy, F_SETFL, O_APPEND | O_NONBLOCK));
    CHECK_EQ(fcntl(fd, F_GETFL) & (O_APPEND | O_NONBLOCK), O_APPEND | O_NONBLOCK);
    CHECK_EQ(fcntl(other, F_GETFL) & (O_APPEND | O_NONBLOCK), 0);
    reap(FORK(OK(lseek(fd, 7, SEEK_SET))));
    CHECK_EQ(lseek(fd, 0, SEEK_CUR), 7);
}

TEST(close_errors) {
    CHECK_ERRNO(close(-1), EBADF);
    CHECK_ERRNO(close(500), EBADF);
    int fd = null_fd();
    OK(close(fd));
    CHECK_ERRNO(close(fd), EBADF);
    CHECK_ERRNO(fcntl(fd, F_GETFD), EBADF);
    CHECK_ERRNO(fcntl(0, 9999), EINVAL);
}

TEST(close_ranges) {
    for (int fd = 50; fd < 60; fd++) OK(dup2(0, fd));
    OK(syscall(SYS_close_range, 52, 55, 0));
    CHECK_ERRNO(fcntl(52, F_GETFD), EBADF);
    CHECK_ERRNO(fcntl(55, F_GETFD), EBADF);
    OK(fcntl(51, F_GETFD));
    OK(fcntl(56, F_GETFD));
    OK(syscall(SYS_close_range, 56, ~0u, 4 /* CLOSE_RANGE_CLOEXEC */));
    CHECK_EQ(fcntl(57, F_GETFD), FD_CLOEXEC);
    CHECK_ERRNO(syscall(SYS_close_range, 9, 8, 0), EINVAL);
    CHECK_ERRNO(syscall(SYS_close_range, 3, 4, 99), EINVAL);
    reap(FORK(OK(syscall(SYS_close_range, 3, ~0u, 2 /* CLOSE_RANGE_UNSHARE */)); CHECK_ERRNO(fcntl(50, F_GETFD), EBADF)));
    OK(fcntl(50, F_GETFD));
}

TEST(limit) {
    struct rlimit limit = {100, 20000};
    struct rlimit old;
    OK(getrlimit(RLIMIT_NOFILE, &old));
    limit.rlim_max = old.rlim_max;
    OK(setrlimit(RLIMIT_NOFILE, &limit));
    int count = 0, fd;
    while ((fd = open("/dev/null", O_RDONLY)) >= 0) count++;
    CHECK_EQ(errno, EMFILE);
    CHECK(count > 80 && count < 100);
    CHECK_ERRNO(dup(0), EMFILE);
    int fds[2];
    CHECK_ERRNO(pipe(fds), EMFILE);
    CHECK_ERRNO(dup2(0, 100), EBADF);
    close(50);
    CHECK_EQ(dup(0), 50);
}

TEST(as_many_as_the_limit_allows) {
    struct rlimit limit;
    OK(getrlimit(RLIMIT_NOFILE, &limit));
    limit.rlim_cur = limit.rlim_max > 1000000 ? 1000000 : limit.rlim_max;
    OK(setrlimit(RLIMIT_NOFILE, &limit));
    int top = (int)limit.rlim_cur - 1;
    CHECK_EQ(dup2(0, top), top);
    CHECK_ERRNO(fcntl(0, F_DUPFD, top), EMFILE);
    reap(FORK(OK(fcntl(top, F_GETFD))));
    OK(syscall(SYS_close_range, 3, ~0u, 0));
    int count = 20000 < top ? 20000 : top - 3;
    for (int i = 0; i < count; i++) CHECK_EQ(dup(0), 3 + i);
    OK(syscall(SYS_close_range, 3, ~0u, 0));
    CHECK_EQ(dup(0), 3);
}

TEST(proc_lists_them) {
    int fd = null_fd();
    int count = 0;
    bool found = false;
    DIR *dir = opendir("/proc/self/fd");
    for (struct dirent *entry; (entry = readdir(dir));) {
        if (entry->d_name[0] == '.') continue;
        count++;
        found |= atoi(entry->d_name) == fd;
    }
    CHECK(found);
    int open_count = 0;
    for (int n = 0; n < 1024; n++) open_count += fcntl(n, F_GETFD) >= 0;
    CHECK_EQ(count, open_count);
    char path[64], link[64] = {0};
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    OK(readlink(path, link, sizeof link));
    CHECK_STR(link, "/dev/null");
    snprintf(path, sizeof path, "/proc/self/fdinfo/%d", fd);
    CHECK_EQ(field_of(path, "pos"), 0);
    CHECK_EQ(field_of(path, "flags") & O_ACCMODE, O_RDWR);
}

TEST(fdinfo_of_the_file_that_is_read) {
    int fd = null_fd();
    char path[64], text[256] = {0};
    snprintf(path, sizeof path, "/proc/self/fdinfo/%d", fd);
    OK(dup2(OK(open(path, O_RDONLY)), fd));
    OK(read(fd, text, sizeof text - 1));
    CHECK(strncmp(text, "pos:\t", 5) == 0);
}

static void *close_it(void *fd) {
    OK(close((int)(intptr_t)fd));
    return NULL;
}

TEST(threads_share_and_forks_copy) {
    intptr_t fd = null_fd();
    join_thread(start_thread(close_it, (void *)fd));
    CHECK_ERRNO(fcntl(fd, F_GETFD), EBADF);
    fd = null_fd();
    reap(FORK(close_it((void *)fd)));
    OK(fcntl(fd, F_GETFD));
}

static void *unshare_and_close(void *fd) {
    OK(unshare(CLONE_FILES));
    OK(close((int)(intptr_t)fd));
    return NULL;
}

TEST(unshare_files) {
    intptr_t fd = null_fd();
    join_thread(start_thread(unshare_and_close, (void *)fd));
    OK(fcntl(fd, F_GETFD));
}

TEST(pidfd_getfd_takes_a_copy) {
    int fds[2];
    OK(pipe(fds));
    pid_t child = FORK(dup2(fds[1], 77); close(fds[1]); char c; read(fds[0], &c, 1); pause());
    WAIT_UNTIL(({ char p[64]; snprintf(p, 64, "/proc/%d/fd/77", child); access(p, F_OK) == 0 || lstat(p, &(struct stat){0}) == 0; }));
    int pidfd = OK(syscall(SYS_pidfd_open, child, 0));
    int copy = OK(syscall(SYS_pidfd_getfd, pidfd, 77, 0));
    CHECK_EQ(fcntl(copy, F_GETFD), FD_CLOEXEC);
    struct stat a, b;
    OK(fstat(copy, &a));
    OK(fstat(fds[1], &b));
    CHECK(a.st_ino == b.st_ino);
    kill(child, SIGKILL);
    status_of(child);
}

static long compare(pid_t other, enum kcmp_type type, unsigned long a, void *b) {
    return syscall(SYS_kcmp, getpid(), other, type, a, b);
}

TEST(kcmp_tells_the_same_from_others) {
    int a = null_fd(), b = dup(a), c = null_fd();
    if (compare(getpid(), KCMP_FILE, a, (void *)(intptr_t)b) < 0 && errno == ENOSYS) SKIP("no kcmp");
    CHECK_EQ(compare(getpid(), KCMP_FILE, a, (void *)(intptr_t)b), 0);
    CHECK(OK(compare(getpid(), KCMP_FILE, a, (void *)(intptr_t)c)) > 0);
    pid_t child = FORK(pause());
    // Neither has undone a semaphore operation yet.
    CHECK_EQ(compare(child, KCMP_SYSVSEM, 0, NULL), 0);
    CHECK(OK(compare(child, KCMP_VM, 0, NULL)) > 0);
    kill(child, SIGKILL);
    status_of(child);
}

TEST(kcmp_finds_what_epoll_watches) {
    int ep = OK(epoll_create1(0)), a = OK(eventfd(0, 0)), c = OK(eventfd(0, 0)), spare = OK(dup(a));
    struct kcmp_epoll_slot slot = {.efd = ep, .tfd = a, .toff = 0};
    if (compare(getpid(), KCMP_EPOLL_TFD, a, &slot) < 0 && errno == EOPNOTSUPP) SKIP("no kcmp of epoll");
    CHECK_ERRNO(compare(getpid(), KCMP_EPOLL_TFD, a, &slot), ENOENT);
    OK(epoll_ctl(ep, EPOLL_CTL_ADD, a, &(struct epoll_event){EPOLLIN, {0}}));
    CHECK_EQ(compare(getpid(), KCMP_EPOLL_TFD, a, &slot), 0);
    CHECK_EQ(compare(getpid(), KCMP_EPOLL_TFD, spare, &slot), 0);
    CHECK(OK(compare(getpid(), KCMP_EPOLL_TFD, c, &slot)) > 0);
    // Two files are watched that were open as `a`.
    OK(dup2(c, a));
    OK(epoll_ctl(ep, EPOLL_CTL_ADD, a, &(struct epoll_event){EPOLLIN, {0}}));
    long first = OK(compare(getpid(), KCMP_EPOLL_TFD, c, &slot));
    slot.toff = 1;
    CHECK_EQ((first == 0) + (OK(compare(getpid(), KCMP_EPOLL_TFD, c, &slot)) == 0), 1);
    slot.toff = 2;
    CHECK_ERRNO(compare(getpid(), KCMP_EPOLL_TFD, c, &slot), ENOENT);
    slot = (struct kcmp_epoll_slot){.efd = c, .tfd = a, .toff = 0};
    CHECK_ERRNO(compare(getpid(), KCMP_EPOLL_TFD, c, &slot), EINVAL);
    slot.efd = 999;
    CHECK_ERRNO(compare(getpid(), KCMP_EPOLL_TFD, c, &slot), EBADF);
    CHECK_ERRNO(compare(getpid(), KCMP_EPOLL_TFD, c, NULL), EFAULT);
}

TEST(descriptor_ioctls) {
    int a = null_fd();
    OK(ioctl(a, FIOCLEX));
    CHECK_EQ(fcntl(a, F_GETFD), FD_CLOEXEC);
    OK(ioctl(a, FIONCLEX));
    CHECK_EQ(fcntl(a, F_GETFD), 0);
    int one = 1;
    OK(ioctl(a, FIONBIO, &one));
    CHECK(fcntl(a, F_GETFL) & O_NONBLOCK);
    CHECK_ERRNO(ioctl(a, TCGETS, &(char[256]){0}), ENOTTY);
    CHECK_ERRNO(ioctl(999, FIOCLEX), EBADF);
}

TEST(created_query) {
    enum { CREATED_QUERY = 1028 };
    int old = OK(open("/dev/null", O_RDONLY));
    if (fcntl(old, CREATED_QUERY, 0) < 0 && errno == EINVAL) SKIP("before Linux 6.12");
    CHECK_EQ(fcntl(old, CREATED_QUERY, 0), 0);
    int made = OK(open("made", O_CREAT | O_RDWR, 0600));
    CHECK_EQ(fcntl(made, CREATED_QUERY, 0), 1);
    CHECK_EQ(fcntl(OK(open("made", O_CREAT | O_RDWR, 0600)), CREATED_QUERY, 0), 0);
}
