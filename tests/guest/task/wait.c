// wait4(2), waitid(2), zombies, stops, reapers.
#include "../test.h"
#include <sys/prctl.h>

TEST(exit_codes) {
    for (int code = 0; code < 256; code += 51) {
        int status = status_of(FORK(_exit(code)));
        CHECK(WIFEXITED(status));
        CHECK_EQ(WEXITSTATUS(status), code);
    }
    int status = status_of(FORK(_exit(0x1234)));
    CHECK_EQ(WEXITSTATUS(status), 0x34);
}

TEST(killed_by_signal) {
    pid_t pid = FORK(pause());
    kill(pid, SIGKILL);
    int status = status_of(pid);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL && !WCOREDUMP(status));
}

TEST(nohang) {
    int fds[2];
    OK(pipe(fds));
    pid_t pid = FORK(char c; close(fds[1]); read(fds[0], &c, 1));
    int status = 77;
    CHECK_EQ(waitpid(pid, &status, WNOHANG), 0);
    CHECK_EQ(status, 77);
    close(fds[1]);
    reap(pid);
    CHECK_ERRNO(waitpid(pid, &status, WNOHANG), ECHILD);
    CHECK_ERRNO(waitpid(-1, &status, 0), ECHILD);
}

TEST(errors) {
    CHECK_ERRNO(waitpid(getpid(), NULL, 0), ECHILD);
    CHECK_ERRNO(waitpid(1, NULL, 0), ECHILD);
    CHECK_ERRNO(waitpid(-1, NULL, 0x100), EINVAL);
    siginfo_t info;
    CHECK_ERRNO(waitid(P_ALL, 0, &info, 0), EINVAL);
    CHECK_ERRNO(waitid(99, 0, &info, WEXITED), EINVAL);
    CHECK_ERRNO(waitid(P_PID, 0, &info, WEXITED), EINVAL);
    CHECK_ERRNO(waitid(P_PIDFD, -1, &info, WEXITED), EINVAL);
    CHECK_ERRNO(waitid(P_PIDFD, 9999, &info, WEXITED), EBADF);
}

TEST(zombie_stays_until_reaped) {
    pid_t pid = FORK(_exit(3));
    WAIT_UNTIL(state_of(pid) == 'Z');
    OK(kill(pid, 0));
    OK(kill(pid, SIGKILL));
    CHECK_EQ(getpgid(pid), getpgid(0));
    siginfo_t info = {0};
    OK(waitid(P_PID, pid, &info, WEXITED | WNOWAIT));
    CHECK_EQ(info.si_pid, pid);
    CHECK_EQ(info.si_status, 3);
    CHECK_EQ(info.si_code, CLD_EXITED);
    CHECK_EQ(info.si_signo, SIGCHLD);
    CHECK_EQ(WEXITSTATUS(status_of(pid)), 3);
    CHECK_ERRNO(kill(pid, 0), ESRCH);
    CHECK_EQ(state_of(pid), '?');
}

TEST(waitid_codes) {
    siginfo_t info = {0};
    pid_t pid = FORK(pause());
    OK(waitid(P_PID, pid, &info, WEXITED | WNOHANG));
    CHECK_EQ(info.si_pid, 0);
    kill(pid, SIGSTOP);
    OK(waitid(P_PID, pid, &info, WSTOPPED));
    CHECK_EQ(info.si_code, CLD_STOPPED);
    CHECK_EQ(info.si_status, SIGSTOP);
    kill(pid, SIGCONT);
    OK(waitid(P_PID, pid, &info, WCONTINUED));
    CHECK_EQ(info.si_code, CLD_CONTINUED);
    CHECK_EQ(info.si_status, SIGCONT);
    kill(pid, SIGTERM);
    OK(waitid(P_PID, pid, &info, WEXITED));
    CHECK_EQ(info.si_code, CLD_KILLED);
    CHECK_EQ(info.si_status, SIGTERM);
    CHECK_EQ(info.si_uid, getuid());
}

TEST(stop_and_continue_by_waitpid) {
    pid_t pid = FORK(for (;;) pause());
    int status;
    kill(pid, SIGTSTP);
    CHECK_EQ(waitpid(pid, &status, WUNTRACED), pid);
    CHECK(WIFSTOPPED(status) && WSTOPSIG(status) == SIGTSTP);
    CHECK_EQ(waitpid(pid, &status, WUNTRACED | WNOHANG), 0);
    WAIT_UNTIL(state_of(pid) == 'T');
    kill(pid, SIGCONT);
    CHECK_EQ(waitpid(pid, &status, WCONTINUED), pid);
    CHECK(WIFCONTINUED(status));
    kill(pid, SIGSTOP);
    CHECK_EQ(waitpid(pid, &status, WUNTRACED), pid);
    kill(pid, SIGKILL);
    status = status_of(pid);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static volatile sig_atomic_t runs, last_code;
static void on_child(int number, siginfo_t *info, void *context) {
    (void)number, (void)context;
    runs++;
    last_code = info->si_code;
}

TEST(sigchld_for_stops_unless_nocldstop) {
    struct sigaction action = {.sa_sigaction = on_child, .sa_flags = SA_SIGINFO};
    OK(sigaction(SIGCHLD, &action, NULL));
    pid_t pid = FORK(for (;;) pause());
    kill(pid, SIGSTOP);
    WAIT_UNTIL(runs == 1);
    CHECK_EQ(last_code, CLD_STOPPED);
    kill(pid, SIGCONT);
    WAIT_UNTIL(runs == 2);
    CHECK_EQ(last_code, CLD_CONTINUED);
    action.sa_flags |= SA_NOCLDSTOP;
    OK(sigaction(SIGCHLD, &action, NULL));
    int status;
    kill(pid, SIGSTOP);
    CHECK_EQ(waitpid(pid, &status, WUNTRACED), pid);
    CHECK_EQ(runs, 2);
    kill(pid, SIGKILL);
    WAIT_UNTIL(runs == 3);
    CHECK_EQ(last_code, CLD_KILLED);
    status_of(pid);
}

TEST(ignored_sigchld_reaps) {
    signal(SIGCHLD, SIG_IGN);
    pid_t pid = FORK(_exit(1));
    CHECK_ERRNO(waitpid(pid, NULL, 0), ECHILD);
    CHECK_ERRNO(kill(pid, 0), ESRCH);
    struct sigaction action = {.sa_sigaction = on_child, .sa_flags = SA_SIGINFO | SA_NOCLDWAIT};
    OK(sigaction(SIGCHLD, &action, NULL));
    pid = FORK(_exit(1));
    int got;
    do got = waitpid(pid, NULL, 0);
    while (got < 0 && errno == EINTR);
    CHECK_EQ(got, -1);
    CHECK_EQ(errno, ECHILD);
    CHECK_EQ(runs, 1);
}

TEST(by_process_group) {
    pid_t one = FORK(setpgid(0, 0); pause()), two = FORK(_exit(5));
    setpgid(one, one);
    int status;
    CHECK_EQ(waitpid(0, &status, 0), two);
    CHECK_ERRNO(waitpid(0, &status, WNOHANG), ECHILD);
    CHECK_EQ(waitpid(-one, &status, WNOHANG), 0);
    OK(kill(-one, SIGKILL));
    CHECK_EQ(waitpid(-one, &status, 0), one);
}

TEST(orphans_go_to_the_subreaper) {
    OK(prctl(PR_SET_CHILD_SUBREAPER, 1));
    int is_reaper = 0;
    OK(prctl(PR_GET_CHILD_SUBREAPER, &is_reaper));
    CHECK_EQ(is_reaper, 1);
    volatile pid_t *seen = shared_page();
    pid_t middle = FORK(pid_t before = getpid(); FORK(seen[0] = getpid(); WAIT_UNTIL(getppid() != before);
                                                      seen[1] = getppid(); _exit(9)));
    reap(middle);
    int status;
    pid_t orphan = OK(waitpid(-1, &status, 0));
    CHECK_EQ(orphan, seen[0]);
    CHECK_EQ(seen[1], getpid());
    CHECK_EQ(WEXITSTATUS(status), 9);
}

TEST(orphaned_zombie_goes_too) {
    OK(prctl(PR_SET_CHILD_SUBREAPER, 1));
    pid_t middle = FORK(pid_t p = FORK(_exit(4)); WAIT_UNTIL(state_of(p) == 'Z'));
    reap(middle);
    int status;
    OK(waitpid(-1, &status, 0));
    CHECK_EQ(WEXITSTATUS(status), 4);
    CHECK_ERRNO(waitpid(-1, &status, 0), ECHILD);
}

static void *wait_for_any(void *argument) {
    int status;
    pid_t got = waitpid(-1, &status, 0);
    *(pid_t *)argument = got;
    return NULL;
}

TEST(any_thread_reaps_children_of_another) {
    int fds[2];
    OK(pipe(fds));
    pid_t pid = FORK(char c; close(fds[1]); read(fds[0], &c, 1)), got = 0;
    pthread_t thread = start_thread(wait_for_any, &got);
    close(fds[1]);
    join_thread(thread);
    CHECK_EQ(got, pid);
}

TEST(wnothread_sees_only_own_children) {
    pid_t pid = FORK(pause());
    CHECK_EQ(waitpid(pid, NULL, WNOHANG | __WNOTHREAD), 0);
    kill(pid, SIGKILL);
    CHECK_EQ(waitpid(pid, NULL, __WNOTHREAD), pid);
}

TEST(rusage_of_children) {
    struct rusage usage;
    pid_t pid = FORK(for (volatile long i = 0; i < 60000000; i++));
    int status;
    CHECK_EQ(wait4(pid, &status, 0, &usage), pid);
    long us = usage.ru_utime.tv_sec * 1000000 + usage.ru_utime.tv_usec;
    CHECK(us > 10000);
    struct rusage all;
    OK(getrusage(RUSAGE_CHILDREN, &all));
    CHECK(all.ru_utime.tv_sec * 1000000 + all.ru_utime.tv_usec >= us);
    CHECK(all.ru_maxrss > 100);
}

TEST(three_generations_in_order) {
    for (int round = 0; round < 50; round++)
        reap(FORK(reap(FORK(reap(FORK(_exit(0)))))));
}

TEST(many_children_each_reaped_once) {
    enum { N = 100 };
    bool seen[N] = {0};
    for (int i = 0; i < N; i++) FORK(_exit(i));
    for (int i = 0; i < N; i++) {
        int status;
        OK(wait(&status));
        CHECK(!seen[WEXITSTATUS(status)]);
        seen[WEXITSTATUS(status)] = true;
    }
    CHECK_ERRNO(wait(NULL), ECHILD);
}

TEST(pidfd_polls_and_waits) {
    int fds[2];
    OK(pipe(fds));
    pid_t pid = FORK(char c; close(fds[1]); read(fds[0], &c, 1); _exit(6));
    int fd = OK(syscall(SYS_pidfd_open, pid, 0));
    CHECK_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
    struct pollfd p = {fd, POLLIN, 0};
    CHECK_EQ(poll(&p, 1, 0), 0);
    OK(syscall(SYS_pidfd_send_signal, fd, 0, NULL, 0));
    close(fds[1]);
    CHECK_EQ(poll(&p, 1, 5000), 1);
    siginfo_t info;
    OK(waitid(P_PIDFD, fd, &info, WEXITED));
    CHECK_EQ(info.si_status, 6);
    CHECK_ERRNO(syscall(SYS_pidfd_send_signal, fd, 0, NULL, 0), ESRCH);
}

TEST(directory_of_proc_is_a_pidfd) {
    pid_t pid = FORK(pause());
    char path[32];
    snprintf(path, sizeof path, "/proc/%d", pid);
    int fd = OK(open(path, O_RDONLY | O_DIRECTORY)), below = OK(openat(fd, "fd", O_RDONLY | O_DIRECTORY));
    CHECK_ERRNO(syscall(SYS_pidfd_send_signal, below, SIGTERM, NULL, 0), EBADF);
    OK(syscall(SYS_pidfd_send_signal, fd, SIGTERM, NULL, 0));
    int status;
    CHECK_EQ(waitpid(pid, &status, 0), pid);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
    CHECK_ERRNO(syscall(SYS_pidfd_send_signal, fd, SIGTERM, NULL, 0), ESRCH);
}

TEST(parent_death_signal) {
    volatile int *flag = shared_page();
    OK(prctl(PR_SET_CHILD_SUBREAPER, 1));
    pid_t middle = FORK(FORK(OK(prctl(PR_SET_PDEATHSIG, SIGUSR1)); *flag = 1; pause()); WAIT_UNTIL(*flag));
    reap(middle);
    int status;
    OK(wait(&status));
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGUSR1);
}

// Touches 24 MiB and gives them up again.
static void use_memory(void) {
    size_t len = 24 << 20;
    char *memory = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(memory != MAP_FAILED);
    memset(memory, 1, len);
    OK(munmap(memory, len));
}

static long max_resident_kib(int who) {
    struct rusage usage;
    OK(getrusage(who, &usage));
    return usage.ru_maxrss;
}

TEST(most_resident_memory_is_a_peak) {
    int status;
    struct rusage usage;
    pid_t pid = FORK(reap(FORK(use_memory(); CHECK(max_resident_kib(RUSAGE_SELF) >= 24 << 10))));
    CHECK_EQ(wait4(pid, &status, 0, &usage), pid);
    CHECK_EQ(status, 0);
    CHECK(usage.ru_maxrss >= 24 << 10 && usage.ru_maxrss < 64 << 10);
    long children = max_resident_kib(RUSAGE_CHILDREN);
    CHECK(children >= 24 << 10 && children < 64 << 10);
}

TEST(most_resident_memory_outlasts_exec) {
    int status;
    struct rusage usage;
    pid_t pid = FORK(use_memory(); execl("/bin/true", "true", NULL));
    CHECK_EQ(wait4(pid, &status, 0, &usage), pid);
    CHECK_EQ(status, 0);
    CHECK(usage.ru_maxrss >= 24 << 10);
}

TEST(most_resident_memory_of_many_children) {
    for (int i = 0; i < 200; i++) reap(FORK(if (i == 3) use_memory()));
    CHECK(max_resident_kib(RUSAGE_CHILDREN) >= 24 << 10);
}
