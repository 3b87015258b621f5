// User namespaces: user_namespaces(7).
#include "../test.h"

#include <linux/capability.h>
#include <sys/fsuid.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <grp.h>

enum { NS_USERNS = 0xb701, NS_PARENT = 0xb702, NS_TYPE = 0xb703, NS_OWNER = 0xb704 };
enum { USER = 1000, GROUP = 1001 };

static int try_write(const char *path, const char *text) {
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0) return -1;
    ssize_t n = write(fd, text, strlen(text));
    int error = errno;
    close(fd);
    errno = error;
    return n == (ssize_t)strlen(text) ? 0 : -1;
}

static uint64_t effective(void) {
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct data[2];
    OK(syscall(SYS_capget, &header, data));
    return data[0].effective | (uint64_t)data[1].effective << 32;
}

static void become(uid_t uid, gid_t gid) {
    OK(setgroups(0, NULL));
    OK(setresgid(gid, gid, gid));
    OK(setresuid(uid, uid, uid));
    OK(prctl(PR_SET_DUMPABLE, 1));
}

static void map_self(uid_t uid, gid_t gid) {
    char line[64];
    snprintf(line, sizeof line, "0 %d 1\n", uid);
    OK(try_write("/proc/self/uid_map", line));
    OK(try_write("/proc/self/setgroups", "deny"));
    snprintf(line, sizeof line, "0 %d 1\n", gid);
    OK(try_write("/proc/self/gid_map", line));
}

TEST(anybody_may_make_one) {
    become(USER, GROUP);
    CHECK_EQ(effective(), 0);
    CHECK_ERRNO(unshare(CLONE_NEWUTS), EPERM);
    OK(unshare(CLONE_NEWUSER));
    CHECK(effective() != 0);
    CHECK_EQ(getuid(), 65534);
    CHECK_EQ(getegid(), 65534);
    CHECK_STR(read_text("/proc/self/uid_map"), "");
    CHECK_ERRNO(setuid(0), EINVAL);
    map_self(USER, GROUP);
    CHECK_EQ(getuid(), 0);
    CHECK_EQ(getgid(), 0);
    CHECK_STR(read_text("/proc/self/uid_map"), "         0       1000          1\n");
    CHECK_STR(read_text("/proc/self/setgroups"), "deny\n");
    CHECK_ERRNO(setuid(1), EINVAL);
    CHECK_ERRNO(setgroups(0, NULL), EPERM);
    OK(setuid(0));
}

TEST(it_comes_with_rights_for_the_other_kinds) {
    become(USER, GROUP);
    OK(unshare(CLONE_NEWUSER | CLONE_NEWUTS | CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWNET));
    OK(sethostname("inner", 5));
    map_self(USER, GROUP);
    OK(mkdir("m", 0755));
    CHECK_ERRNO(mount("none", "m", "tmpfs", 0, "uid=1"), EINVAL);
    OK(mount("none", "m", "tmpfs", 0, "mode=755"));
    struct stat st;
    OK(stat("m", &st));
    CHECK_EQ(st.st_uid, 0);
    CHECK_EQ(st.st_gid, 0);
    write_text("m/file", "x");
    // The processes, and their /proc, are those of others still.
    CHECK_ERRNO(mount("none", "m", "proc", 0, NULL), EPERM);
    OK(umount("m"));
}

TEST(rights_end_at_its_border) {
    become(USER, GROUP);
    OK(unshare(CLONE_NEWUSER));
    map_self(USER, GROUP);
    CHECK_ERRNO(sethostname("outer", 5), EPERM);
    CHECK_ERRNO(mount("none", "/tmp", "tmpfs", 0, NULL), EPERM);
    CHECK_ERRNO(kill(1, 0), EPERM);
    CHECK_ERRNO(mknod("node", S_IFCHR | 0600, 0x103), EPERM);
    CHECK_ERRNO(nice(-5), EPERM);
    struct rlimit limit;
    OK(getrlimit(RLIMIT_NOFILE, &limit));
    limit.rlim_max++;
    CHECK_ERRNO(setrlimit(RLIMIT_NOFILE, &limit), EPERM);
}

TEST(files_of_unknown_owners) {
    write_text("roots", "x");
    OK(chmod("roots", 0600));
    write_text("own", "x");
    OK(chown("own", USER, GROUP));
    become(USER, GROUP);
    OK(unshare(CLONE_NEWUSER));
    map_self(USER, GROUP);
    struct stat st;
    OK(stat("roots", &st));
    CHECK_EQ(st.st_uid, 65534);
    CHECK_EQ(st.st_gid, 65534);
    CHECK_ERRNO(open("roots", O_RDONLY), EACCES);
    CHECK_ERRNO(chmod("roots", 0666), EPERM);
    OK(stat("own", &st));
    CHECK_EQ(st.st_uid, 0);
    CHECK_ERRNO(chown("own", 1, -1), EINVAL);
    OK(chown("own", 0, 0));
    OK(chmod("own", 0));
    close(OK(open("own", O_RDWR)));
}

static void wait_byte(int fd) {
    char byte;
    CHECK_EQ(read(fd, &byte, 1), 1);
}

TEST(the_parent_writes_maps) {
    int to_child[2], to_parent[2];
    OK(pipe(to_child));
    OK(pipe(to_parent));
    pid_t child = FORK({
        OK(unshare(CLONE_NEWUSER));
        CHECK_EQ(write(to_parent[1], "x", 1), 1);
        wait_byte(to_child[0]);
        CHECK_EQ(getuid(), 10);
        OK(setresgid(5, 6, 7));
        OK(setresuid(1, 2, 3));
        uid_t r, e, s;
        OK(getresuid(&r, &e, &s));
        CHECK_EQ(r * 100 + e * 10 + s, 123);
        CHECK_STR(read_text("/proc/self/uid_map"), "         0     100000         10\n        10          0          1\n");
        // None of these ids is or was user 0 of the namespace.
        CHECK(effective() != 0);
        CHECK_EQ(write(to_parent[1], "x", 1), 1);
        wait_byte(to_child[0]);
    });
    wait_byte(to_parent[0]);
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/uid_map", child);
    CHECK_ERRNO(try_write(path, "0 0\n"), EINVAL);
    CHECK_ERRNO(try_write(path, "0 0 0\n"), EINVAL);
    CHECK_ERRNO(try_write(path, "0 0 5\n4 10 1\n"), EINVAL);
    CHECK_ERRNO(try_write(path, "0 100000 10\n10 5 1\n20 4294967295 1\n"), EINVAL);
    OK(try_write(path, "0 100000 10\n10 0 1\n"));
    CHECK_ERRNO(try_write(path, "0 100000 10\n"), EPERM);
    snprintf(path, sizeof path, "/proc/%d/gid_map", child);
    OK(try_write(path, "0 100000 20\n"));
    snprintf(path, sizeof path, "/proc/%d/setgroups", child);
    CHECK_ERRNO(try_write(path, "deny"), EPERM);
    OK(try_write(path, "allow"));
    CHECK_EQ(write(to_child[1], "x", 1), 1);
    wait_byte(to_parent[0]);
    // The same process by two names.
    snprintf(path, sizeof path, "/proc/%d/status", child);
    CHECK(strstr(read_text(path), "\nUid:\t100001\t100002\t100003\t100002\n"));
    CHECK_EQ(write(to_child[1], "x", 1), 1);
    reap(child);
}

TEST(who_may_write_maps) {
    become(USER, GROUP);
    OK(unshare(CLONE_NEWUSER));
    CHECK_ERRNO(try_write("/proc/self/uid_map", "0 0 1\n"), EPERM);
    CHECK_ERRNO(try_write("/proc/self/uid_map", "0 1000 2\n"), EPERM);
    CHECK_ERRNO(try_write("/proc/self/gid_map", "0 1001 1\n"), EPERM);
    OK(try_write("/proc/self/setgroups", "deny"));
    CHECK_ERRNO(try_write("/proc/self/setgroups", "allow"), EPERM);
    CHECK_ERRNO(try_write("/proc/self/setgroups", "what"), EINVAL);
    OK(try_write("/proc/self/gid_map", "0 1001 1\n"));
    OK(try_write("/proc/self/uid_map", "7 1000 1\n"));
    CHECK_EQ(getuid(), 7);
    CHECK_ERRNO(try_write("/proc/self/uid_map", "0 1000 1\n"), EPERM);
}

TEST(root_of_a_namespace_is_its_user_zero) {
    become(USER, GROUP);
    OK(unshare(CLONE_NEWUSER));
    OK(try_write("/proc/self/uid_map", "5 1000 1\n"));
    CHECK(effective() != 0);
    // A program that is executed by somebody else than its user 0 has no capabilities.
    pid_t child = FORK(execl("/bin/sh", "sh", "-c", "grep -q 'CapEff:.0000000000000000' /proc/self/status", NULL));
    reap(child);
}

TEST(capabilities_stay_at_exec_of_root) {
    become(USER, GROUP);
    OK(unshare(CLONE_NEWUSER));
    map_self(USER, GROUP);
    pid_t child = FORK(execl("/bin/sh", "sh", "-c", "grep -q 'CapEff:.0000000000000000' /proc/self/status", NULL));
    CHECK_EQ(WEXITSTATUS(status_of(child)), 1);
}

TEST(nesting_ends) {
    become(USER, GROUP);
    int levels = 0;
    while (unshare(CLONE_NEWUSER) == 0) {
        CHECK(levels < 40);
        char line[32];
        snprintf(line, sizeof line, "0 %d 1\n", levels ? 0 : USER);
        OK(try_write("/proc/self/uid_map", line));
        OK(levels ? 0 : try_write("/proc/self/setgroups", "deny"));
        snprintf(line, sizeof line, "0 %d 1\n", levels ? 0 : GROUP);
        OK(try_write("/proc/self/gid_map", line));
        levels++;
    }
    CHECK_EQ(errno, ENOSPC);
    CHECK_EQ(levels, 33);
}

TEST(unmapped_makers_are_refused) {
    OK(unshare(CLONE_NEWUSER));
    CHECK_ERRNO(unshare(CLONE_NEWUSER), EPERM);
}

TEST(not_in_a_changed_root) {
    OK(chroot("/tmp"));
    CHECK_ERRNO(unshare(CLONE_NEWUSER), EPERM);
}

TEST(bad_combinations) {
    CHECK_ERRNO(syscall(SYS_clone, CLONE_NEWUSER | CLONE_FS | SIGCHLD, 0, 0, 0, 0), EINVAL);
    CHECK_ERRNO(syscall(SYS_clone, CLONE_NEWUSER | CLONE_THREAD | CLONE_SIGHAND | CLONE_VM, 0, 0, 0, 0), EINVAL);
}

static void *sleeper(void *unused) {
    (void)unused;
    pause();
    return NULL;
}

TEST(not_with_threads) {
    start_thread(sleeper, NULL);
    CHECK_ERRNO(unshare(CLONE_NEWUSER), EINVAL);
}

TEST(clone_into_one) {
    become(USER, GROUP);
    pid_t child = OK(syscall(SYS_clone, CLONE_NEWUSER | CLONE_NEWNET | CLONE_NEWPID | SIGCHLD, 0, 0, 0, 0));
    if (child == 0) {
        CHECK_EQ(getuid(), 65534);
        CHECK_EQ(getpid(), 1);
        CHECK(effective() != 0);
        map_self(USER, GROUP);
        _exit(0);
    }
    reap(child);
    CHECK_EQ(effective(), 0);
    CHECK_EQ(getuid(), USER);
}

TEST(the_owner_rules_from_outside) {
    become(USER, GROUP);
    int ready[2];
    OK(pipe(ready));
    pid_t child = FORK({
        OK(unshare(CLONE_NEWUSER | CLONE_NEWUTS));
        OK(try_write("/proc/self/uid_map", "3 1000 1\n"));
        CHECK_EQ(write(ready[1], "x", 1), 1);
        pause();
    });
    wait_byte(ready[0]);
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/ns/user", child);
    int user = OK(open(path, O_RDONLY));
    snprintf(path, sizeof path, "/proc/%d/ns/uts", child);
    int uts = OK(open(path, O_RDONLY));
    CHECK_EQ(OK(ioctl(user, NS_TYPE)), CLONE_NEWUSER);
    CHECK_EQ(OK(ioctl(uts, NS_TYPE)), CLONE_NEWUTS);
    uid_t owner = 0;
    OK(ioctl(user, NS_OWNER, &owner));
    CHECK_EQ(owner, USER);
    CHECK_ERRNO(ioctl(uts, NS_OWNER, &owner), EINVAL);
    CHECK_ERRNO(ioctl(uts, NS_PARENT), EINVAL);
    int of_uts = OK(ioctl(uts, NS_USERNS)), above = OK(ioctl(user, NS_PARENT));
    struct stat a, b;
    OK(fstat(of_uts, &a));
    OK(fstat(user, &b));
    CHECK(a.st_ino == b.st_ino && a.st_dev == b.st_dev);
    OK(fstat(above, &a));
    OK(stat("/proc/self/ns/user", &b));
    CHECK_EQ(a.st_ino, b.st_ino);
    CHECK(fcntl(above, F_GETFD) == FD_CLOEXEC);
    CHECK_ERRNO(setns(uts, 0), EPERM);
    CHECK_ERRNO(setns(user, CLONE_NEWUTS), EINVAL);
    OK(setns(user, CLONE_NEWUSER));
    CHECK_EQ(getuid(), 3);
    CHECK(effective() != 0);
    CHECK_ERRNO(setns(user, 0), EINVAL);
    CHECK_ERRNO(setns(above, 0), EPERM);
    CHECK_ERRNO(ioctl(user, NS_PARENT), EPERM);
    OK(setns(uts, 0));
    OK(sethostname("x", 1));
    OK(kill(child, SIGKILL));
    status_of(child);
}

TEST(credentials_of_peers_are_translated) {
    int sockets[2];
    OK(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets));
    become(USER, GROUP);
    OK(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets));
    struct ucred peer;
    socklen_t length = sizeof peer;
    OK(unshare(CLONE_NEWUSER));
    OK(getsockopt(sockets[0], SOL_SOCKET, SO_PEERCRED, &peer, &length));
    CHECK_EQ(peer.uid, 65534);
    OK(try_write("/proc/self/uid_map", "9 1000 1\n"));
    OK(getsockopt(sockets[0], SOL_SOCKET, SO_PEERCRED, &peer, &length));
    CHECK_EQ(peer.uid, 9);
    CHECK_EQ(peer.gid, 65534);
}

TEST(mounts_from_outside_are_locked) {
    OK(unshare(CLONE_NEWNS));
    OK(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
    OK(mkdir("m", 0755));
    OK(mount("none", "m", "tmpfs", MS_NOSUID | MS_NODEV, NULL));
    OK(mkdir("m/below", 0755));
    OK(mount("none", "m/below", "tmpfs", 0, NULL));
    OK(chmod("m", 0777));
    OK(mkdir("bound", 0777));
    become(USER, GROUP);
    OK(unshare(CLONE_NEWUSER | CLONE_NEWNS));
    map_self(USER, GROUP);
    CHECK_ERRNO(umount("m/below"), EINVAL);
    CHECK_ERRNO(umount2("m", MNT_DETACH), EINVAL);
    CHECK_ERRNO(mount("m", "bound", NULL, MS_BIND, NULL), EINVAL);
    CHECK_ERRNO(mount(NULL, "m", NULL, MS_REMOUNT | MS_BIND, NULL), EPERM);
    OK(mount(NULL, "m", NULL, MS_REMOUNT | MS_BIND | MS_NOSUID | MS_NODEV | MS_RDONLY, NULL));
    OK(mount("m", "bound", NULL, MS_BIND | MS_REC, NULL));
    CHECK_ERRNO(umount("bound/below"), EINVAL);
    OK(umount2("bound", MNT_DETACH));
}

static volatile uid_t sender = 77;

static void note_sender(int number, siginfo_t *info, void *context) {
    (void)number, (void)context;
    sender = info->si_uid;
}

TEST(signals_and_status_name_users_as_the_reader_does) {
    become(USER, GROUP);
    int ready[2];
    OK(pipe(ready));
    struct sigaction action = {.sa_sigaction = note_sender, .sa_flags = SA_SIGINFO};
    OK(sigaction(SIGUSR1, &action, NULL));
    block_signal(SIGUSR1);
    pid_t child = FORK({
        OK(unshare(CLONE_NEWUSER));
        OK(try_write("/proc/self/uid_map", "5 1000 1\n"));
        CHECK(strstr(read_text("/proc/self/status"), "\nUid:\t5\t5\t5\t5\nGid:\t65534\t"));
        CHECK_EQ(write(ready[1], "x", 1), 1);
        sigset_t none;
        sigemptyset(&none);
        sigsuspend(&none);
        CHECK_EQ(sender, 5);
    });
    wait_byte(ready[0]);
    OK(kill(child, SIGUSR1));
    siginfo_t info;
    OK(waitid(P_PID, child, &info, WEXITED | WNOWAIT));
    CHECK_EQ(info.si_uid, USER);
    reap(child);
}

static void limit_kind(const char *kind, const char *value) {
    char path[64];
    snprintf(path, sizeof path, "/proc/sys/user/max_%s_namespaces", kind);
    OK(try_write(path, value));
}

TEST(their_number_is_limited) {
    become(USER, GROUP);
    CHECK_ERRNO(open("/proc/sys/user/max_uts_namespaces", O_WRONLY), EACCES);
    OK(unshare(CLONE_NEWUSER));
    map_self(USER, GROUP);
    CHECK_STR(read_text("/proc/sys/user/max_uts_namespaces"), "2147483647\n");
    CHECK_ERRNO(try_write("/proc/sys/user/max_uts_namespaces", "-1\n"), EINVAL);
    limit_kind("uts", "2\n");
    CHECK_STR(read_text("/proc/sys/user/max_uts_namespaces"), "2\n");
    int ready[2], on[2];
    OK(pipe(ready));
    OK(pipe(on));
    pid_t child = FORK({
        OK(unshare(CLONE_NEWUTS));
        CHECK_EQ(write(ready[1], "x", 1), 1);
        wait_byte(on[0]);
    });
    wait_byte(ready[0]);
    OK(unshare(CLONE_NEWUTS));
    CHECK_ERRNO(unshare(CLONE_NEWUTS), ENOSPC);
    // Those made further inside count as well.
    reap(FORK(OK(unshare(CLONE_NEWUSER)); CHECK_ERRNO(unshare(CLONE_NEWUTS), ENOSPC)));
    CHECK_EQ(write(on[1], "x", 1), 1);
    reap(child);
    WAIT_UNTIL(unshare(CLONE_NEWUTS) == 0);
    const struct {
        const char *name;
        int flag;
    } kinds[] = {{"user", CLONE_NEWUSER}, {"pid", CLONE_NEWPID},       {"ipc", CLONE_NEWIPC}, {"net", CLONE_NEWNET},
                 {"mnt", CLONE_NEWNS},    {"cgroup", CLONE_NEWCGROUP}, {"time", 0x80}};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        limit_kind(kinds[i].name, "0\n");
        CHECK_ERRNO(unshare(kinds[i].flag), ENOSPC);
    }
}
