// ptrace(2): stops of signals and of job control, waiting for them.
#include "trace.h"

static volatile int caught;
static siginfo_t caught_info;
static void catch(int number) { caught = number; }
static void catch_info(int number, siginfo_t *info, void *context) {
    (void)context;
    caught = number;
    caught_info = *info;
}

TEST(suppressed) {
    pid_t pid = TRACED(handle(SIGUSR1, catch, 0); raise(SIGUSR1); _exit(caught));
    STOPS(pid, SIGSTOP);
    go_on(pid, PTRACE_CONT, 0);
    STOPS(pid, SIGUSR1);
    go_on(pid, PTRACE_CONT, 0);
    exits_with(pid, 0);
}

TEST(delivered) {
    pid_t pid = TRACED(handle(SIGUSR1, catch, 0); raise(SIGUSR1); _exit(caught));
    STOPS(pid, SIGSTOP);
    go_on(pid, PTRACE_CONT, 0);
    STOPS(pid, SIGUSR1);
    siginfo_t info = info_of(pid);
    CHECK_EQ(info.si_code, SI_TKILL);
    CHECK_EQ(info.si_pid, pid);
    go_on(pid, PTRACE_CONT, SIGUSR1);
    exits_with(pid, SIGUSR1);
}

TEST(replaced) {
    pid_t pid = TRACED(
        struct sigaction action = {.sa_sigaction = catch_info, .sa_flags = SA_SIGINFO};
        OK(sigaction(SIGUSR2, &action, NULL));
        raise(SIGUSR1);
        CHECK_EQ(caught_info.si_code, SI_USER);
        CHECK_EQ(caught_info.si_pid, getppid());
        _exit(caught));
    STOPS(pid, SIGSTOP);
    go_on(pid, PTRACE_CONT, 0);
    STOPS(pid, SIGUSR1);
    go_on(pid, PTRACE_CONT, SIGUSR2);
    exits_with(pid, SIGUSR2);
}

TEST(information_replaced) {
    pid_t pid = TRACED(
        struct sigaction action = {.sa_sigaction = catch_info, .sa_flags = SA_SIGINFO};
        OK(sigaction(SIGUSR1, &action, NULL));
        raise(SIGUSR1);
        CHECK_EQ(caught_info.si_code, SI_QUEUE);
        CHECK_EQ(caught_info.si_value.sival_int, 4711);
        _exit(caught));
    STOPS(pid, SIGSTOP);
    go_on(pid, PTRACE_CONT, 0);
    STOPS(pid, SIGUSR1);
    siginfo_t info = info_of(pid);
    info.si_code = SI_QUEUE;
    info.si_value.sival_int = 4711;
    PTRACE(PTRACE_SETSIGINFO, pid, 0, &info);
    go_on(pid, PTRACE_CONT, SIGUSR1);
    exits_with(pid, SIGUSR1);
}

TEST(deadly_and_ignored_ones_are_seen) {
    pid_t pid = TRACED(signal(SIGTERM, SIG_IGN); raise(SIGTERM); raise(SIGCHLD); raise(SIGWINCH); raise(SIGALRM));
    STOPS(pid, SIGSTOP);
    int expected[] = {SIGTERM, SIGCHLD, SIGWINCH, SIGALRM};
    for (int i = 0; i < 4; i++) {
        go_on(pid, PTRACE_CONT, i == 1 ? SIGTERM : 0);
        STOPS(pid, expected[i]);
    }
    go_on(pid, PTRACE_CONT, SIGALRM);
    dies_by(pid, SIGALRM);
}

TEST(injected_at_a_group_stop_is_ignored) {
    pid_t pid = TRACED(_exit(3));
    STOPS(pid, SIGSTOP);
    // The signal: the process stops.
    go_on(pid, PTRACE_CONT, SIGSTOP);
    STOPS(pid, SIGSTOP);
    siginfo_t info;
    PTRACE_FAILS(PTRACE_GETSIGINFO, pid, 0, &info, EINVAL);
    PTRACE_FAILS(PTRACE_SETSIGINFO, pid, 0, &info, EINVAL);
    CHECK_EQ(state_of(pid), 't');
    go_on(pid, PTRACE_CONT, SIGTERM);
    exits_with(pid, 3);
}

TEST(group_stop_of_a_seized_one) {
    pid_t pid = FORK(for (;;) pause());
    PTRACE(PTRACE_SEIZE, pid, 0, 0);
    kill(pid, SIGSTOP);
    STOPS(pid, SIGSTOP);
    CHECK_EQ(info_of(pid).si_code, SI_USER);
    go_on(pid, PTRACE_CONT, SIGSTOP);
    int stopped = SIGSTOP | PTRACE_EVENT_STOP << 8;
    STOPS(pid, stopped);
    CHECK_EQ(info_of(pid).si_code, SIGSTOP | PTRACE_EVENT_STOP << 8);
    // It stays stopped, and yet says when that is over.
    PTRACE(PTRACE_LISTEN, pid, 0, 0);
    PTRACE_FAILS(PTRACE_CONT, pid, 0, 0, ESRCH);
    int status;
    usleep(10000);
    CHECK_EQ(waitpid(pid, &status, WNOHANG), 0);
    CHECK_EQ(state_of(pid), 't');
    kill(pid, SIGCONT);
    STOPS(pid, EVENT(STOP));
    go_on(pid, PTRACE_CONT, 0);
    STOPS(pid, SIGCONT);
    go_on(pid, PTRACE_CONT, SIGCONT);
    wait_asleep(pid);
    kill_tracee(pid);
}

TEST(interrupt_ends_listening) {
    pid_t pid = FORK(for (;;) pause());
    PTRACE(PTRACE_SEIZE, pid, 0, 0);
    PTRACE(PTRACE_INTERRUPT, pid, 0, 0);
    STOPS(pid, EVENT(STOP));
    PTRACE(PTRACE_LISTEN, pid, 0, 0);
    PTRACE(PTRACE_INTERRUPT, pid, 0, 0);
    STOPS(pid, EVENT(STOP));
    // In a stop for a signal there is nothing to listen for.
    kill(pid, SIGUSR1);
    go_on(pid, PTRACE_CONT, 0);
    STOPS(pid, SIGUSR1);
    PTRACE_FAILS(PTRACE_LISTEN, pid, 0, 0, EIO);
    kill_tracee(pid);
}

TEST(continued_while_stopped) {
    // SIGCONT does not let a tracee go on that is stopped for its tracer.
    pid_t pid = TRACED(_exit(4));
    STOPS(pid, SIGSTOP);
    kill(pid, SIGCONT);
    usleep(10000);
    CHECK_EQ(state_of(pid), 't');
    go_on(pid, PTRACE_CONT, 0);
    STOPS(pid, SIGCONT);
    go_on(pid, PTRACE_CONT, SIGCONT);
    exits_with(pid, 4);
}

static volatile int chld_code, chld_status, chld_pid;
static void note_child(int number, siginfo_t *info, void *context) {
    (void)number, (void)context;
    chld_code = info->si_code;
    chld_status = info->si_status;
    chld_pid = info->si_pid;
}

TEST(sigchld) {
    struct sigaction action = {.sa_sigaction = note_child, .sa_flags = SA_SIGINFO | SA_RESTART};
    OK(sigaction(SIGCHLD, &action, NULL));
    pid_t pid = TRACED(raise(SIGUSR1); _exit(9));
    STOPS(pid, SIGSTOP);
    WAIT_UNTIL(chld_code != 0);
    CHECK_EQ(chld_code, CLD_TRAPPED);
    CHECK_EQ(chld_status, SIGSTOP);
    CHECK_EQ(chld_pid, pid);
    chld_code = 0;
    go_on(pid, PTRACE_CONT, SIGSTOP);
    STOPS(pid, SIGSTOP);
    WAIT_UNTIL(chld_code != 0);
    CHECK_EQ(chld_code, CLD_STOPPED);
    CHECK_EQ(chld_status, SIGSTOP);
    chld_code = 0;
    go_on(pid, PTRACE_CONT, 0);
    STOPS(pid, SIGUSR1);
    WAIT_UNTIL(chld_code != 0);
    CHECK_EQ(chld_code, CLD_TRAPPED);
    CHECK_EQ(chld_status, SIGUSR1);
    chld_code = 0;
    go_on(pid, PTRACE_CONT, 0);
    exits_with(pid, 9);
    WAIT_UNTIL(chld_code != 0);
    CHECK_EQ(chld_code, CLD_EXITED);
}

TEST(waitid) {
    pid_t pid = TRACED(_exit(2));
    siginfo_t info = {0};
    OK(waitid(P_PID, pid, &info, WSTOPPED | WNOWAIT));
    CHECK_EQ(info.si_code, CLD_TRAPPED);
    CHECK_EQ(info.si_status, SIGSTOP);
    CHECK_EQ(info.si_pid, pid);
    // Neither flag is needed: stops for the tracer are told with WEXITED alone.
    memset(&info, 0, sizeof info);
    OK(waitid(P_PID, pid, &info, WEXITED));
    CHECK_EQ(info.si_code, CLD_TRAPPED);
    memset(&info, 0, sizeof info);
    CHECK_EQ(waitid(P_PID, pid, &info, WEXITED | WSTOPPED | WNOHANG), 0);
    CHECK_EQ(info.si_pid, 0);
    go_on(pid, PTRACE_CONT, 0);
    OK(waitid(P_PID, pid, &info, WEXITED));
    CHECK_EQ(info.si_code, CLD_EXITED);
}

TEST(mask) {
    pid_t pid = TRACED(block_signal(SIGUSR1); raise(SIGUSR1); raise(SIGSTOP); _exit(6));
    STOPS(pid, SIGSTOP);
    go_on(pid, PTRACE_CONT, 0);
    STOPS(pid, SIGSTOP);
    uint64_t mask = 0;
    PTRACE_FAILS(PTRACE_GETSIGMASK, pid, 4, &mask, EINVAL);
    PTRACE_FAILS(PTRACE_GETSIGMASK, pid, 8, 8, EFAULT);
    PTRACE(PTRACE_GETSIGMASK, pid, 8, &mask);
    CHECK_EQ(mask, 1 << (SIGUSR1 - 1));
    mask = ~0ull;
    PTRACE(PTRACE_SETSIGMASK, pid, 8, &mask);
    PTRACE(PTRACE_GETSIGMASK, pid, 8, &mask);
    CHECK_EQ(mask, ~(1ull << (SIGKILL - 1) | 1ull << (SIGSTOP - 1)));
    PTRACE_FAILS(PTRACE_SETSIGMASK, pid, 16, &mask, EINVAL);
    mask = 0;
    PTRACE(PTRACE_SETSIGMASK, pid, 8, &mask);
    go_on(pid, PTRACE_CONT, 0);
    STOPS(pid, SIGUSR1);
    go_on(pid, PTRACE_CONT, 0);
    exits_with(pid, 6);
}

// The mask that sigsuspend sets aside is the one that is told.
TEST(mask_in_sigsuspend) {
    pid_t pid = TRACED(sigset_t none; sigemptyset(&none); block_signal(SIGUSR1); block_signal(SIGUSR2);
                       sigsuspend(&none); _exit(1));
    STOPS(pid, SIGSTOP);
    go_on(pid, PTRACE_CONT, 0);
    wait_asleep(pid);
    kill(pid, SIGUSR2);
    STOPS(pid, SIGUSR2);
    uint64_t mask = 0;
    PTRACE(PTRACE_GETSIGMASK, pid, 8, &mask);
    CHECK_EQ(mask, 1 << (SIGUSR1 - 1) | 1 << (SIGUSR2 - 1));
    kill_tracee(pid);
}

TEST(peek_siginfo) {
    pid_t pid = TRACED(
        block_signal(SIGRTMIN); block_signal(SIGUSR1);
        for (int i = 0; i < 3; i++) {
            union sigval value = {.sival_int = i};
            OK(sigqueue(getpid(), SIGRTMIN, value));
        }
        OK(syscall(SYS_tgkill, getpid(), getpid(), SIGUSR1));
        raise(SIGSTOP));
    STOPS(pid, SIGSTOP);
    go_on(pid, PTRACE_CONT, 0);
    STOPS(pid, SIGSTOP);
    struct __ptrace_peeksiginfo_args args = {.off = 0, .flags = PTRACE_PEEKSIGINFO_SHARED, .nr = 10};
    siginfo_t infos[10];
    CHECK_EQ(request(PTRACE_PEEKSIGINFO, pid, (long)&args, (long)infos), 3);
    for (int i = 0; i < 3; i++) {
        CHECK_EQ(infos[i].si_signo, SIGRTMIN);
        CHECK_EQ(infos[i].si_value.sival_int, i);
    }
    args.off = 2;
    CHECK_EQ(request(PTRACE_PEEKSIGINFO, pid, (long)&args, (long)infos), 1);
    CHECK_EQ(infos[0].si_value.sival_int, 2);
    args = (struct __ptrace_peeksiginfo_args){.off = 0, .flags = 0, .nr = 10};
    CHECK_EQ(request(PTRACE_PEEKSIGINFO, pid, (long)&args, (long)infos), 1);
    CHECK_EQ(infos[0].si_signo, SIGUSR1);
    args.nr = -1;
    PTRACE_FAILS(PTRACE_PEEKSIGINFO, pid, &args, infos, EINVAL);
    args = (struct __ptrace_peeksiginfo_args){.off = 0, .flags = 2, .nr = 1};
    PTRACE_FAILS(PTRACE_PEEKSIGINFO, pid, &args, infos, EINVAL);
    PTRACE_FAILS(PTRACE_PEEKSIGINFO, pid, 8, infos, EFAULT);
    kill_tracee(pid);
}

// An interrupted call shows how it goes on, and the tracer may change that.
TEST(restart_is_seen) {
    int fds[2];
    OK(pipe(fds));
    pid_t pid = TRACED(char c; handle(SIGUSR1, catch, 0); CHECK_EQ(read(fds[0], &c, 1), 1); _exit(c));
    STOPS(pid, SIGSTOP);
    go_on(pid, PTRACE_CONT, 0);
    wait_asleep(pid);
    kill(pid, SIGUSR1);
    STOPS(pid, SIGUSR1);
    struct user_regs_struct regs = regs_of(pid);
    CHECK_EQ((long)regs.rax, -512);
    CHECK_EQ(regs.orig_rax, SYS_read);
    // Without the signal the call is made again.
    go_on(pid, PTRACE_CONT, 0);
    wait_asleep(pid);
    CHECK_EQ(write(fds[1], "\x2a", 1), 1);
    exits_with(pid, 42);
}

TEST(restart_is_prevented) {
    int fds[2];
    OK(pipe(fds));
    pid_t pid = TRACED(char c; long n = syscall(SYS_read, fds[0], &c, 1); _exit(n == -1 ? errno : 99));
    STOPS(pid, SIGSTOP);
    go_on(pid, PTRACE_CONT, 0);
    wait_asleep(pid);
    kill(pid, SIGUSR1);
    STOPS(pid, SIGUSR1);
    struct user_regs_struct regs = regs_of(pid);
    // Not a call any more.
    regs.orig_rax = -1;
    regs.rax = -ENOTTY;
    PTRACE(PTRACE_SETREGS, pid, 0, &regs);
    go_on(pid, PTRACE_CONT, 0);
    exits_with(pid, ENOTTY);
}

TEST(interrupted_sleep_goes_on) {
    pid_t pid = FORK(
        int64_t start = now_ms();
        struct timespec t = {0, 300000000};
        CHECK_EQ(nanosleep(&t, NULL), 0);
        int64_t took = now_ms() - start;
        CHECK(took >= 300 && took < 3000));
    PTRACE(PTRACE_SEIZE, pid, 0, 0);
    for (int i = 0; i < 3; i++) {
        usleep(20000);
        PTRACE(PTRACE_INTERRUPT, pid, 0, 0);
        STOPS(pid, EVENT(STOP));
        go_on(pid, PTRACE_CONT, 0);
    }
    exits_with(pid, 0);
}

TEST(blocked_is_put_back) {
    pid_t pid = TRACED(handle(SIGUSR1, catch, 0); raise(SIGUSR1); CHECK_EQ(caught, 0); unblock_signal(SIGUSR1);
                       _exit(caught));
    STOPS(pid, SIGSTOP);
    go_on(pid, PTRACE_CONT, 0);
    STOPS(pid, SIGUSR1);
    uint64_t mask = 1 << (SIGUSR1 - 1);
    PTRACE(PTRACE_SETSIGMASK, pid, 8, &mask);
    go_on(pid, PTRACE_CONT, SIGUSR1);
    STOPS(pid, SIGUSR1);
    go_on(pid, PTRACE_CONT, SIGUSR1);
    exits_with(pid, SIGUSR1);
}

// A real parent that is not the tracer sees the stop of the process when the tracee takes part in it.
TEST(parent_sees_group_stop) {
    volatile int *shared = shared_page();
    pid_t pid = FORK(for (;;) pause());
    pid_t tracer = FORK(
        PTRACE(PTRACE_SEIZE, pid, 0, 0);
        shared[0] = 1;
        STOPS(pid, SIGSTOP);
        go_on(pid, PTRACE_CONT, SIGSTOP);
        STOPS(pid, SIGSTOP | PTRACE_EVENT_STOP << 8);
        shared[1] = 1;
        while (!shared[2]) usleep(1000));
    WAIT_UNTIL(shared[0]);
    int status;
    CHECK_EQ(waitpid(pid, &status, WNOHANG | WUNTRACED), 0);
    kill(pid, SIGSTOP);
    CHECK_EQ(waitpid(pid, &status, WUNTRACED), pid);
    CHECK(WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP);
    WAIT_UNTIL(shared[1]);
    shared[2] = 1;
    reap(tracer);
    WAIT_UNTIL(state_of(pid) == 'T');
    kill(pid, SIGKILL);
    dies_by(pid, SIGKILL);
}
