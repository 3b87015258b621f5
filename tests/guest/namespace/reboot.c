// reboot(2) in a pid namespace: its first process ends as if by a signal. Not tried anywhere else.
#include "../test.h"
#include <linux/reboot.h>

static long reboot(unsigned magic, unsigned command) {
    CHECK_EQ(getpid(), 1);
    return syscall(SYS_reboot, magic, LINUX_REBOOT_MAGIC2, command, NULL);
}

// How the first process of a new namespace ends that does the block.
#define STATUS_OF_INIT(...)                                                                                            \
    ({                                                                                                                 \
        if (unshare(CLONE_NEWPID) < 0 && errno == EPERM) SKIP("no right to make namespaces");                          \
        pid_t init_ = FORK(__VA_ARGS__);                                                                               \
        int status_;                                                                                                   \
        CHECK_EQ(waitpid(init_, &status_, 0), init_);                                                                  \
        status_;                                                                                                       \
    })

static void ask(unsigned command) {
    FORK(pause());
    reboot(LINUX_REBOOT_MAGIC1, command);
    for (;;) pause();
}

TEST(restart_is_a_hang_up) {
    int status = STATUS_OF_INIT(ask(LINUX_REBOOT_CMD_RESTART));
    CHECK(WIFSIGNALED(status));
    CHECK_EQ(WTERMSIG(status), SIGHUP);
}

TEST(power_off_is_an_interrupt) {
    int status = STATUS_OF_INIT(ask(LINUX_REBOOT_CMD_POWER_OFF));
    CHECK(WIFSIGNALED(status));
    CHECK_EQ(WTERMSIG(status), SIGINT);
}

static void refused(void) {
    CHECK_ERRNO(reboot(1, LINUX_REBOOT_CMD_RESTART), EINVAL);
    CHECK_ERRNO(reboot(LINUX_REBOOT_MAGIC1, LINUX_REBOOT_CMD_CAD_ON), EINVAL);
    CHECK_ERRNO(reboot(LINUX_REBOOT_MAGIC1, 0x1234), EINVAL);
    OK(setuid(65534));
    CHECK_ERRNO(reboot(1, LINUX_REBOOT_CMD_RESTART), EPERM);
}

TEST(bad_requests) { CHECK_EQ(STATUS_OF_INIT(refused()), 0); }
