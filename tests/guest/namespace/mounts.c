// proc_pid_mounts(5): what changes in a mount namespace is told to those who poll.
#include "../test.h"
#include <sys/epoll.h>
#include <sys/mount.h>

static void own_namespace(void) {
    if (unshare(CLONE_NEWNS) < 0 && errno == EPERM) SKIP("no right to mount");
    OK(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
    OK(mkdir("d", 0700));
}

static short look_at(int fd, short events, int timeout) {
    struct pollfd p = {fd, events, 0};
    OK(poll(&p, 1, timeout));
    return p.revents;
}

static void check_told_once(int fd) {
    CHECK_EQ(look_at(fd, POLLIN | POLLPRI, 0), POLLIN | POLLPRI | POLLERR);
    CHECK_EQ(look_at(fd, POLLIN | POLLPRI, 0), POLLIN);
}

TEST(each_change_is_told_once) {
    own_namespace();
    int fds[] = {OK(open("/proc/self/mounts", O_RDONLY)), OK(open("/proc/self/mountinfo", O_RDONLY))};
    for (int i = 0; i < 2; i++) CHECK_EQ(look_at(fds[i], POLLPRI, 0), 0);
    OK(mount("none", "d", "tmpfs", 0, NULL));
    for (int i = 0; i < 2; i++) check_told_once(fds[i]);
    OK(mkdir("d/e", 0700));
    OK(mount("d", "d/e", NULL, MS_BIND, NULL));
    check_told_once(fds[0]);
    OK(umount("d/e"));
    OK(umount("d"));
    for (int i = 0; i < 2; i++) check_told_once(fds[i]);
}

TEST(a_change_wakes_who_waits) {
    own_namespace();
    int fd = OK(open("/proc/self/mountinfo", O_RDONLY)), ep = OK(epoll_create1(0));
    OK(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &(struct epoll_event){EPOLLPRI, {.fd = 5}}));
    pid_t child = FORK(sleep_ms(30); OK(mount("none", "d", "tmpfs", 0, NULL)));
    struct epoll_event event;
    CHECK_EQ(epoll_wait(ep, &event, 1, 5000), 1);
    CHECK_EQ(event.events, EPOLLPRI | EPOLLERR);
    CHECK_EQ(epoll_wait(ep, &event, 1, 0), 0);
    reap(child);
    child = FORK(sleep_ms(30); OK(umount("d")));
    CHECK_EQ(look_at(OK(open("/proc/self/mounts", O_RDONLY)), POLLPRI, 5000), POLLPRI | POLLERR);
    reap(child);
}

TEST(a_reader_sees_what_is_mounted_now) {
    own_namespace();
    char text[65536] = "";
    int fd = OK(open("/proc/self/mounts", O_RDONLY));
    CHECK(OK(read(fd, text, sizeof text - 1)) > 0);
    CHECK(strstr(text, "/d tmpfs") == NULL);
    OK(mount("none", "d", "tmpfs", 0, NULL));
    OK(lseek(fd, 0, SEEK_SET));
    memset(text, 0, sizeof text);
    CHECK(OK(read(fd, text, sizeof text - 1)) > 0);
    CHECK(strstr(text, "/d tmpfs") != NULL);
    // The file is about the namespace that the process had when it opened it.
    OK(unshare(CLONE_NEWNS));
    OK(umount("d"));
    OK(lseek(fd, 0, SEEK_SET));
    memset(text, 0, sizeof text);
    CHECK(OK(read(fd, text, sizeof text - 1)) > 0);
    CHECK(strstr(text, "/d tmpfs") != NULL);
}

// A directory on which another namespace has something mounted may go, and so do the mounts there: rmdir(2).
TEST(names_that_others_mount_on) {
    OK(unshare(CLONE_NEWNS));
    OK(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
    char dir[] = "/tmp/mounts-XXXXXX", sub[64], other[64];
    CHECK(mkdtemp(dir) != NULL);
    snprintf(sub, sizeof sub, "%s/a", dir);
    snprintf(other, sizeof other, "%s/b", dir);
    for (int round = 0; round < 3; round++) {
        OK(mkdir(sub, 0700));
        OK(mkdir(other, 0700));
        OK(mount("x", sub, "tmpfs", 0, NULL));
        int told[2], asked[2];
        char byte;
        OK(pipe(told));
        OK(pipe(asked));
        pid_t pid = OK(fork());
        if (pid == 0) {
            if (unshare(CLONE_NEWNS) < 0 || write(told[1], "x", 1) != 1 || read(asked[0], &byte, 1) != 1) _exit(1);
            struct stat st;
            // The name is another directory's, or nobody's; and nothing is mounted in this namespace any more.
            int found = stat(sub, &st);
            char *mounts = read_text("/proc/self/mounts");
            _exit((round == 2 ? found == 0 : found < 0) && strstr(mounts, sub) == NULL ? 9 : 2);
        }
        CHECK_EQ(read(told[0], &byte, 1), 1);
        CHECK_ERRNO(rmdir(sub), EBUSY);
        CHECK_ERRNO(rename(sub, other), EBUSY);
        OK(umount(sub));
        if (round == 0) OK(rmdir(sub));
        if (round == 1) {
            CHECK_ERRNO(unlink(sub), EISDIR);
            OK(rmdir(sub));
        }
        if (round == 2) OK(rename(other, sub));
        CHECK_EQ(write(asked[1], "x", 1), 1);
        int status;
        OK(waitpid(pid, &status, 0));
        CHECK_EQ(WEXITSTATUS(status), 9);
        for (int i = 0; i < 2; i++) close(told[i]), close(asked[i]);
        rmdir(sub);
        rmdir(other);
    }
    OK(rmdir(dir));
}
