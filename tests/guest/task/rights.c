// Rights that a program gets when it is executed: set-uid, set-gid and file capabilities, what the parts of a process
// keep them from, and what goes with a change of rights (capabilities(7), execve(2), prctl(2)).
#define TEST_MAIN self_main
#include "../test.h"
#include <elf.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <sys/auxv.h>
#include <sys/fsuid.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/xattr.h>

enum { USER = 1000, GROUP = 1001, NONE = 0, EFFECTIVE = 1 };

static uint64_t cap(int number) { return 1ull << number; }

static void caps_now(uint64_t *permitted, uint64_t *effective, uint64_t *inheritable) {
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct data[2];
    OK(syscall(SYS_capget, &header, data));
    *permitted = data[0].permitted | (uint64_t)data[1].permitted << 32;
    *effective = data[0].effective | (uint64_t)data[1].effective << 32;
    *inheritable = data[0].inheritable | (uint64_t)data[1].inheritable << 32;
}

static void set_caps(uint64_t permitted, uint64_t effective, uint64_t inheritable) {
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct data[2] = {
        {(uint32_t)effective, (uint32_t)permitted, (uint32_t)inheritable},
        {(uint32_t)(effective >> 32), (uint32_t)(permitted >> 32), (uint32_t)(inheritable >> 32)},
    };
    OK(syscall(SYS_capset, &header, data));
}

// As the program that tests execute: tells its rights on descriptor 3.
struct told {
    uid_t uid, euid, suid, fsuid;
    gid_t gid, egid;
    uint64_t permitted, effective, inheritable, ambient;
    int secure, dumpable, death_signal;
};

static bool self_main(int argc, char **argv) {
    if (argc < 2 || strcmp(argv[1], "tell") != 0) return false;
    struct told told = {.gid = getgid(), .egid = getegid(), .secure = getauxval(AT_SECURE)};
    OK(getresuid(&told.uid, &told.euid, &told.suid));
    told.fsuid = setfsuid(-1);
    caps_now(&told.permitted, &told.effective, &told.inheritable);
    for (int i = 0; i <= 40; i++)
        if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, i, 0, 0) == 1) told.ambient |= cap(i);
    told.dumpable = prctl(PR_GET_DUMPABLE);
    prctl(PR_GET_PDEATHSIG, &told.death_signal);
    CHECK_EQ(write(3, &told, sizeof told), sizeof told);
    return true;
}

// A copy of this program in the test's directory.
static void copy_self(const char *name) {
    int from = OK(open("/proc/self/exe", O_RDONLY)), to = OK(open(name, O_WRONLY | O_CREAT, 0755));
    char buffer[65536];
    for (ssize_t n; (n = OK(read(from, buffer, sizeof buffer))) > 0;) CHECK_EQ(write(to, buffer, n), n);
    close(from);
    close(to);
}

static void give(const char *name, uint64_t permitted, uint64_t inheritable, int flags) {
    struct vfs_cap_data data = {
        VFS_CAP_REVISION_2 | flags,
        {{(uint32_t)permitted, (uint32_t)inheritable}, {(uint32_t)(permitted >> 32), (uint32_t)(inheritable >> 32)}},
    };
    OK(setxattr(name, "security.capability", &data, sizeof data, 0));
}

static void become(uid_t uid, gid_t gid) {
    OK(setgroups(0, NULL));
    OK(setresgid(gid, gid, gid));
    OK(setresuid(uid, uid, uid));
}

// What the program says of itself when it is executed by a child after `prepare`; errno of exec in `secure` when < 0.
static struct told run(const char *name, void (*prepare)(void)) {
    int told_fd[2];
    OK(pipe(told_fd));
    pid_t child = FORK({
        if (prepare) prepare();
        OK(dup2(told_fd[1], 3));
        execl(name, name, "tell", NULL);
        struct told failed = {.secure = -errno};
        CHECK_EQ(write(3, &failed, sizeof failed), sizeof failed);
    });
    struct told told;
    CHECK_EQ(read(told_fd[0], &told, sizeof told), sizeof told);
    reap(child);
    close(told_fd[0]);
    close(told_fd[1]);
    return told;
}

static void as_user(void) {
    become(USER, GROUP);
    OK(prctl(PR_SET_PDEATHSIG, SIGUSR1));
}

TEST(a_plain_program) {
    copy_self("p");
    struct told told = run("./p", as_user);
    CHECK_EQ(told.permitted, 0);
    CHECK_EQ(told.secure, 0);
    CHECK_EQ(told.dumpable, 1);
    CHECK_EQ(told.death_signal, SIGUSR1);
    told = run("./p", NULL);
    CHECK(told.effective != 0);
    CHECK_EQ(told.secure, 0);
}

TEST(a_program_that_may_not_be_read) {
    copy_self("p");
    OK(chmod("p", 0711));
    struct told told = run("./p", as_user);
    CHECK_EQ(told.dumpable, 0);
    CHECK_EQ(told.secure, 0);
}

TEST(set_uid_to_root) {
    copy_self("p");
    OK(chmod("p", 04755));
    struct told told = run("./p", as_user);
    CHECK_EQ(told.uid, USER);
    CHECK_EQ(told.euid, 0);
    CHECK_EQ(told.suid, 0);
    CHECK_EQ(told.fsuid, 0);
    CHECK(told.effective != 0);
    CHECK_EQ(told.secure, 1);
    CHECK_EQ(told.dumpable, 0);
    CHECK_EQ(told.death_signal, 0);
}

TEST(set_uid_and_set_gid_to_others) {
    copy_self("p");
    OK(chown("p", 50, 60));
    OK(chmod("p", 06755));
    struct told told = run("./p", as_user);
    CHECK_EQ(told.uid, USER);
    CHECK_EQ(told.euid, 50);
    CHECK_EQ(told.suid, 50);
    CHECK_EQ(told.egid, 60);
    CHECK_EQ(told.permitted, 0);
    CHECK_EQ(told.secure, 1);
    // Without execution by the group the bit means something else.
    OK(chmod("p", 02745));
    told = run("./p", as_user);
    CHECK_EQ(told.egid, GROUP);
    CHECK_EQ(told.secure, 0);
    // Root that becomes somebody else keeps nothing effective.
    OK(chmod("p", 04755));
    told = run("./p", NULL);
    CHECK_EQ(told.euid, 50);
    CHECK_EQ(told.effective, 0);
    CHECK(told.permitted != 0);
}

static void as_user_without_new_rights(void) {
    as_user();
    OK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
}

TEST(no_new_privs_gives_nothing) {
    copy_self("p");
    OK(chmod("p", 04755));
    struct told told = run("./p", as_user_without_new_rights);
    CHECK_EQ(told.euid, USER);
    CHECK_EQ(told.permitted, 0);
    CHECK_EQ(told.secure, 0);
    OK(chmod("p", 0755));
    give("p", cap(CAP_CHOWN), 0, NONE);
    told = run("./p", as_user_without_new_rights);
    CHECK_EQ(told.permitted, 0);
}

TEST(a_mount_without_set_id) {
    OK(unshare(CLONE_NEWNS));
    OK(mkdir("m", 0755));
    OK(mount("none", "m", "tmpfs", 0, NULL));
    copy_self("m/p");
    OK(chmod("m/p", 04755));
    CHECK_EQ(run("m/p", as_user).euid, 0);
    OK(mount(NULL, "m", NULL, MS_REMOUNT | MS_NOSUID, NULL));
    CHECK_EQ(run("m/p", as_user).euid, USER);
    OK(chmod("m/p", 0755));
    give("m/p", cap(CAP_CHOWN), 0, EFFECTIVE);
    CHECK_EQ(run("m/p", as_user).permitted, 0);
    OK(umount("m"));
}

TEST(file_capabilities) {
    copy_self("p");
    give("p", cap(CAP_NET_RAW) | cap(CAP_CHOWN), 0, EFFECTIVE);
    struct told told = run("./p", as_user);
    CHECK_EQ(told.permitted, cap(CAP_NET_RAW) | cap(CAP_CHOWN));
    CHECK_EQ(told.effective, told.permitted);
    CHECK_EQ(told.secure, 1);
    CHECK_EQ(told.dumpable, 0);
    give("p", cap(CAP_NET_RAW), 0, NONE);
    told = run("./p", as_user);
    CHECK_EQ(told.permitted, cap(CAP_NET_RAW));
    CHECK_EQ(told.effective, 0);
    CHECK_EQ(told.secure, 1);
}

static void as_user_bounded(void) {
    OK(prctl(PR_CAPBSET_DROP, CAP_NET_RAW));
    as_user();
}

TEST(file_capabilities_beyond_the_bound) {
    copy_self("p");
    give("p", cap(CAP_NET_RAW) | cap(CAP_CHOWN), 0, NONE);
    CHECK_EQ(run("./p", as_user_bounded).permitted, cap(CAP_CHOWN));
    // A program that takes its capabilities for granted does not run without.
    give("p", cap(CAP_NET_RAW) | cap(CAP_CHOWN), 0, EFFECTIVE);
    CHECK_EQ(run("./p", as_user_bounded).secure, -EPERM);
}

static void as_user_with_inheritable(void) {
    OK(prctl(PR_SET_KEEPCAPS, 1));
    as_user();
    set_caps(cap(CAP_KILL) | cap(CAP_CHOWN), 0, cap(CAP_KILL) | cap(CAP_CHOWN));
    OK(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_CHOWN, 0, 0));
}

TEST(inherited_and_ambient_ones) {
    copy_self("p");
    struct told told = run("./p", as_user_with_inheritable);
    CHECK_EQ(told.permitted, cap(CAP_CHOWN));
    CHECK_EQ(told.effective, cap(CAP_CHOWN));
    CHECK_EQ(told.ambient, cap(CAP_CHOWN));
    CHECK_EQ(told.inheritable, cap(CAP_KILL) | cap(CAP_CHOWN));
    CHECK_EQ(told.secure, 0);
    // Capabilities of the file's own clear the ambient ones.
    give("p", 0, cap(CAP_KILL), NONE);
    told = run("./p", as_user_with_inheritable);
    CHECK_EQ(told.permitted, cap(CAP_KILL));
    CHECK_EQ(told.effective, 0);
    CHECK_EQ(told.ambient, 0);
}

static void without_root(void) { OK(prctl(PR_SET_SECUREBITS, SECBIT_NOROOT | SECBIT_NOROOT_LOCKED)); }

TEST(root_is_nothing_special) {
    copy_self("p");
    struct told told = run("./p", without_root);
    CHECK_EQ(told.permitted, 0);
    give("p", cap(CAP_CHOWN), 0, EFFECTIVE);
    told = run("./p", without_root);
    CHECK_EQ(told.permitted, cap(CAP_CHOWN));
    // Else root gets all whatever the file says.
    CHECK(run("./p", NULL).permitted & cap(CAP_KILL));
}

TEST(locks_of_securebits) {
    OK(prctl(PR_SET_SECUREBITS, SECBIT_NO_CAP_AMBIENT_RAISE | SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED));
    CHECK_ERRNO(prctl(PR_SET_SECUREBITS, 0), EPERM);
    CHECK_ERRNO(prctl(PR_SET_SECUREBITS, SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED), EPERM);
    CHECK_ERRNO(prctl(PR_SET_SECUREBITS, 1 << 20), EPERM);
    OK(prctl(PR_SET_SECUREBITS, SECBIT_NO_CAP_AMBIENT_RAISE | SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED | SECBIT_NOROOT));
    uint64_t permitted, effective, inheritable;
    caps_now(&permitted, &effective, &inheritable);
    set_caps(permitted, effective, permitted);
    CHECK_ERRNO(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_CHOWN, 0, 0), EPERM);
    OK(prctl(PR_SET_SECUREBITS, prctl(PR_GET_SECUREBITS) | SECBIT_KEEP_CAPS_LOCKED));
    CHECK_ERRNO(prctl(PR_SET_KEEPCAPS, 1), EPERM);
}

TEST(no_setuid_fixup) {
    OK(prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP));
    uint64_t before, after, unused;
    caps_now(&unused, &before, &unused);
    become(USER, GROUP);
    caps_now(&unused, &after, &unused);
    CHECK_EQ(before, after);
}

TEST(dumpable_goes_with_changes) {
    OK(prctl(PR_SET_DUMPABLE, 1));
    OK(setresuid(-1, -1, -1));
    CHECK_EQ(prctl(PR_GET_DUMPABLE), 1);
    OK(seteuid(USER));
    CHECK_EQ(prctl(PR_GET_DUMPABLE), 0);
    OK(prctl(PR_SET_DUMPABLE, 1));
    setfsuid(0);
    CHECK_EQ(prctl(PR_GET_DUMPABLE), 0);
    CHECK_ERRNO(prctl(PR_SET_DUMPABLE, 2), EINVAL);
}

TEST(attributes_are_checked) {
    write_text("f", "x");
    CHECK_ERRNO(setxattr("f", "security.capability", "x", 1, 0), EINVAL);
    give("f", cap(CAP_CHOWN), 0, NONE);
    OK(chown("f", USER, GROUP));
    char value[64];
    // The new owner gets no capabilities with it.
    CHECK_ERRNO(getxattr("f", "security.capability", value, sizeof value), ENODATA);
    become(USER, GROUP);
    struct vfs_cap_data data = {VFS_CAP_REVISION_2, {}};
    CHECK_ERRNO(setxattr("f", "security.capability", &data, sizeof data, 0), EPERM);
}

TEST(writing_takes_them_away) {
    write_text("f", "x");
    give("f", cap(CAP_CHOWN), 0, NONE);
    char value[64];
    CHECK_EQ(OK(getxattr("f", "security.capability", value, sizeof value)), 20);
    int fd = OK(open("f", O_WRONLY));
    CHECK_EQ(write(fd, "y", 1), 1);
    CHECK_ERRNO(getxattr("f", "security.capability", value, sizeof value), ENODATA);
}

static void map_self(uid_t uid) {
    char line[32];
    snprintf(line, sizeof line, "0 %d 1\n", uid);
    int fd = OK(open("/proc/self/uid_map", O_WRONLY));
    CHECK_EQ(write(fd, line, strlen(line)), strlen(line));
    close(fd);
}

TEST(capabilities_of_a_user_namespace) {
    copy_self("p");
    OK(chown("p", USER, GROUP));
    int fd = OK(open("p", O_RDONLY));
    pid_t child = FORK({
        become(USER, GROUP);
        OK(prctl(PR_SET_DUMPABLE, 1));
        OK(unshare(CLONE_NEWUSER));
        map_self(USER);
        // The group is not mapped.
        struct vfs_cap_data data = {VFS_CAP_REVISION_2 | EFFECTIVE, {{1, 0}}};
        CHECK_ERRNO(fsetxattr(fd, "security.capability", &data, sizeof data, 0), EPERM);
        write_text("/proc/self/setgroups", "deny");
        write_text("/proc/self/gid_map", "0 1001 1\n");
        OK(fsetxattr(fd, "security.capability", &data, sizeof data, 0));
        CHECK_EQ(OK(fgetxattr(fd, "security.capability", &data, sizeof data)), 20);
    });
    reap(child);
    struct vfs_ns_cap_data data;
    CHECK_EQ(OK(fgetxattr(fd, "security.capability", &data, sizeof data)), 24);
    CHECK_EQ(data.rootid, USER);
    CHECK_EQ(data.magic_etc, VFS_CAP_REVISION_3 | EFFECTIVE);
    close(fd);
    // They count below that root only.
    CHECK_EQ(run("./p", as_user).permitted, 0);
    child = FORK({
        OK(unshare(CLONE_NEWUSER));
        write_text("/proc/self/uid_map", "0 0 1\n");
        CHECK_ERRNO(getxattr("p", "security.capability", &data, sizeof data), EOVERFLOW);
    });
    reap(child);
}

static int set_login(const char *path, const char *text) {
    int fd = OK(open(path, O_WRONLY));
    ssize_t n = write(fd, text, strlen(text));
    int error = errno;
    close(fd);
    errno = error;
    return n < 0 ? -1 : 0;
}

TEST(logins) {
    if (strtoul(read_text("/proc/self/loginuid"), NULL, 10) != 4294967295u) SKIP("somebody has logged in");
    CHECK_STR(read_text("/proc/self/sessionid"), "4294967295");
    CHECK_ERRNO(set_login("/proc/self/loginuid", "x"), EINVAL);
    OK(set_login("/proc/self/loginuid", "1000"));
    reap(FORK({
        CHECK_STR(read_text("/proc/self/loginuid"), "1000");
        CHECK(strtoul(read_text("/proc/self/sessionid"), NULL, 10) != 4294967295u);
        become(USER, GROUP);
        OK(prctl(PR_SET_DUMPABLE, 1));
        CHECK_ERRNO(set_login("/proc/self/loginuid", "1001"), EPERM);
    }));
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/loginuid", getppid());
    CHECK_ERRNO(set_login(path, "1000"), EPERM);
}
