// Files of /proc that steer a task or look into it.
#include "../test.h"
#include <sys/prctl.h>

static int write_errno(const char *path, const char *text) {
    int fd = open(path, O_WRONLY);
    if (fd < 0) return errno;
    int result = write(fd, text, strlen(text)) < 0 ? errno : 0;
    close(fd);
    return result;
}

// Gives up root and all capabilities; /proc/self stays its own.
static void become_nobody(void) {
    OK(setresgid(65534, 65534, 65534));
    OK(setresuid(65534, 65534, 65534));
    OK(prctl(PR_SET_DUMPABLE, 1));
}

TEST(oom_score_adj_range) {
    const char *path = "/proc/self/oom_score_adj";
    write_text(path, "500\n");
    CHECK_STR(read_text(path), "500\n");
    CHECK_EQ(write_errno(path, "1001"), EINVAL);
    CHECK_EQ(write_errno(path, "-1001"), EINVAL);
    CHECK_EQ(write_errno(path, "x"), EINVAL);
    CHECK_STR(read_text(path), "500\n");
    write_text("/proc/self/oom_adj", "15");
    CHECK_STR(read_text(path), "1000\n");
    CHECK_STR(read_text("/proc/self/oom_adj"), "15\n");
}

TEST(oom_score_adj_inherited) {
    write_text("/proc/self/oom_score_adj", "321");
    reap(FORK(CHECK_STR(read_text("/proc/self/oom_score_adj"), "321\n")));
}

TEST(oom_score_adj_lowering) {
    if (geteuid() != 0) SKIP("needs root");
    const char *path = "/proc/self/oom_score_adj";
    // Down to what somebody with the right set last, not below; without the right that is where the tests started.
    unsigned long effective = 0;
    sscanf(strstr(read_text("/proc/self/status"), "CapEff:"), "CapEff: %lx", &effective);
    int floor = effective & 1UL << 24 ? 200 : atoi(read_text(path));
    char least[16], below[16];
    snprintf(least, sizeof least, "%d", floor);
    snprintf(below, sizeof below, "%d", floor - 1);
    write_text(path, "200");
    become_nobody();
    write_text(path, "700");
    write_text(path, least);
    CHECK_EQ(write_errno(path, below), EACCES);
    write_text(path, "300");
    // The old file knows no floor.
    CHECK_EQ(write_errno("/proc/self/oom_adj", "0"), EACCES);
    reap(FORK({
        write_text(path, least);
        CHECK_EQ(write_errno(path, below), EACCES);
    }));
}

TEST(timerslack) {
    const char *path = "/proc/self/timerslack_ns";
    OK(prctl(PR_SET_TIMERSLACK, 70000));
    CHECK_STR(read_text(path), "70000\n");
    write_text(path, "90000");
    CHECK_EQ(prctl(PR_GET_TIMERSLACK), 90000);
    write_text(path, "0");
    CHECK_EQ(prctl(PR_GET_TIMERSLACK), 50000);
    CHECK_EQ(write_errno(path, "-1"), EINVAL);
    CHECK_EQ(write_errno(path, "x"), EINVAL);
}

TEST(timerslack_of_others) {
    if (geteuid() != 0) SKIP("needs root");
    pid_t child = FORK(pause());
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/timerslack_ns", child);
    write_text(path, "12345");
    CHECK_STR(read_text(path), "12345\n");
    become_nobody();
    CHECK_EQ(write_errno(path, "1"), EPERM);
    char byte;
    int fd = open(path, O_RDONLY);
    CHECK(fd < 0 ? errno == EPERM : read(fd, &byte, 1) == -1 && errno == EPERM);
    prctl(PR_SET_PDEATHSIG, 0);
}

TEST(timers) {
    CHECK_STR(read_text("/proc/self/timers"), "");
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1, .sigev_value.sival_ptr = (void *)0x1234};
    timer_t timer;
    OK(timer_create(CLOCK_MONOTONIC, &event, &timer));
    char want[200], more[500];
    snprintf(want, sizeof want, "ID: 0\nsignal: 10/0000000000001234\nnotify: signal/pid.%d\nClockID: 1\n", getpid());
    CHECK_STR(read_text("/proc/self/timers"), want);
    event.sigev_notify = SIGEV_NONE;
    timer_t second;
    OK(timer_create(CLOCK_REALTIME, &event, &second));
    // The newest first.
    snprintf(more, sizeof more, "ID: 1\nsignal: 10/0000000000001234\nnotify: none/pid.%d\nClockID: 0\n%s", getpid(), want);
    CHECK_STR(read_text("/proc/self/timers"), more);
    timer_delete(second);
    timer_delete(timer);
    event.sigev_notify = SIGEV_THREAD_ID;
    event._sigev_un._tid = my_tid();
    OK(timer_create(CLOCK_MONOTONIC, &event, &timer));
    snprintf(more, sizeof more, "notify: signal/tid.%d\n", my_tid());
    CHECK(strstr(read_text("/proc/self/timers"), more));
}

TEST(coredump_filter) {
    const char *path = "/proc/self/coredump_filter";
    CHECK_STR(read_text(path), "00000033\n");
    write_text(path, "0x7f");
    CHECK_STR(read_text(path), "0000007f\n");
    reap(FORK(CHECK_STR(read_text("/proc/self/coredump_filter"), "0000007f\n")));
    write_text(path, "0x10001");
    CHECK_STR(read_text(path), "00000001\n");
    CHECK_EQ(write_errno(path, "x"), EINVAL);
    reap(FORK(execl("/bin/grep", "grep", "-q", "00000001", path, NULL)));
}

static void *park(void *barrier) {
    pid_t child = FORK(pause());
    *(pid_t *)barrier = child;
    pause();
    return NULL;
}

TEST(children_of_threads) {
    pid_t own = FORK(pause());
    volatile pid_t others = 0;
    pthread_t thread;
    CHECK_EQ(pthread_create(&thread, NULL, park, (void *)&others), 0);
    WAIT_UNTIL(others);
    char path[64], want[32];
    snprintf(path, sizeof path, "/proc/self/task/%d/children", getpid());
    snprintf(want, sizeof want, "%d ", own);
    CHECK_STR(read_text(path), want);
    kill(own, SIGKILL);
    kill(others, SIGKILL);
}

TEST(stack_is_refused) {
    if (geteuid() == 0) become_nobody();
    int fd = open("/proc/self/stack", O_RDONLY);
    char byte;
    CHECK(fd < 0 ? errno == EACCES : read(fd, &byte, 1) == -1 && errno == EACCES);
}

TEST(mem) {
    int fd = OK(open("/proc/self/mem", O_RDWR));
    char *page = OK(mmap(NULL, 3 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    OK(munmap(page + 4096, 4096));
    memcpy(page, "hello", 6);
    char text[8192] = {0};
    CHECK_EQ(pread(fd, text, 6, (off_t)page), 6);
    CHECK_STR(text, "hello");
    CHECK_EQ(pwrite(fd, "HELLO", 5, (off_t)page), 5);
    CHECK_STR(page, "HELLO");
    // Through protections.
    OK(mprotect(page, 4096, PROT_NONE));
    CHECK_EQ(pread(fd, text, 6, (off_t)page), 6);
    CHECK_STR(text, "HELLO");
    CHECK_EQ(pwrite(fd, "world", 5, (off_t)page), 5);
    OK(mprotect(page, 4096, PROT_READ));
    CHECK_STR(page, "world");
    // Up to a hole.
    CHECK_EQ(pread(fd, text, sizeof text, (off_t)page), 4096);
    CHECK_ERRNO(pread(fd, text, 1, (off_t)page + 4096), EIO);
    CHECK_ERRNO(pread(fd, text, 1, 0), EIO);
    CHECK_EQ(lseek(fd, (off_t)page, SEEK_SET), (off_t)page);
    CHECK_EQ(read(fd, text, 5), 5);
    CHECK_EQ(lseek(fd, 0, SEEK_CUR), (off_t)page + 5);
}

// A figure of the entry of smaps whose mapping starts at `start`.
static long smaps_of(void *start, const char *name) {
    char head[32];
    snprintf(head, sizeof head, "%lx-", (long)start);
    char *text = read_text("/proc/self/smaps"), *at = strstr(text, head);
    CHECK(at);
    at = strstr(at, name);
    CHECK(at);
    long value;
    CHECK_EQ(sscanf(at + strlen(name), "%ld", &value), 1);
    return value;
}

TEST(smaps_figures) {
    enum { PAGES = 64 };
    // A protection apart from its neighbours keeps it an entry of its own.
    char *area = OK(mmap(NULL, (PAGES + 2) * 4096L, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    area += 4096;
    OK(mprotect(area, PAGES * 4096L, PROT_READ | PROT_WRITE));
    OK(madvise(area, PAGES * 4096L, MADV_NOHUGEPAGE));
    CHECK_EQ(smaps_of(area, "\nSize:"), PAGES * 4);
    CHECK_EQ(smaps_of(area, "\nRss:"), 0);
    for (int i = 0; i < 10; i++) area[i * 4096] = 1;
    CHECK_EQ(smaps_of(area, "\nRss:"), 40);
    CHECK_EQ(smaps_of(area, "\nPss:"), 40);
    CHECK_EQ(smaps_of(area, "\nPrivate_Dirty:"), 40);
    CHECK_EQ(smaps_of(area, "\nAnonymous:"), 40);
    pid_t child = FORK(pause());
    CHECK_EQ(smaps_of(area, "\nRss:"), 40);
    CHECK_EQ(smaps_of(area, "\nShared_Dirty:"), 40);
    CHECK_EQ(smaps_of(area, "\nPss:"), 20);
    kill(child, SIGKILL);
    status_of(child);
    OK(madvise(area, PAGES * 4096L, MADV_DONTNEED));
    CHECK_EQ(smaps_of(area, "\nRss:"), 0);
    char *text = read_text("/proc/self/smaps_rollup");
    CHECK(strstr(text, " [rollup]\n") && strstr(text, "\nRss:"));
}

TEST(smaps_agrees_with_maps) {
    char *maps = strdup(read_text("/proc/self/maps")), *smaps = strdup(read_text("/proc/self/smaps"));
    int mappings = 0, entries = 0;
    for (char *at = maps; (at = strchr(at, '\n')); at++) mappings++;
    for (char *at = smaps; (at = strstr(at, "\nVmFlags:")); at++) entries++;
    CHECK(entries >= mappings - 4 && entries <= mappings + 4);
}

static uint64_t page_entry(int fd, void *address) {
    uint64_t entry;
    CHECK_EQ(pread(fd, &entry, 8, (uintptr_t)address / 4096 * 8), 8);
    return entry;
}

TEST(pagemap) {
    const uint64_t present = 1ULL << 63, swapped = 1ULL << 62, file = 1ULL << 61, exclusive = 1ULL << 56;
    int fd = OK(open("/proc/self/pagemap", O_RDONLY));
    char *area = OK(mmap(NULL, 4 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    OK(madvise(area, 4 * 4096, MADV_NOHUGEPAGE));
    CHECK_EQ(page_entry(fd, area) & (present | swapped), 0);
    area[4096] = 1;
    CHECK_EQ(page_entry(fd, area + 4096) & (present | file | exclusive), present | exclusive);
    CHECK_EQ(page_entry(fd, area + 8192) & present, 0);
    CHECK(page_entry(fd, (void *)((uintptr_t)page_entry & -4096UL)) & file);
    uint64_t entry[2];
    CHECK_ERRNO(pread(fd, entry, 7, 0), EINVAL);
    CHECK_ERRNO(pread(fd, entry, 8, 4), EINVAL);
    CHECK_EQ(page_entry(fd, NULL), 0);
    CHECK_EQ(pread(fd, entry, 8, 1LL << 50), 0);
}

TEST(clear_refs) {
    const char *path = "/proc/self/clear_refs";
    CHECK_EQ(write_errno(path, "0"), EINVAL);
    CHECK_EQ(write_errno(path, "6"), EINVAL);
    CHECK_EQ(write_errno(path, "x"), EINVAL);
    write_text(path, "1\n");
    CHECK_ERRNO(open(path, O_RDONLY) < 0 ? -1 : read(open(path, O_RDONLY), (char[1]){0}, 1), geteuid() ? EACCES : EINVAL);
    char *area = OK(mmap(NULL, 8 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    memset(area, 1, 8 << 20);
    OK(munmap(area, 8 << 20));
    CHECK(field_of("/proc/self/status", "VmHWM") >= field_of("/proc/self/status", "VmRSS") + 7000);
    write_text(path, "5");
    CHECK(field_of("/proc/self/status", "VmHWM") < field_of("/proc/self/status", "VmRSS") + 4000);
}

TEST(numa_maps) {
    char *text = read_text("/proc/self/numa_maps");
    CHECK(strstr(text, " default ") && strstr(text, " stack ") && strstr(text, " file=/"));
    CHECK(strstr(text, " anon=") && strstr(text, " N0="));
}

TEST(sched_files) {
    char *text = read_text("/proc/self/sched");
    CHECK(strstr(text, "se.sum_exec_runtime") && strstr(text, "nr_switches") && strstr(text, "prio "));
    unsigned long long run, wait, slices;
    CHECK_EQ(sscanf(read_text("/proc/self/schedstat"), "%llu %llu %llu", &run, &wait, &slices), 3);
    // Kernels without these statistics show zeros.
    CHECK(run == 0 || slices > 0);
}

TEST(auxv) {
    int fd = OK(open("/proc/self/auxv", O_RDONLY));
    unsigned long pairs[128];
    ssize_t n = OK(read(fd, pairs, sizeof pairs));
    CHECK(n >= 16 * 10 && n % 16 == 0 && pairs[n / 8 - 2] == 0);
    bool has_page_size = false;
    for (int i = 0; i < n / 8; i += 2) has_page_size |= pairs[i] == 6 && pairs[i + 1] == 4096;
    CHECK(has_page_size);
}
