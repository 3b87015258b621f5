// Waiting for signals: sigsuspend, pause, sigwaitinfo, sigtimedwait, signalfd; masks of ppoll, pselect, epoll_pwait.
#include "../test.h"
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/signalfd.h>

static volatile sig_atomic_t runs;
static void count(int number) {
    (void)number;
    runs++;
}

static sigset_t set_of(int number) {
    sigset_t set;
    sigemptyset(&set);
    if (number) sigaddset(&set, number);
    return set;
}

TEST(sigsuspend_takes_a_pending_signal) {
    handle(SIGUSR1, count, 0);
    block_signal(SIGUSR1);
    raise(SIGUSR1);
    sigset_t open = set_of(0), after;
    CHECK_ERRNO(sigsuspend(&open), EINTR);
    CHECK_EQ(runs, 1);
    pthread_sigmask(SIG_BLOCK, NULL, &after);
    CHECK(sigismember(&after, SIGUSR1));
}

TEST(sigsuspend_waits) {
    handle(SIGUSR1, count, 0);
    block_signal(SIGUSR1);
    sigset_t open = set_of(0);
    pid_t me = getpid();
    pid_t child = FORK(wait_asleep(me); kill(me, SIGUSR1));
    CHECK_ERRNO(sigsuspend(&open), EINTR);
    CHECK_EQ(runs, 1);
    reap(child);
}

TEST(pause_waits) {
    handle(SIGUSR1, count, SA_RESTART);
    pid_t me = getpid();
    pid_t child = FORK(wait_asleep(me); kill(me, SIGUSR1));
    CHECK_ERRNO(pause(), EINTR);
    reap(child);
}

TEST(sigwaitinfo_takes_without_a_handler) {
    handle(SIGUSR1, count, 0);
    block_signal(SIGUSR1);
    kill(getpid(), SIGUSR1);
    sigset_t set = set_of(SIGUSR1);
    siginfo_t info;
    CHECK_EQ(sigwaitinfo(&set, &info), SIGUSR1);
    CHECK_EQ(info.si_signo, SIGUSR1);
    CHECK_EQ(info.si_code, SI_USER);
    CHECK_EQ(info.si_pid, getpid());
    CHECK_EQ(runs, 0);
}

TEST(sigwaitinfo_blocks_until_sent) {
    block_signal(SIGRTMIN);
    pid_t me = getpid();
    pid_t child = FORK(wait_asleep(me); sigqueue(me, SIGRTMIN, (union sigval){.sival_int = 5}));
    sigset_t set = set_of(SIGRTMIN);
    siginfo_t info;
    CHECK_EQ(sigwaitinfo(&set, &info), SIGRTMIN);
    CHECK_EQ(info.si_int, 5);
    reap(child);
}

TEST(sigtimedwait_times_out) {
    sigset_t set = set_of(SIGUSR1);
    struct timespec zero = {0, 0}, some = {0, 30000000}, bad = {0, 1000000000};
    CHECK_ERRNO(sigtimedwait(&set, NULL, &zero), EAGAIN);
    int64_t start = now_ms();
    CHECK_ERRNO(sigtimedwait(&set, NULL, &some), EAGAIN);
    CHECK(now_ms() - start >= 29);
    CHECK_ERRNO(sigtimedwait(&set, NULL, &bad), EINVAL);
}

TEST(sigtimedwait_ends_on_another_signal) {
    handle(SIGUSR2, count, SA_RESTART);
    block_signal(SIGUSR1);
    sigset_t set = set_of(SIGUSR1);
    pid_t me = getpid();
    pid_t child = FORK(wait_asleep(me); kill(me, SIGUSR2));
    CHECK_ERRNO(sigwaitinfo(&set, NULL), EINTR);
    CHECK_EQ(runs, 1);
    reap(child);
}

TEST(signalfd_reads_in_order) {
    block_signal(SIGUSR1);
    block_signal(SIGRTMIN);
    sigset_t set = set_of(SIGUSR1);
    sigaddset(&set, SIGRTMIN);
    int fd = OK(signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC));
    CHECK_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
    struct signalfd_siginfo info[4];
    CHECK_ERRNO(read(fd, info, sizeof info), EAGAIN);
    CHECK_ERRNO(read(fd, info, 8), EINVAL);
    struct pollfd p = {fd, POLLIN, 0};
    CHECK_EQ(poll(&p, 1, 0), 0);
    sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_int = 1});
    sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_int = 2});
    raise(SIGUSR1);
    CHECK_EQ(poll(&p, 1, 1000), 1);
    CHECK_EQ(p.revents, POLLIN);
    CHECK_EQ(read(fd, info, sizeof info), 3 * sizeof *info);
    CHECK_EQ(info[0].ssi_signo, SIGUSR1);
    CHECK_EQ(info[1].ssi_signo, SIGRTMIN);
    CHECK_EQ(info[1].ssi_int, 1);
    CHECK_EQ(info[1].ssi_pid, getpid());
    CHECK_EQ(info[2].ssi_int, 2);
    CHECK_EQ(poll(&p, 1, 0), 0);
}

TEST(signalfd_wakes_a_reader_and_epoll) {
    block_signal(SIGUSR1);
    sigset_t set = set_of(SIGUSR1);
    int fd = OK(signalfd(-1, &set, 0)), ep = OK(epoll_create1(0));
    struct epoll_event event = {EPOLLIN, {.u32 = 9}};
    OK(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &event));
    pid_t me = getpid();
    pid_t child = FORK(wait_asleep(me); kill(me, SIGUSR1));
    CHECK_EQ(epoll_wait(ep, &event, 1, 5000), 1);
    CHECK_EQ(event.data.u32, 9);
    struct signalfd_siginfo info;
    CHECK_EQ(read(fd, &info, sizeof info), sizeof info);
    CHECK_EQ(info.ssi_pid, child);
    reap(child);
}

TEST(signalfd_change_of_mask) {
    block_signal(SIGUSR1);
    block_signal(SIGUSR2);
    sigset_t one = set_of(SIGUSR1), two = set_of(SIGUSR2);
    int fd = OK(signalfd(-1, &one, SFD_NONBLOCK));
    raise(SIGUSR2);
    struct signalfd_siginfo info;
    CHECK_ERRNO(read(fd, &info, sizeof info), EAGAIN);
    CHECK_EQ(signalfd(fd, &two, 0), fd);
    CHECK_EQ(read(fd, &info, sizeof info), sizeof info);
    CHECK_ERRNO(signalfd(0, &two, 0), EINVAL);
    CHECK_ERRNO(signalfd(-1, &two, 1), EINVAL);
}

// The mask of the call applies atomically: a pending signal ends it, and is blocked again afterwards.
#define PENDING_ENDS(call)                                                                                             \
    do {                                                                                                               \
        handle(SIGUSR1, count, SA_RESTART);                                                                            \
        block_signal(SIGUSR1);                                                                                         \
        raise(SIGUSR1);                                                                                                \
        sigset_t open = set_of(0), after;                                                                              \
        CHECK_ERRNO(call, EINTR);                                                                                      \
        CHECK_EQ(runs, 1);                                                                                             \
        pthread_sigmask(SIG_BLOCK, NULL, &after);                                                                      \
        CHECK(sigismember(&after, SIGUSR1));                                                                           \
    } while (0)

TEST(ppoll_mask) { PENDING_ENDS(ppoll(NULL, 0, NULL, &open)); }
TEST(pselect_mask) { PENDING_ENDS(pselect(0, NULL, NULL, NULL, NULL, &open)); }
TEST(epoll_pwait_mask) {
    int ep = OK(epoll_create1(0));
    struct epoll_event event;
    PENDING_ENDS(epoll_pwait(ep, &event, 1, -1, &open));
}

TEST(ready_ppoll_keeps_the_signal_pending) {
    handle(SIGUSR1, count, 0);
    block_signal(SIGUSR1);
    raise(SIGUSR1);
    int fds[2];
    OK(pipe(fds));
    OK(write(fds[1], "x", 1));
    struct pollfd p = {fds[0], POLLIN, 0};
    sigset_t open = set_of(0), pending;
    struct timespec zero = {0, 0};
    CHECK_EQ(ppoll(&p, 1, &zero, &open), 1);
    sigpending(&pending);
    CHECK(sigismember(&pending, SIGUSR1));
    CHECK_EQ(runs, 0);
}

TEST(sigpipe_and_epipe) {
    handle(SIGPIPE, count, 0);
    int fds[2];
    OK(pipe(fds));
    close(fds[0]);
    CHECK_ERRNO(write(fds[1], "x", 1), EPIPE);
    CHECK_EQ(runs, 1);
    signal(SIGPIPE, SIG_IGN);
    CHECK_ERRNO(write(fds[1], "x", 1), EPIPE);
}

TEST(sigio_on_a_pipe) {
    handle(SIGIO, count, 0);
    int fds[2];
    OK(pipe(fds));
    OK(fcntl(fds[0], F_SETOWN, getpid()));
    CHECK_EQ(fcntl(fds[0], F_GETOWN), getpid());
    OK(fcntl(fds[0], F_SETFL, O_ASYNC | O_NONBLOCK));
    OK(write(fds[1], "x", 1));
    CHECK_EQ(runs, 1);
}

static volatile int got_fd, got_code;
static void note(int number, siginfo_t *info, void *context) {
    (void)number, (void)context;
    got_fd = info->si_fd;
    got_code = info->si_code;
    runs++;
}

TEST(queued_signal_tells_the_file) {
    struct sigaction action = {.sa_sigaction = note, .sa_flags = SA_SIGINFO | SA_RESTART};
    OK(sigaction(SIGRTMIN + 1, &action, NULL));
    int fds[2];
    OK(pipe(fds));
    struct f_owner_ex owner = {F_OWNER_TID, my_tid()};
    OK(fcntl(fds[0], F_SETOWN_EX, &owner));
    OK(fcntl(fds[0], F_SETSIG, SIGRTMIN + 1));
    CHECK_EQ(fcntl(fds[0], F_GETSIG), SIGRTMIN + 1);
    OK(fcntl(fds[0], F_SETFL, O_ASYNC));
    OK(write(fds[1], "x", 1));
    CHECK_EQ(runs, 1);
    CHECK_EQ(got_fd, fds[0]);
    CHECK_EQ(got_code, POLL_IN);
    OK(fcntl(fds[0], F_SETFL, 0));
    OK(write(fds[1], "x", 1));
    usleep(50000);
    CHECK_EQ(runs, 1);
}

TEST(owner_must_exist) {
    int fds[2];
    OK(pipe(fds));
    pid_t gone = FORK(_exit(0));
    reap(gone);
    CHECK_ERRNO(fcntl(fds[0], F_SETOWN, gone), ESRCH);
    CHECK_ERRNO(fcntl(fds[0], F_SETSIG, 65), EINVAL);
    OK(fcntl(fds[0], F_SETOWN, -getpgrp()));
    struct f_owner_ex owner;
    OK(fcntl(fds[0], F_GETOWN_EX, &owner));
    CHECK_EQ(owner.type, F_OWNER_PGRP);
    CHECK_EQ(owner.pid, getpgrp());
    OK(fcntl(fds[0], F_SETOWN, 0));
    CHECK_EQ(fcntl(fds[0], F_GETOWN), 0);
}
