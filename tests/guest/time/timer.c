// Timers: nanosleep, itimers, alarm, POSIX timers, timerfd: never early, right counts, right signals.
#include "../test.h"
#include <sys/epoll.h>
#include <sys/timerfd.h>

static volatile sig_atomic_t runs;
static volatile int last_code, last_value, last_overrun;
static void count(int number, siginfo_t *info, void *context) {
    (void)number, (void)context;
    last_code = info->si_code;
    last_value = info->si_value.sival_int;
    last_overrun = info->si_overrun;
    runs++;
}

static void catch(int number) {
    struct sigaction action = {.sa_sigaction = count, .sa_flags = SA_SIGINFO | SA_RESTART};
    OK(sigaction(number, &action, NULL));
}

static struct timespec ms(long n) { return (struct timespec){n / 1000, n % 1000 * 1000000}; }

TEST(sleeps_are_never_short) {
    for (int i = 1; i <= 20; i++) {
        struct timespec t = {0, i * 500000};
        int64_t start = now_ns();
        OK(nanosleep(&t, NULL));
        CHECK(now_ns() - start >= i * 500000);
    }
}

TEST(sleep_errors) {
    struct timespec bad = {0, 1000000000}, negative = {-1, 0}, zero = {0, 0};
    CHECK_ERRNO(nanosleep(&bad, NULL), EINVAL);
    CHECK_ERRNO(nanosleep(&negative, NULL), EINVAL);
    OK(nanosleep(&zero, NULL));
    CHECK_EQ(clock_nanosleep(CLOCK_THREAD_CPUTIME_ID, 0, &zero, NULL), EINVAL);
    CHECK_EQ(clock_nanosleep(99, 0, &zero, NULL), EINVAL);
    CHECK_EQ(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &zero, NULL), 0);
}

TEST(absolute_sleep) {
    const clockid_t clocks[] = {CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_BOOTTIME, CLOCK_TAI};
    for (size_t c = 0; c < 4; c++) {
        struct timespec t, now;
        clock_gettime(clocks[c], &t);
        t.tv_nsec += 15000000;
        if (t.tv_nsec >= 1000000000) t.tv_nsec -= 1000000000, t.tv_sec++;
        CHECK_EQ(clock_nanosleep(clocks[c], TIMER_ABSTIME, &t, NULL), 0);
        clock_gettime(clocks[c], &now);
        CHECK(now.tv_sec > t.tv_sec || (now.tv_sec == t.tv_sec && now.tv_nsec >= t.tv_nsec));
    }
}

TEST(alarm_and_remaining) {
    catch(SIGALRM);
    CHECK_EQ(alarm(100), 0);
    unsigned left = alarm(0);
    CHECK(left == 100 || left == 99);
    struct itimerval value = {.it_value = {0, 20000}}, old;
    int64_t start = now_ns();
    OK(setitimer(ITIMER_REAL, &value, NULL));
    WAIT_UNTIL(runs == 1);
    CHECK(now_ns() - start >= 20000000);
    CHECK_EQ(last_code, SI_KERNEL);
    OK(getitimer(ITIMER_REAL, &old));
    CHECK(old.it_value.tv_sec == 0 && old.it_value.tv_usec == 0);
}

TEST(interval_repeats) {
    catch(SIGALRM);
    struct itimerval value = {{0, 3000}, {0, 3000}};
    int64_t start = now_ns();
    OK(setitimer(ITIMER_REAL, &value, NULL));
    WAIT_UNTIL(runs >= 10);
    CHECK(now_ns() - start >= 30000000);
    struct itimerval got;
    OK(getitimer(ITIMER_REAL, &got));
    CHECK_EQ(got.it_interval.tv_usec, 3000);
    CHECK(got.it_value.tv_usec <= 3000);
}

TEST(cpu_timers_need_cpu) {
    catch(SIGPROF);
    catch(SIGVTALRM);
    struct itimerval value = {.it_value = {0, 10000}};
    OK(setitimer(ITIMER_PROF, &value, NULL));
    OK(setitimer(ITIMER_VIRTUAL, &value, NULL));
    sleep_ms(60);
    CHECK_EQ(runs, 0);
    int64_t end = now_ms() + 5000;
    while (runs < 2 && now_ms() < end) {
    }
    CHECK_EQ(runs, 2);
}

TEST(itimer_survives_exec_but_not_fork) {
    struct itimerval value = {.it_value = {100, 0}}, got;
    OK(setitimer(ITIMER_REAL, &value, NULL));
    reap(FORK(OK(getitimer(ITIMER_REAL, &got)); CHECK_EQ(got.it_value.tv_sec, 0)));
    value.it_value = (struct timeval){0, 30000};
    pid_t child = FORK(OK(setitimer(ITIMER_REAL, &value, NULL)); execlp("sleep", "sleep", "10", NULL));
    CHECK_EQ(WTERMSIG(status_of(child)), SIGALRM);
    CHECK_ERRNO(setitimer(99, &value, NULL), EINVAL);
    value.it_value = (struct timeval){0, 1000000};
    CHECK_ERRNO(setitimer(ITIMER_REAL, &value, NULL), EINVAL);
}

TEST(posix_timer_signals) {
    catch(SIGRTMIN);
    timer_t timer;
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN, .sigev_value.sival_int = 42};
    OK(timer_create(CLOCK_MONOTONIC, &event, &timer));
    struct itimerspec value = {.it_value = ms(10)}, got;
    OK(timer_settime(timer, 0, &value, NULL));
    OK(timer_gettime(timer, &got));
    CHECK(got.it_value.tv_nsec > 0 && got.it_value.tv_nsec <= 10000000);
    WAIT_UNTIL(runs == 1);
    CHECK_EQ(last_code, SI_TIMER);
    CHECK_EQ(last_value, 42);
    OK(timer_delete(timer));
    CHECK_ERRNO(syscall(SYS_timer_gettime, 12345, &got), EINVAL);
}

TEST(posix_timer_overrun) {
    catch(SIGRTMIN);
    block_signal(SIGRTMIN);
    timer_t timer;
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN};
    OK(timer_create(CLOCK_MONOTONIC, &event, &timer));
    struct itimerspec value = {ms(1), ms(1)};
    OK(timer_settime(timer, 0, &value, NULL));
    sleep_ms(30);
    unblock_signal(SIGRTMIN);
    CHECK(runs >= 1);
    value = (struct itimerspec){0};
    OK(timer_settime(timer, 0, &value, NULL));
    sleep_ms(3);
    CHECK(runs < 25);
    CHECK(timer_getoverrun(timer) >= 0);
}

TEST(posix_timer_to_a_thread) {
    catch(SIGRTMIN);
    timer_t timer;
    struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGRTMIN};
    event._sigev_un._tid = my_tid();
    OK(timer_create(CLOCK_REALTIME, &event, &timer));
    struct itimerspec value = {.it_value = {1, 0}};
    OK(timer_settime(timer, TIMER_ABSTIME, &value, NULL));
    WAIT_UNTIL(runs == 1);
    event._sigev_un._tid = 1;
    CHECK_ERRNO(timer_create(CLOCK_REALTIME, &event, &timer), EINVAL);
}

static volatile int called;
static void call(union sigval value) { called = value.sival_int; }

TEST(posix_timer_in_a_new_thread) {
    timer_t timer;
    struct sigevent event = {.sigev_notify = SIGEV_THREAD, .sigev_notify_function = call, .sigev_value.sival_int = 6};
    OK(timer_create(CLOCK_MONOTONIC, &event, &timer));
    struct itimerspec value = {.it_value = ms(5)};
    OK(timer_settime(timer, 0, &value, NULL));
    WAIT_UNTIL(called == 6);
}

TEST(timerfd_counts) {
    int fd = OK(timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC));
    uint64_t ticks;
    CHECK_ERRNO(read(fd, &ticks, 8), EAGAIN);
    CHECK_ERRNO(read(fd, &ticks, 4), EINVAL);
    struct itimerspec value = {ms(2), ms(5)}, got;
    OK(timerfd_settime(fd, 0, &value, NULL));
    sleep_ms(20);
    CHECK_EQ(read(fd, &ticks, 8), 8);
    CHECK(ticks >= 8);
    OK(timerfd_gettime(fd, &got));
    CHECK_EQ(got.it_interval.tv_nsec, 2000000);
    CHECK(got.it_value.tv_nsec > 0 && got.it_value.tv_nsec <= 2000000);
    value = (struct itimerspec){0};
    OK(timerfd_settime(fd, 0, &value, &got));
    CHECK_EQ(got.it_interval.tv_nsec, 2000000);
    CHECK_ERRNO(read(fd, &ticks, 8), EAGAIN);
}

TEST(timerfd_blocks_and_polls) {
    int fd = OK(timerfd_create(CLOCK_REALTIME, 0)), ep = OK(epoll_create1(0));
    struct itimerspec value = {.it_value = ms(10)};
    int64_t start = now_ns();
    OK(timerfd_settime(fd, 0, &value, NULL));
    struct epoll_event event = {EPOLLIN, {0}};
    OK(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &event));
    CHECK_EQ(epoll_wait(ep, &event, 1, 5000), 1);
    CHECK(now_ns() - start >= 10000000);
    uint64_t ticks;
    CHECK_EQ(read(fd, &ticks, 8), 8);
    CHECK_EQ(ticks, 1);
    OK(timerfd_settime(fd, 0, &value, NULL));
    CHECK_EQ(read(fd, &ticks, 8), 8);
}

TEST(timerfd_absolute_in_the_past) {
    int fd = OK(timerfd_create(CLOCK_MONOTONIC, 0));
    struct itimerspec value = {.it_value = {0, 1}};
    OK(timerfd_settime(fd, TFD_TIMER_ABSTIME, &value, NULL));
    uint64_t ticks;
    CHECK_EQ(read(fd, &ticks, 8), 8);
    CHECK_EQ(ticks, 1);
    CHECK_ERRNO(timerfd_create(99, 0), EINVAL);
    CHECK_ERRNO(timerfd_create(CLOCK_MONOTONIC, 1), EINVAL);
    CHECK_ERRNO(timerfd_settime(0, 0, &value, NULL), EINVAL);
    value.it_value.tv_nsec = 1000000000;
    CHECK_ERRNO(timerfd_settime(fd, 0, &value, NULL), EINVAL);
}

TEST(poll_timeouts) {
    int64_t start = now_ns();
    CHECK_EQ(poll(NULL, 0, 15), 0);
    CHECK(now_ns() - start >= 15000000);
    struct timespec t = ms(7);
    start = now_ns();
    CHECK_EQ(ppoll(NULL, 0, &t, NULL), 0);
    CHECK(now_ns() - start >= 7000000);
    struct timeval tv = {0, 5000};
    start = now_ns();
    CHECK_EQ(select(0, NULL, NULL, NULL, &tv), 0);
    CHECK(now_ns() - start >= 5000000);
    CHECK(tv.tv_sec == 0 && tv.tv_usec == 0);
    int ep = OK(epoll_create1(0));
    struct epoll_event event;
    start = now_ns();
    CHECK_EQ(epoll_wait(ep, &event, 1, 5), 0);
    CHECK(now_ns() - start >= 5000000);
}

TEST(many_timers) {
    enum { N = 200 };
    int fds[N];
    for (int i = 0; i < N; i++) {
        fds[i] = OK(timerfd_create(CLOCK_MONOTONIC, 0));
        struct itimerspec value = {.it_value = {0, (i * 37 % N + 1) * 100000}};
        OK(timerfd_settime(fds[i], 0, &value, NULL));
    }
    for (int i = 0; i < N; i++) {
        uint64_t ticks;
        CHECK_EQ(read(fds[i], &ticks, 8), 8);
        CHECK_EQ(ticks, 1);
    }
}
