// Processes that are gone: their numbers may be another's, they themselves are nobody's.
#include "../test.h"
#include <sys/prctl.h>

TEST(descriptors_do_not_reach_the_next_of_a_number) {
    pid_t child = FORK(pause());
    int old = OK(syscall(SYS_pidfd_open, child, 0));
    char path[32];
    snprintf(path, sizeof path, "/proc/%d", child);
    int dir = OK(open(path, O_RDONLY | O_DIRECTORY));
    kill(child, SIGKILL);
    status_of(child);
    pid_t next = 0;
    for (int i = 0; i < 20 && next != child; i++) {
        if (next) {
            kill(next, SIGKILL);
            status_of(next);
        }
        char number[32];
        snprintf(number, sizeof number, "%d", child - 1);
        int fd = open("/proc/sys/kernel/ns_last_pid", O_WRONLY);
        if (fd < 0 || write(fd, number, strlen(number)) < 0) SKIP("ns_last_pid cannot be set");
        close(fd);
        next = FORK(pause());
    }
    if (next != child) SKIP("the number was taken");
    CHECK_ERRNO(syscall(SYS_pidfd_send_signal, old, SIGKILL, NULL, 0), ESRCH);
    CHECK_ERRNO(syscall(SYS_pidfd_send_signal, dir, SIGKILL, NULL, 0), ESRCH);
    CHECK_ERRNO(openat(dir, "status", O_RDONLY), ESRCH);
    CHECK_EQ(kill(next, 0), 0);
    kill(next, SIGKILL);
    CHECK(WIFSIGNALED(status_of(next)));
}
