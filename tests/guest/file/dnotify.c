// fcntl(2) F_NOTIFY: signals about what happens in a directory.
#include "../test.h"

static volatile sig_atomic_t count, fd_seen, code_seen, plain;

static void on_event(int number, siginfo_t *info, void *context) {
    (void)number, (void)context;
    fd_seen = info->si_fd;
    code_seen = info->si_code;
    count++;
}

static void on_plain(int number) {
    (void)number;
    plain++;
}

static int watched(const char *name, unsigned events) {
    struct sigaction action = {.sa_sigaction = on_event, .sa_flags = SA_SIGINFO | SA_RESTART};
    OK(sigaction(SIGRTMIN + 1, &action, NULL));
    OK(mkdir(name, 0700));
    int fd = OK(open(name, O_RDONLY | O_DIRECTORY));
    OK(fcntl(fd, F_SETSIG, SIGRTMIN + 1));
    OK(fcntl(fd, F_NOTIFY, events));
    return fd;
}

static void make(const char *path) { OK(close(OK(open(path, O_CREAT | O_WRONLY, 0600)))); }

TEST(once_or_until_told) {
    int fd = watched("d", DN_CREATE);
    CHECK_EQ(fcntl(fd, F_GETOWN), getpid());
    make("d/a");
    CHECK_EQ(count, 1);
    CHECK_EQ(fd_seen, fd);
    CHECK_EQ(code_seen, POLL_MSG);
    make("d/b");
    OK(fcntl(fd, F_NOTIFY, DN_DELETE | DN_MULTISHOT));
    OK(unlink("d/a"));
    CHECK_EQ(count, 2);
    make("d/c");
    OK(unlink("d/b"));
    CHECK_EQ(count, 3);
    OK(fcntl(fd, F_NOTIFY, 0));
    OK(unlink("d/c"));
    usleep(20000);
    CHECK_EQ(count, 3);
}

TEST(content_attributes_names) {
    int dir = watched("d", DN_MODIFY | DN_ATTRIB | DN_RENAME | DN_MULTISHOT);
    int fd = OK(open("d/f", O_CREAT | O_RDWR, 0600));
    OK(write(fd, "x", 1));
    CHECK_EQ(count, 1);
    OK(fchmod(fd, 0640));
    CHECK_EQ(count, 2);
    OK(rename("d/f", "d/g"));
    CHECK_EQ(count, 3);
    OK(close(dir));
    OK(write(fd, "x", 1));
    usleep(20000);
    CHECK_EQ(count, 3);
}

TEST(plain_sigio) {
    OK(signal(SIGIO, on_plain) == SIG_ERR ? -1 : 0);
    int fd = OK(open(".", O_RDONLY | O_DIRECTORY));
    OK(fcntl(fd, F_NOTIFY, DN_CREATE));
    make("f");
    CHECK_EQ(plain, 1);
}

TEST(only_directories) {
    make("f");
    int fd = OK(open("f", O_RDONLY));
    CHECK_ERRNO(fcntl(fd, F_NOTIFY, DN_CREATE), ENOTDIR);
    OK(fcntl(fd, F_NOTIFY, 0));
}
