// Clocks: they agree, go forward, are cheap from the first instruction on, and count what they should.
#include "../test.h"
#include <dlfcn.h>
#include <sys/auxv.h>
#include <sys/times.h>

static int64_t read_clock(clockid_t clock) {
    struct timespec t;
    OK(clock_gettime(clock, &t));
    CHECK(t.tv_nsec >= 0 && t.tv_nsec < 1000000000);
    return t.tv_sec * 1000000000ll + t.tv_nsec;
}

static int64_t read_by_call(clockid_t clock) {
    struct timespec t;
    OK(syscall(SYS_clock_gettime, clock, &t));
    return t.tv_sec * 1000000000ll + t.tv_nsec;
}

TEST(never_backwards) {
    const clockid_t clocks[] = {CLOCK_MONOTONIC, CLOCK_MONOTONIC_RAW, CLOCK_MONOTONIC_COARSE, CLOCK_BOOTTIME};
    for (size_t c = 0; c < sizeof clocks / sizeof *clocks; c++) {
        int64_t last = read_clock(clocks[c]);
        for (int i = 0; i < 20000; i++) {
            int64_t now = read_clock(clocks[c]);
            if (now < last) FAIL("clock %d went back by %lld ns", clocks[c], (long long)(last - now));
            last = now;
        }
    }
}

TEST(vdso_and_call_agree) {
    const clockid_t clocks[] = {CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_MONOTONIC_RAW, CLOCK_BOOTTIME, CLOCK_TAI};
    for (size_t c = 0; c < sizeof clocks / sizeof *clocks; c++)
        for (int i = 0; i < 200; i++) {
            int64_t one = read_clock(clocks[c]), two = read_by_call(clocks[c]), three = read_clock(clocks[c]);
            if (one > two || two > three)
                FAIL("clock %d: %lld %lld %lld", clocks[c], (long long)one, (long long)two, (long long)three);
        }
}

TEST(time_and_gettimeofday_agree) {
    struct timeval tv;
    OK(gettimeofday(&tv, NULL));
    int64_t now = read_clock(CLOCK_REALTIME);
    int64_t us = tv.tv_sec * 1000000ll + tv.tv_usec;
    CHECK(now / 1000 >= us && now / 1000 - us < 5000000);
    time_t seconds = time(NULL);
    CHECK(seconds >= tv.tv_sec - 1 && seconds <= tv.tv_sec + 5);
}

TEST(all_threads_see_one_monotonic_clock) {
    volatile int64_t *shared = shared_page();
    pid_t child = FORK(for (int i = 0; i < 20000; i++) {
        int64_t seen = __atomic_load_n(&shared[0], __ATOMIC_SEQ_CST), now = now_ns();
        CHECK(now >= seen);
        __atomic_store_n(&shared[1], now, __ATOMIC_SEQ_CST);
    });
    for (int i = 0; i < 20000; i++) {
        int64_t seen = __atomic_load_n(&shared[1], __ATOMIC_SEQ_CST), now = now_ns();
        CHECK(now >= seen);
        __atomic_store_n(&shared[0], now, __ATOMIC_SEQ_CST);
    }
    reap(child);
}

TEST(monotonic_is_cheap) {
    // The best of many rounds, so that other load does not matter; a real system call costs more than this.
    int64_t best = INT64_MAX;
    for (int round = 0; round < 200; round++) {
        int64_t start = now_ns();
        for (int i = 0; i < 100; i++) now_ns();
        int64_t took = (now_ns() - start) / 100;
        if (took < best) best = took;
    }
    if (best > 65) FAIL("clock_gettime takes %lld ns", (long long)best);
}

TEST(vdso_is_a_library) {
    CHECK(getauxval(AT_SYSINFO_EHDR));
    void *library = dlopen("linux-vdso.so.1", RTLD_LAZY | RTLD_NOLOAD);
    CHECK(library);
    CHECK(dlsym(library, "__vdso_clock_gettime") && dlsym(library, "__vdso_gettimeofday") &&
          dlsym(library, "__vdso_time") && dlsym(library, "__vdso_getcpu"));
    CHECK(strstr(read_text("/proc/self/maps"), "[vdso]"));
}

TEST(resolution) {
    struct timespec t;
    OK(clock_getres(CLOCK_MONOTONIC, &t));
    CHECK(t.tv_sec == 0 && t.tv_nsec == 1);
    OK(clock_getres(CLOCK_REALTIME, NULL));
    CHECK_ERRNO(clock_getres(99, &t), EINVAL);
    CHECK_ERRNO(clock_gettime(99, &t), EINVAL);
}

static void burn_ms(int ms) {
    int64_t end = read_clock(CLOCK_THREAD_CPUTIME_ID) + ms * 1000000ll;
    while (read_clock(CLOCK_THREAD_CPUTIME_ID) < end) {
    }
}

TEST(cpu_clocks_count_work_and_not_sleep) {
    int64_t thread = read_clock(CLOCK_THREAD_CPUTIME_ID), process = read_clock(CLOCK_PROCESS_CPUTIME_ID);
    sleep_ms(50);
    CHECK(read_clock(CLOCK_THREAD_CPUTIME_ID) - thread < 30000000);
    burn_ms(30);
    CHECK(read_clock(CLOCK_PROCESS_CPUTIME_ID) - process >= 30000000);
    struct rusage usage;
    OK(getrusage(RUSAGE_SELF, &usage));
    CHECK((usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000 + usage.ru_utime.tv_usec + usage.ru_stime.tv_usec >= 20000);
}

static void *burn(void *ms) {
    burn_ms((intptr_t)ms);
    return NULL;
}

TEST(process_clock_sums_threads) {
    int64_t thread = read_clock(CLOCK_THREAD_CPUTIME_ID), process = read_clock(CLOCK_PROCESS_CPUTIME_ID);
    join_thread(start_thread(burn, (void *)30));
    CHECK(read_clock(CLOCK_PROCESS_CPUTIME_ID) - process >= 30000000);
    CHECK(read_clock(CLOCK_THREAD_CPUTIME_ID) - thread < 25000000);
}

TEST(clock_of_another_process) {
    pid_t child = FORK(for (;;) burn_ms(5));
    clockid_t clock;
    CHECK_EQ(clock_getcpuclockid(child, &clock), 0);
    WAIT_UNTIL(read_clock(clock) > 10000000);
    kill(child, SIGKILL);
    status_of(child);
    CHECK(clock_getcpuclockid(0x3ffffff, &clock) == ESRCH);
}

TEST(times_in_ticks) {
    struct tms before, after;
    clock_t start = times(&before);
    burn_ms(40);
    clock_t end = times(&after);
    CHECK(end > start);
    CHECK(after.tms_utime + after.tms_stime - before.tms_utime - before.tms_stime >= 2);
}

TEST(only_root_sets_the_clock) {
    reap(FORK(if (geteuid() == 0) OK(setresuid(1000, 1000, 1000)); struct timespec t = {0, 0};
              CHECK_ERRNO(clock_settime(CLOCK_REALTIME, &t), EPERM);
              CHECK_ERRNO(clock_settime(CLOCK_MONOTONIC, &t), EINVAL)));
}

TEST(context_switches_are_counted) {
    struct rusage before, after;
    OK(getrusage(RUSAGE_SELF, &before));
    for (int i = 0; i < 10; i++) sleep_ms(1);
    OK(getrusage(RUSAGE_SELF, &after));
    CHECK(after.ru_nvcsw - before.ru_nvcsw >= 10);
}
