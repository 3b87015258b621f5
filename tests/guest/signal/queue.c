// Pending signals: standard ones coalesce, real-time ones queue in order; per thread and per group; limits.
#include "../test.h"

static int order[256];
static volatile sig_atomic_t runs;

static void record(int number, siginfo_t *info, void *context) {
    (void)context;
    order[runs++] = number >= SIGRTMIN ? info->si_int : -number;
}

static void catch_all(void) {
    struct sigaction action = {.sa_sigaction = record, .sa_flags = SA_SIGINFO};
    sigfillset(&action.sa_mask);
    for (int number = 1; number <= 64; number++)
        if (number != SIGKILL && number != SIGSTOP && (number < 32 || number >= SIGRTMIN))
            OK(sigaction(number, &action, NULL));
}

static void block_all(void) {
    sigset_t set;
    sigfillset(&set);
    pthread_sigmask(SIG_SETMASK, &set, NULL);
}

static void unblock_all(void) {
    sigset_t set;
    sigemptyset(&set);
    pthread_sigmask(SIG_SETMASK, &set, NULL);
}

TEST(standard_signals_coalesce) {
    catch_all();
    block_all();
    for (int i = 0; i < 5; i++) kill(getpid(), SIGUSR1);
    unblock_all();
    CHECK_EQ(runs, 1);
}

TEST(realtime_signals_queue_in_order) {
    catch_all();
    block_all();
    for (int i = 0; i < 5; i++) OK(sigqueue(getpid(), SIGRTMIN + 3, (union sigval){.sival_int = 30 + i}));
    for (int i = 0; i < 5; i++) OK(sigqueue(getpid(), SIGRTMIN + 1, (union sigval){.sival_int = 10 + i}));
    unblock_all();
    CHECK_EQ(runs, 10);
    // The lower number is delivered first: handlers mask everything, so they run one after the other.
    for (int i = 0; i < 5; i++) {
        CHECK_EQ(order[i], 10 + i);
        CHECK_EQ(order[5 + i], 30 + i);
    }
}

TEST(thread_directed_before_group_directed) {
    catch_all();
    block_all();
    OK(sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_int = 1}));
    siginfo_t info = {.si_signo = SIGRTMIN, .si_code = SI_QUEUE, .si_pid = getpid(), .si_int = 2};
    OK(syscall(SYS_rt_tgsigqueueinfo, getpid(), my_tid(), SIGRTMIN, &info));
    unblock_all();
    CHECK_EQ(runs, 2);
    CHECK_EQ(order[0], 2);
    CHECK_EQ(order[1], 1);
}

static volatile pthread_t who;
static volatile sig_atomic_t handled;
static void mark_thread(int number) {
    (void)number;
    who = pthread_self();
    handled = 1;
}
static volatile int stop;
static void *wait_open(void *unused) {
    (void)unused;
    unblock_all();
    while (!stop) usleep(500);
    return NULL;
}

TEST(group_signal_goes_to_a_thread_that_takes_it) {
    handle(SIGUSR1, mark_thread, 0);
    block_all();
    pthread_t thread = start_thread(wait_open, NULL);
    OK(kill(getpid(), SIGUSR1));
    WAIT_UNTIL(handled);
    CHECK(pthread_equal(who, thread));
    stop = 1;
    join_thread(thread);
}

static void *pend_and_look(void *other) {
    sigset_t set;
    block_all();
    OK(syscall(SYS_tgkill, getpid(), my_tid(), SIGUSR1));
    sigpending(&set);
    CHECK(sigismember(&set, SIGUSR1));
    *(int *)other = 1;
    return NULL;
}

TEST(pending_is_per_thread_and_group) {
    block_all();
    int done = 0;
    join_thread(start_thread(pend_and_look, &done));
    sigset_t set;
    sigpending(&set);
    CHECK(!sigismember(&set, SIGUSR1));
    OK(kill(getpid(), SIGUSR2));
    sigpending(&set);
    CHECK(sigismember(&set, SIGUSR2));
}

TEST(fork_clears_pending) {
    block_all();
    raise(SIGUSR1);
    kill(getpid(), SIGUSR2);
    reap(FORK(sigset_t set; sigpending(&set); CHECK(!sigismember(&set, SIGUSR1) && !sigismember(&set, SIGUSR2));
              pthread_sigmask(SIG_BLOCK, NULL, &set); CHECK(sigismember(&set, SIGUSR1))));
}

TEST(limit_of_pending_signals) {
    catch_all();
    block_all();
    reap(FORK(OK(setresuid(54321, 54321, 54321)); struct rlimit limit = {8, 8}; OK(setrlimit(RLIMIT_SIGPENDING, &limit));
              int queued = 0;
              while (queued < 100 && sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_int = queued}) == 0) queued++;
              CHECK_EQ(errno, EAGAIN); CHECK_EQ(queued, 8);
              // Standard signals by kill do not fail.
              OK(kill(getpid(), SIGUSR1)); unblock_all(); CHECK_EQ(runs, 9)));
}

TEST(sigqueueinfo_refuses_forged_codes) {
    siginfo_t info = {.si_signo = SIGUSR1, .si_code = SI_USER};
    pid_t child = FORK(pause());
    CHECK_ERRNO(syscall(SYS_rt_sigqueueinfo, child, SIGUSR1, &info), EPERM);
    info.si_code = SI_TKILL;
    CHECK_ERRNO(syscall(SYS_rt_sigqueueinfo, child, SIGUSR1, &info), EPERM);
    kill(child, SIGKILL);
    status_of(child);
}

TEST(cont_discards_stops_and_stop_discards_cont) {
    block_all();
    kill(getpid(), SIGTSTP);
    sigset_t set;
    sigpending(&set);
    CHECK(sigismember(&set, SIGTSTP));
    kill(getpid(), SIGCONT);
    sigpending(&set);
    CHECK(!sigismember(&set, SIGTSTP) && sigismember(&set, SIGCONT));
    kill(getpid(), SIGTTIN);
    sigpending(&set);
    CHECK(!sigismember(&set, SIGCONT) && sigismember(&set, SIGTTIN));
}

TEST(delivery_to_a_computing_thread) {
    handle(SIGUSR1, mark_thread, 0);
    pid_t me = getpid();
    pid_t killer = FORK(sleep_ms(20); kill(me, SIGUSR1));
    for (volatile uint64_t spin = 0; !handled; spin++) {
    }
    reap(killer);
}

TEST(storm_between_two_processes) {
    catch_all();
    enum { N = 200 };
    pid_t child = FORK(for (int i = 0; i < N;) {
        if (sigqueue(getppid(), SIGRTMIN + i % 8, (union sigval){.sival_int = i}) == 0) i++;
        else CHECK_EQ(errno, EAGAIN);
    });
    WAIT_UNTIL(runs >= N);
    reap(child);
    CHECK_EQ(runs, N + 1 /* SIGCHLD */);
}
