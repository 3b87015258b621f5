// Yama: restrictions of ptrace(2) beyond rights. These tests change a setting of the machine, and put it back.
#include "trace.h"

#define SCOPE "/proc/sys/kernel/yama/ptrace_scope"

static void with_scope(const char *scope, void (*body)(void)) {
    if (access(SCOPE, W_OK) != 0) SKIP("no Yama");
    char before[16] = "";
    int fd = OK(open(SCOPE, O_RDWR));
    CHECK(OK(read(fd, before, sizeof before - 1)) > 0);
    if (pwrite(fd, scope, 1, 0) < 0) SKIP("the setting cannot be changed");
    pid_t pid = FORK(body());
    int status = status_of(pid);
    CHECK_EQ(pwrite(fd, before, strlen(before), 0), strlen(before));
    CHECK_EQ(status, 0);
}

static void become_user(void) {
    OK(setresgid(1000, 1000, 1000));
    OK(setresuid(1000, 1000, 1000));
    OK(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0));
}

static bool can_seize(pid_t pid) {
    if (request(PTRACE_SEIZE, pid, 0, 0) < 0) {
        CHECK_EQ(errno, EPERM);
        return false;
    }
    PTRACE(PTRACE_INTERRUPT, pid, 0, 0);
    STOPS(pid, EVENT(STOP));
    PTRACE(PTRACE_DETACH, pid, 0, 0);
    return true;
}

static void restricted(void) {
    become_user();
    volatile pid_t *shared = shared_page();
    pid_t pid = FORK(
        while (!shared[0]) usleep(1000);
        OK(prctl(PR_SET_PTRACER, shared[0], 0, 0, 0));
        shared[1] = 1;
        while (shared[1] == 1) usleep(1000);
        OK(prctl(PR_SET_PTRACER, 0, 0, 0, 0));
        shared[1] = 3;
        while (shared[1] == 3) usleep(1000);
        OK(prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY, 0, 0, 0));
        shared[1] = 5;
        for (;;) pause());
    // A descendant may be traced.
    CHECK(can_seize(pid));
    // A sibling only when it is named.
    pid_t sibling = FORK(
        CHECK(!can_seize(pid));
        shared[0] = getpid();
        WAIT_UNTIL(shared[1] == 1);
        CHECK(can_seize(pid));
        shared[1] = 2;
        WAIT_UNTIL(shared[1] == 3);
        CHECK(!can_seize(pid));
        shared[1] = 4;
        WAIT_UNTIL(shared[1] == 5);
        CHECK(can_seize(pid)));
    reap(sibling);
    CHECK_ERRNO(prctl(PR_SET_PTRACER, 0x7ffffff0, 0, 0, 0), EINVAL);
    kill(pid, SIGKILL);
    dies_by(pid, SIGKILL);
}

TEST(scope_restricted) { with_scope("1", restricted); }

static void admin(void) {
    pid_t pid = FORK(for (;;) pause());
    CHECK(can_seize(pid));
    kill(pid, SIGKILL);
    dies_by(pid, SIGKILL);
    become_user();
    pid = FORK(PTRACE_FAILS(PTRACE_TRACEME, 0, 0, 0, EPERM); for (;;) pause());
    CHECK(!can_seize(pid));
    kill(pid, SIGKILL);
    dies_by(pid, SIGKILL);
}

TEST(scope_admin) { with_scope("2", admin); }
