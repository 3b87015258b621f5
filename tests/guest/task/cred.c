// Credentials: user, group and capability rules of setuid(2), setresuid(2), setgroups(2), capabilities(7).
#include "../test.h"
#include <grp.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>

static void need_root(void) {
    if (geteuid() != 0) SKIP("needs root");
}

static void expect_uids(uid_t real, uid_t effective, uid_t saved) {
    uid_t r, e, s;
    OK(getresuid(&r, &e, &s));
    if (r != real || e != effective || s != saved)
        FAIL("uids are %u %u %u, want %u %u %u", r, e, s, real, effective, saved);
}

static uint64_t effective_caps(void) {
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct data[2];
    OK(syscall(SYS_capget, &header, data));
    return data[0].effective | (uint64_t)data[1].effective << 32;
}

TEST(setuid_by_root_sets_all) {
    need_root();
    OK(setuid(1000));
    expect_uids(1000, 1000, 1000);
    CHECK_EQ(effective_caps(), 0);
    CHECK_ERRNO(setuid(0), EPERM);
    OK(setuid(1000));
}

TEST(effective_comes_back_from_saved) {
    need_root();
    OK(setresuid(1000, 1001, 0));
    expect_uids(1000, 1001, 0);
    CHECK_EQ(effective_caps(), 0);
    OK(seteuid(0));
    CHECK(effective_caps() != 0);
    OK(setresuid(-1, 1000, -1));
    expect_uids(1000, 1000, 0);
    OK(setresuid(-1, -1, 1000));
    CHECK_ERRNO(seteuid(0), EPERM);
    CHECK_ERRNO(setresuid(5, -1, -1), EPERM);
}

TEST(setreuid_moves_saved) {
    need_root();
    OK(setreuid(1000, 1001));
    expect_uids(1000, 1001, 1001);
    OK(setreuid(1001, 1000));
    expect_uids(1001, 1000, 1000);
    CHECK_ERRNO(setreuid(0, -1), EPERM);
}

TEST(groups) {
    need_root();
    gid_t list[3] = {30, 10, 20}, got[8];
    OK(setgroups(3, list));
    CHECK_EQ(getgroups(0, NULL), 3);
    CHECK_EQ(getgroups(8, got), 3);
    CHECK_ERRNO(getgroups(2, got), EINVAL);
    OK(setresgid(100, 101, 102));
    gid_t r, e, s;
    OK(getresgid(&r, &e, &s));
    CHECK(r == 100 && e == 101 && s == 102);
    OK(setuid(1000));
    CHECK_ERRNO(setgroups(1, list), EPERM);
    OK(setgid(102));
    CHECK_EQ(getegid(), 102);
    CHECK_ERRNO(setgid(55), EPERM);
}

TEST(fsuid) {
    need_root();
    CHECK_EQ(setfsuid(1000), 0);
    CHECK_EQ(setfsuid(-1), 1000);
    write_text("f", "");
    struct stat st;
    OK(stat("f", &st));
    CHECK_EQ(st.st_uid, 1000);
    OK(seteuid(1001));
    CHECK_EQ(setfsuid(-1), 1001);
}

TEST(threads_have_their_own_raw_ids) {
    need_root();
    reap(FORK(syscall(SYS_setresuid, 1000, 1000, 1000); expect_uids(1000, 1000, 1000)));
    expect_uids(0, 0, 0);
}

TEST(keepcaps) {
    need_root();
    OK(prctl(PR_SET_KEEPCAPS, 1));
    OK(setresuid(1000, 1000, 1000));
    CHECK_EQ(effective_caps(), 0);
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct data[2];
    OK(syscall(SYS_capget, &header, data));
    CHECK(data[0].permitted & (1u << CAP_SETUID));
    data[0].effective = 1u << CAP_SETUID;
    data[1].effective = 0;
    OK(syscall(SYS_capset, &header, data));
    OK(setresuid(0, 0, 0));
}

TEST(capset_rules) {
    need_root();
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct data[2] = {{0}};
    data[0].effective = data[0].permitted = 1u << CAP_CHOWN;
    OK(syscall(SYS_capset, &header, data));
    data[0].permitted |= 1u << CAP_KILL;
    CHECK_ERRNO(syscall(SYS_capset, &header, data), EPERM);
    data[0].permitted = 0;
    CHECK_ERRNO(syscall(SYS_capset, &header, data), EPERM);
    header.version = 5;
    CHECK_ERRNO(syscall(SYS_capget, &header, data), EINVAL);
    CHECK_EQ(header.version, _LINUX_CAPABILITY_VERSION_3);
}

TEST(bounding_and_ambient) {
    need_root();
    CHECK_EQ(prctl(PR_CAPBSET_READ, CAP_KILL), 1);
    OK(prctl(PR_CAPBSET_DROP, CAP_KILL));
    CHECK_EQ(prctl(PR_CAPBSET_READ, CAP_KILL), 0);
    CHECK_ERRNO(prctl(PR_CAPBSET_READ, 64), EINVAL);
    CHECK_ERRNO(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_CHOWN, 0, 0), EPERM);
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct data[2];
    OK(syscall(SYS_capget, &header, data));
    data[0].inheritable |= 1u << CAP_CHOWN;
    OK(syscall(SYS_capset, &header, data));
    OK(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_CHOWN, 0, 0));
    CHECK_EQ(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, CAP_CHOWN, 0, 0), 1);
}

TEST(ambient_survives_exec) {
    need_root();
    OK(prctl(PR_SET_KEEPCAPS, 1));
    OK(setresuid(1000, 1000, 1000));
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct data[2];
    OK(syscall(SYS_capget, &header, data));
    data[0].inheritable |= 1u << CAP_CHOWN;
    OK(syscall(SYS_capset, &header, data));
    OK(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_CHOWN, 0, 0));
    reap(FORK(execlp("sh", "sh", "-c", "grep -q 'CapEff:.*0000000000000001$' /proc/self/status", NULL)));
}

TEST(root_gains_all_at_exec) {
    need_root();
    reap(FORK(execlp("sh", "sh", "-c", "test $(sed -n 's/CapEff:.//p' /proc/self/status) != 0000000000000000", NULL)));
    OK(prctl(PR_SET_SECUREBITS, SECBIT_NOROOT));
    CHECK_EQ(prctl(PR_GET_SECUREBITS), SECBIT_NOROOT);
    reap(FORK(execlp("sh", "sh", "-c", "test $(sed -n 's/CapEff:.//p' /proc/self/status) = 0000000000000000", NULL)));
}

TEST(no_new_privs) {
    CHECK_EQ(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), 0);
    CHECK_ERRNO(prctl(PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0), EINVAL);
    OK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
    reap(FORK(CHECK_EQ(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), 1)));
    CHECK_EQ(field_of("/proc/self/status", "NoNewPrivs"), 1);
}

TEST(status_file_tells) {
    need_root();
    OK(setresgid(7, 8, 9));
    OK(setresuid(4, 5, 0));
    char *text = read_text("/proc/self/status");
    CHECK(strstr(text, "Uid:\t4\t5\t0\t5\n"));
    CHECK(strstr(text, "Gid:\t7\t8\t9\t8\n"));
}
