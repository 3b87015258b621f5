// Time namespaces: time_namespaces(7). A vDSO would be asked by the C library; these ask the kernel.
#include "../test.h"

#include <linux/futex.h>
#include <sys/sysinfo.h>
#include <sys/timerfd.h>

enum { AHEAD = 100000 };

static int64_t clock_now(int clock) {
    struct timespec t;
    OK(syscall(SYS_clock_gettime, clock, &t));
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static int try_offsets(const char *text) {
    int fd = OK(open("/proc/self/timens_offsets", O_WRONLY));
    ssize_t n = write(fd, text, strlen(text));
    int error = errno;
    close(fd);
    errno = error;
    return n < 0 ? -1 : 0;
}

static struct timespec spec(int64_t ns) { return (struct timespec){ns / 1000000000, ns % 1000000000}; }

TEST(offsets_are_for_children) {
    CHECK_ERRNO(try_offsets("monotonic 1 0"), EACCES);
    OK(unshare(CLONE_NEWTIME));
    CHECK_STR(read_text("/proc/self/timens_offsets"), "monotonic           0         0\nboottime            0         0\n");
    CHECK_ERRNO(try_offsets("realtime 1 0\n"), EINVAL);
    CHECK_ERRNO(try_offsets("monotonic 1 1000000000\n"), EINVAL);
    CHECK_ERRNO(try_offsets("monotonic -1000000000 0\n"), ERANGE);
    CHECK_ERRNO(try_offsets("monotonic 9000000000 0\n"), ERANGE);
    int64_t before = clock_now(CLOCK_MONOTONIC);
    OK(try_offsets("monotonic 100000 0\nboottime 200000 500\n"));
    CHECK_STR(read_text("/proc/self/timens_offsets"), "monotonic      100000         0\nboottime       200000       500\n");
    CHECK(clock_now(CLOCK_MONOTONIC) - before < 10000000000LL);
    reap(FORK({
        int64_t ahead = clock_now(CLOCK_MONOTONIC) - before;
        CHECK(ahead >= AHEAD * 1000000000LL && ahead < (AHEAD + 10) * 1000000000LL);
        ahead = clock_now(CLOCK_MONOTONIC_COARSE) - before;
        CHECK(ahead >= (AHEAD - 1) * 1000000000LL && ahead < (AHEAD + 10) * 1000000000LL);
        CHECK(clock_now(CLOCK_BOOTTIME) > 200000000000000LL);
        CHECK(clock_now(CLOCK_MONOTONIC_RAW) > AHEAD * 1000000000LL);
    }));
    CHECK_ERRNO(try_offsets("monotonic 1 0"), EACCES);
}

// Runs the rest of the test in a child whose clocks are ahead.
static bool in_child(void) {
    OK(unshare(CLONE_NEWTIME));
    OK(try_offsets("monotonic 100000 0\nboottime 100000 0\n"));
    pid_t child = OK(fork());
    if (child == 0) return true;
    reap(child);
    return false;
}

TEST(sleeping) {
    if (!in_child()) return;
    int64_t start = clock_now(CLOCK_MONOTONIC);
    struct timespec at = spec(start + 50000000);
    CHECK_EQ(syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL), 0);
    int64_t took = clock_now(CLOCK_MONOTONIC) - start;
    CHECK(took >= 50000000 && took < 5000000000LL);
    at = spec(20000000);
    CHECK_EQ(syscall(SYS_clock_nanosleep, CLOCK_BOOTTIME, 0, &at, NULL), 0);
    // All that is the past.
    at = spec(1000000000);
    CHECK_EQ(syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL), 0);
}

TEST(futexes) {
    if (!in_child()) return;
    uint32_t word = 0;
    int64_t start = clock_now(CLOCK_MONOTONIC);
    struct timespec at = spec(start + 50000000);
    CHECK_ERRNO(syscall(SYS_futex, &word, FUTEX_WAIT_BITSET_PRIVATE, 0, &at, NULL, FUTEX_BITSET_MATCH_ANY), ETIMEDOUT);
    int64_t took = clock_now(CLOCK_MONOTONIC) - start;
    CHECK(took >= 50000000 && took < 5000000000LL);
    at = spec(20000000);
    CHECK_ERRNO(syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 0, &at, NULL, 0), ETIMEDOUT);
}

TEST(timers) {
    if (!in_child()) return;
    int64_t start = clock_now(CLOCK_BOOTTIME);
    int fd = OK(timerfd_create(CLOCK_BOOTTIME, 0));
    struct itimerspec setting = {.it_value = spec(start + 50000000)}, left;
    OK(timerfd_settime(fd, TFD_TIMER_ABSTIME, &setting, NULL));
    OK(timerfd_gettime(fd, &left));
    CHECK(left.it_value.tv_sec == 0 && left.it_value.tv_nsec <= 50000000);
    uint64_t count;
    CHECK_EQ(OK(read(fd, &count, 8)), 8);
    int64_t took = clock_now(CLOCK_BOOTTIME) - start;
    CHECK(took >= 50000000 && took < 5000000000LL);
    setting.it_value = spec(1);
    OK(timerfd_settime(fd, TFD_TIMER_ABSTIME, &setting, NULL));
    CHECK_EQ(OK(read(fd, &count, 8)), 8);
    timer_t timer;
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
    block_signal(SIGUSR1);
    OK(timer_create(CLOCK_MONOTONIC, &event, &timer));
    setting.it_value = spec(clock_now(CLOCK_MONOTONIC) + 30000000);
    OK(timer_settime(timer, TIMER_ABSTIME, &setting, NULL));
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    struct timespec limit = {5, 0};
    CHECK_EQ(OK(sigtimedwait(&set, NULL, &limit)), SIGUSR1);
}

TEST(times_since_boot) {
    double outer = atof(read_text("/proc/uptime"));
    if (!in_child()) return;
    double inner = atof(read_text("/proc/uptime"));
    CHECK(inner - outer >= AHEAD - 1 && inner - outer < AHEAD + 10);
    struct sysinfo info;
    OK(sysinfo(&info));
    CHECK(info.uptime >= (long)outer + AHEAD - 1);
    char *text = strrchr(read_text("/proc/self/stat"), ')') + 2;
    for (int i = 3; i < 22; i++) text = strchr(text, ' ') + 1;
    CHECK(strtoull(text, NULL, 10) / sysconf(_SC_CLK_TCK) >= AHEAD);
}

// The program asks the C library this time.
TEST(exec_enters) {
    OK(unshare(CLONE_NEWTIME));
    OK(try_offsets("monotonic 100000 0\n"));
    pid_t child = OK(vfork());
    if (child == 0) {
        execlp("python3", "python3", "-c", "import time; exit(not 100000 < time.monotonic())", NULL);
        _exit(TEST_SKIPPED);
    }
    reap(child);
}

TEST(rights) {
    OK(unshare(CLONE_NEWUSER | CLONE_NEWTIME));
    OK(try_offsets("boottime 5 0\n"));
    reap(FORK());
}
