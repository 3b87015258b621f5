// Entering namespaces: setns(2), and what /proc/PID/ns shows.
#include "../test.h"

#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/statfs.h>

enum { NS_PARENT = 0xb702 };

static int open_ns(pid_t pid, const char *name) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/ns/%s", pid, name);
    return OK(open(path, O_RDONLY | O_CLOEXEC));
}

static ino_t number(pid_t pid, const char *name) {
    char path[64];
    struct stat st;
    snprintf(path, sizeof path, "/proc/%d/ns/%s", pid, name);
    OK(stat(path, &st));
    return st.st_ino;
}

// A child in new namespaces of its own, asleep.
static pid_t inside(int flags) {
    int ready[2];
    char byte;
    OK(pipe(ready));
    pid_t child = OK(fork());
    if (child == 0) {
        OK(unshare(flags));
        if (flags & CLONE_NEWUTS) OK(sethostname("inner", 5));
        if (write(ready[1], "x", 1) != 1) _exit(2);
        for (;;) pause();
    }
    CHECK_EQ(read(ready[0], &byte, 1), 1);
    close(ready[0]);
    close(ready[1]);
    return child;
}

static void end(pid_t child) {
    OK(kill(child, SIGKILL));
    status_of(child);
}

TEST(links_have_kinds_and_numbers) {
    static const char *const names[] = {"cgroup", "ipc", "mnt", "net", "pid", "pid_for_children", "time",
                                        "time_for_children", "user", "uts"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char path[64], target[64] = "", want[64];
        snprintf(path, sizeof path, "/proc/self/ns/%s", names[i]);
        OK(readlink(path, target, sizeof target - 1));
        const char *kind = strcmp(names[i], "pid_for_children") == 0    ? "pid"
                           : strcmp(names[i], "time_for_children") == 0 ? "time"
                                                                        : names[i];
        snprintf(want, sizeof want, "%s:[%lu]", kind, number(getpid(), names[i]));
        CHECK_STR(target, want);
    }
    struct statfs fs;
    OK(statfs("/proc/self/ns/uts", &fs));
    CHECK_EQ(fs.f_type, 0x6e736673);
}

TEST(each_kind_becomes_new) {
    static const struct {
        const char *name;
        int flag;
    } kinds[] = {{"cgroup", CLONE_NEWCGROUP}, {"ipc", CLONE_NEWIPC}, {"mnt", CLONE_NEWNS},
                 {"net", CLONE_NEWNET},       {"uts", CLONE_NEWUTS}, {"user", CLONE_NEWUSER}};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        ino_t old = number(getpid(), kinds[i].name);
        reap(FORK({
            OK(unshare(kinds[i].flag));
            CHECK(number(getpid(), kinds[i].name) != old);
        }));
    }
}

TEST(enter_by_descriptor) {
    pid_t child = inside(CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET | CLONE_NEWCGROUP);
    static const char *const names[] = {"uts", "ipc", "net", "cgroup"};
    for (int i = 0; i < 4; i++) {
        int fd = open_ns(child, names[i]);
        CHECK(number(getpid(), names[i]) != number(child, names[i]));
        OK(setns(fd, 0));
        CHECK_EQ(number(getpid(), names[i]), number(child, names[i]));
        close(fd);
    }
    char name[64];
    OK(gethostname(name, sizeof name));
    CHECK_STR(name, "inner");
    end(child);
}

TEST(an_open_namespace_stays) {
    pid_t child = inside(CLONE_NEWUTS);
    int fd = open_ns(child, "uts");
    end(child);
    OK(setns(fd, CLONE_NEWUTS));
    char name[64];
    OK(gethostname(name, sizeof name));
    CHECK_STR(name, "inner");
}

TEST(what_is_no_namespace) {
    CHECK_ERRNO(setns(-1, 0), EBADF);
    CHECK_ERRNO(setns(OK(open("/proc/self/status", O_RDONLY)), 0), EINVAL);
    CHECK_ERRNO(setns(open_ns(getpid(), "uts"), CLONE_NEWNET), EINVAL);
    int pidfd = OK(pidfd_open(getpid(), 0));
    CHECK_ERRNO(setns(pidfd, 0), EINVAL);
    CHECK_ERRNO(setns(pidfd, CLONE_NEWUTS | CLONE_VM), EINVAL);
}

TEST(enter_by_pidfd) {
    pid_t child = inside(CLONE_NEWUTS | CLONE_NEWNET | CLONE_NEWNS);
    int pidfd = OK(pidfd_open(child, 0));
    ino_t net = number(getpid(), "net");
    OK(setns(pidfd, CLONE_NEWUTS | CLONE_NEWNS));
    CHECK_EQ(number(getpid(), "uts"), number(child, "uts"));
    CHECK_EQ(number(getpid(), "mnt"), number(child, "mnt"));
    CHECK_EQ(number(getpid(), "net"), net);
    end(child);
    CHECK_ERRNO(setns(pidfd, CLONE_NEWUTS), ESRCH);
}

TEST(all_or_nothing) {
    pid_t child = inside(CLONE_NEWUTS | CLONE_NEWUSER);
    int pidfd = OK(pidfd_open(child, 0));
    OK(unshare(CLONE_NEWUSER));
    // It is neither in nor above the child's user namespace any more.
    ino_t own = number(getpid(), "uts");
    CHECK_ERRNO(setns(pidfd, CLONE_NEWUTS | CLONE_NEWUSER), EPERM);
    CHECK_EQ(number(getpid(), "uts"), own);
    end(child);
}

TEST(mounts_put_one_at_the_root) {
    OK(mkdir("dir", 0755));
    OK(chdir("dir"));
    pid_t child = inside(CLONE_NEWNS);
    OK(setns(open_ns(child, "mnt"), CLONE_NEWNS));
    char path[PATH_MAX];
    CHECK(getcwd(path, sizeof path));
    CHECK_STR(path, "/");
    end(child);
}

static int share(void *unused) {
    (void)unused;
    pause();
    return 0;
}

static pid_t sharer(int flags) {
    static char stack[65536] __attribute__((aligned(16)));
    return OK(clone(share, stack + sizeof stack, flags | SIGCHLD, NULL));
}

TEST(mounts_and_users_not_while_directories_are_shared) {
    pid_t child = inside(CLONE_NEWNS | CLONE_NEWUSER | CLONE_NEWTIME);
    int mounts = open_ns(child, "mnt"), users = open_ns(child, "user");
    pid_t other = sharer(CLONE_FS);
    CHECK_ERRNO(setns(users, 0), EINVAL);
    CHECK_ERRNO(setns(mounts, 0), EINVAL);
    end(other);
    OK(setns(users, 0));
    OK(setns(mounts, 0));
    end(child);
}

static void *sleeper(void *unused) {
    (void)unused;
    pause();
    return NULL;
}

TEST(users_and_clocks_not_with_threads) {
    pid_t child = inside(CLONE_NEWUSER | CLONE_NEWTIME | CLONE_NEWUTS);
    int users = open_ns(child, "user"), time = open_ns(child, "time_for_children"), uts = open_ns(child, "uts");
    start_thread(sleeper, NULL);
    CHECK_ERRNO(setns(users, 0), EINVAL);
    CHECK_ERRNO(setns(time, 0), EUSERS);
    // The others are each thread's own.
    OK(setns(uts, 0));
    end(child);
}

TEST(pids_are_for_children) {
    int ready[2];
    char byte;
    OK(pipe(ready));
    OK(unshare(CLONE_NEWPID));
    CHECK_ERRNO(unshare(CLONE_NEWPID), EINVAL);
    pid_t init = FORK({
        CHECK_EQ(getpid(), 1);
        CHECK_EQ(write(ready[1], "x", 1), 1);
        for (;;) pause();
    });
    CHECK_EQ(read(ready[0], &byte, 1), 1);
    CHECK(number(getpid(), "pid") != number(getpid(), "pid_for_children"));
    CHECK_EQ(number(getpid(), "pid_for_children"), number(init, "pid"));
    int own = open_ns(getpid(), "pid"), theirs = open_ns(init, "pid");
    struct stat a, b;
    int above = OK(ioctl(theirs, NS_PARENT));
    OK(fstat(above, &a));
    OK(fstat(own, &b));
    CHECK_EQ(a.st_ino, b.st_ino);
    OK(setns(own, CLONE_NEWPID));
    CHECK_EQ(number(getpid(), "pid"), number(getpid(), "pid_for_children"));
    OK(setns(theirs, CLONE_NEWPID));
    pid_t second = FORK({
        CHECK_EQ(getpid(), 2);
        CHECK_EQ(getppid(), 0);
        // Outwards is no way.
        CHECK_ERRNO(setns(own, CLONE_NEWPID), EINVAL);
        CHECK_ERRNO(ioctl(theirs, NS_PARENT), EPERM);
    });
    reap(second);
    end(init);
    CHECK_ERRNO(fork(), ENOMEM);
}
