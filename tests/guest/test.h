// Assertions for guest programs. A program is one C file of TEST(name) { ... } blocks.
//
// Each test runs in a child process of its own, in a temporary directory of its own, with a time limit;
// a failed CHECK prints its place and ends that child with code 1, from whatever thread it is called.
// A process that a test forks fails in the same way; `reap` carries that on to the parent.
//
//   PROGRAM            runs all tests        PROGRAM -l         lists them
//   PROGRAM NAME...    runs these            PROGRAM -n NAME    runs one in this very process
#pragma once

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { TEST_LIMIT_MS = 60000, TEST_SKIPPED = 77, TEST_MAX = 200 };

struct test {
    const char *name;
    void (*run)(void);
};

static struct test tests[TEST_MAX];
static int test_count;
static char test_dir[64];

#define TEST(id)                                                                                                       \
    static void test_##id(void);                                                                                       \
    __attribute__((constructor)) static void add_##id(void) {                                                          \
        tests[test_count++] = (struct test){#id, test_##id};                                                           \
    }                                                                                                                  \
    static void test_##id(void)

__attribute__((noreturn, format(printf, 3, 4), unused)) static void fail_at(const char *file, int line,
                                                                           const char *format, ...) {
    char text[600];
    int n = snprintf(text, sizeof text, "FAIL %s:%d ", file, line);
    va_list args;
    va_start(args, format);
    n += vsnprintf(text + n, sizeof text - n - 1, format, args);
    va_end(args);
    if (n > (int)sizeof text - 2) n = sizeof text - 2;
    text[n++] = '\n';
    if (write(1, text, n) < 0) _exit(2);
    _exit(1);
}

#define FAIL(...) fail_at(__FILE__, __LINE__, __VA_ARGS__)

#define CHECK(condition)                                                                                               \
    do {                                                                                                               \
        if (!(condition)) FAIL("%s (errno %d %s)", #condition, errno, strerror(errno));                                \
    } while (0)

#define CHECK_EQ(left, right)                                                                                          \
    do {                                                                                                               \
        long long left_ = (long long)(left), right_ = (long long)(right);                                              \
        if (left_ != right_)                                                                                           \
            FAIL("%s == %s: %lld, %lld (errno %d %s)", #left, #right, left_, right_, errno, strerror(errno));          \
    } while (0)

#define CHECK_STR(left, right)                                                                                         \
    do {                                                                                                               \
        const char *left_ = (left), *right_ = (right);                                                                 \
        if (strcmp(left_, right_) != 0) FAIL("%s: \"%s\", want \"%s\"", #left, left_, right_);                         \
    } while (0)

// Handlers may have run: glibc declares most calls as functions that call nothing back.
#define BARRIER() __asm__ volatile("" ::: "memory")

// The call succeeds (is not -1); its value.
#define OK(call)                                                                                                       \
    ({                                                                                                                 \
        __auto_type value_ = (call);                                                                                   \
        BARRIER();                                                                                                     \
        if ((long long)value_ == -1) FAIL("%s: errno %d %s", #call, errno, strerror(errno));                           \
        value_;                                                                                                        \
    })

#define CHECK_ERRNO(call, number)                                                                                      \
    do {                                                                                                               \
        errno = 0;                                                                                                     \
        long long value_ = (long long)(call);                                                                          \
        BARRIER();                                                                                                     \
        if (value_ != -1 || errno != (number))                                                                         \
            FAIL("%s = %lld, errno %d %s, want %s", #call, value_, errno, strerror(errno), #number);                   \
    } while (0)

#define SKIP(reason)                                                                                                   \
    do {                                                                                                               \
        printf("skip: %s\n", reason);                                                                                  \
        fflush(stdout);                                                                                                \
        _exit(TEST_SKIPPED);                                                                                           \
    } while (0)

// A child process that runs the block and exits 0; its pid.
#define FORK(...)                                                                                                      \
    ({                                                                                                                 \
        pid_t pid_ = OK(fork());                                                                                       \
        if (pid_ == 0) {                                                                                               \
            __VA_ARGS__;                                                                                               \
            _exit(0);                                                                                                  \
        }                                                                                                              \
        pid_;                                                                                                          \
    })

// Waits for something that another thread or process is about to do.
#define WAIT_UNTIL(condition)                                                                                          \
    do {                                                                                                               \
        int64_t end_ = now_ms() + 8000;                                                                                \
        while (!(condition)) {                                                                                         \
            if (now_ms() > end_) FAIL("never: %s", #condition);                                                        \
            usleep(200);                                                                                               \
        }                                                                                                              \
    } while (0)

#define UNUSED __attribute__((unused)) static

UNUSED int64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

UNUSED int64_t now_ms(void) { return now_ns() / 1000000; }

UNUSED void sleep_ms(int ms) {
    struct timespec t = {ms / 1000, ms % 1000 * 1000000L};
    while (nanosleep(&t, &t) < 0 && errno == EINTR) {
    }
}

UNUSED int status_of(pid_t pid) {
    int status = -1;
    pid_t got;
    do got = waitpid(pid, &status, 0);
    while (got < 0 && errno == EINTR);
    CHECK_EQ(got, pid);
    return status;
}

// Waits for a child that must exit 0.
#define reap(pid)                                                                                                      \
    do {                                                                                                               \
        int status_ = status_of(pid);                                                                                  \
        if (status_ != 0) FAIL("child ended with status 0x%x", status_);                                               \
    } while (0)

// The letter of a task's state in /proc, '?' when it is gone.
UNUSED char state_of(pid_t tid) {
    char path[64], text[512];
    snprintf(path, sizeof path, "/proc/%d/stat", tid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return '?';
    ssize_t n = read(fd, text, sizeof text - 1);
    close(fd);
    if (n <= 0) return '?';
    text[n] = 0;
    char *end = strrchr(text, ')');
    return end && end[1] ? end[2] : '?';
}

// Waits until a task sleeps in a call, and is still asleep a little later.
UNUSED void wait_asleep(pid_t tid) {
    WAIT_UNTIL(state_of(tid) == 'S');
    usleep(2000);
    WAIT_UNTIL(state_of(tid) == 'S');
}

UNUSED void *shared_page(void) {
    void *page = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(page != MAP_FAILED);
    return page;
}

UNUSED pid_t my_tid(void) { return syscall(SYS_gettid); }

// The whole of a small file as a string.
UNUSED char *read_text(const char *path) {
    static __thread char text[262144];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) FAIL("open %s: errno %d %s", path, errno, strerror(errno));
    size_t n = 0;
    for (;;) {
        ssize_t got = read(fd, text + n, sizeof text - 1 - n);
        if (got < 0) FAIL("read %s: errno %d %s", path, errno, strerror(errno));
        if (got == 0) break;
        n += got;
    }
    text[n] = 0;
    close(fd);
    return text;
}

UNUSED void write_text(const char *path, const char *text) {
    int fd = OK(open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
    CHECK_EQ(write(fd, text, strlen(text)), strlen(text));
    close(fd);
}

// The number behind `key` in a /proc file of "key: value" lines, -1 when the key is missing.
UNUSED long long field_of(const char *path, const char *key) {
    char *text = read_text(path);
    size_t length = strlen(key);
    for (char *line = text; line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL)
        if (strncmp(line, key, length) == 0 && line[length] == ':') return strtoll(line + length + 1, NULL, 0);
    return -1;
}

UNUSED void handle(int number, void (*handler)(int), int flags) {
    struct sigaction action = {.sa_handler = handler, .sa_flags = flags};
    OK(sigaction(number, &action, NULL));
}

UNUSED void block_signal(int number) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, number);
    CHECK_EQ(pthread_sigmask(SIG_BLOCK, &set, NULL), 0);
}

UNUSED void unblock_signal(int number) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, number);
    CHECK_EQ(pthread_sigmask(SIG_UNBLOCK, &set, NULL), 0);
}

UNUSED pthread_t start_thread(void *(*body)(void *), void *argument) {
    pthread_t thread;
    CHECK_EQ(pthread_create(&thread, NULL, body, argument), 0);
    return thread;
}

UNUSED void *join_thread(pthread_t thread) {
    void *value;
    CHECK_EQ(pthread_join(thread, &value), 0);
    return value;
}

static int remove_entry(const char *path, const struct stat *st, int kind, struct FTW *where) {
    (void)st, (void)kind, (void)where;
    remove(path);
    return 0;
}

static int run_test(const struct test *test) {
    strcpy(test_dir, "/tmp/guest-XXXXXX");
    if (!mkdtemp(test_dir)) {
        printf("FAIL %s: mkdtemp: %s\n", test->name, strerror(errno));
        return 1;
    }
    chmod(test_dir, 0777);
    fflush(stdout);
    pid_t pid = fork();
    if (pid < 0) {
        printf("FAIL %s: fork: %s\n", test->name, strerror(errno));
        return 1;
    }
    if (pid == 0) {
        setpgid(0, 0);
        if (chdir(test_dir) < 0) FAIL("chdir %s", test_dir);
        test->run();
        fflush(stdout);
        _exit(0);
    }
    setpgid(pid, pid);
    int status = 0, pause_us = 50, ended = 0;
    for (int64_t end = now_ms() + TEST_LIMIT_MS; !ended && now_ms() < end;) {
        ended = waitpid(pid, &status, WNOHANG) == pid;
        if (!ended) usleep(pause_us);
        if (pause_us < 2000) pause_us *= 2;
    }
    kill(-pid, SIGKILL);
    if (!ended) {
        kill(pid, SIGKILL);
        waitpid(pid, &status, 0);
    }
    nftw(test_dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    if (!ended) printf("FAIL %s: time limit\n", test->name);
    else if (WIFSIGNALED(status)) printf("FAIL %s: signal %d\n", test->name, WTERMSIG(status));
    else if (WEXITSTATUS(status) == TEST_SKIPPED) printf("skipped %s\n", test->name);
    else if (WEXITSTATUS(status) != 0) printf("FAIL %s: exit code %d\n", test->name, WEXITSTATUS(status));
    else printf("ok %s\n", test->name);
    return !ended || (status != 0 && !(WIFEXITED(status) && WEXITSTATUS(status) == TEST_SKIPPED));
}

static bool is_asked_for(const char *name, int argc, char **argv) {
    if (argc < 2) return true;
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], name) == 0) return true;
    return false;
}

// A program that needs to do something else when it is executed by its own tests defines TEST_MAIN first;
// it answers true when it has handled the arguments.
#ifdef TEST_MAIN
static bool TEST_MAIN(int argc, char **argv);
#endif

int main(int argc, char **argv) {
    setvbuf(stdout, NULL, _IOLBF, 4096);
#ifdef TEST_MAIN
    if (TEST_MAIN(argc, argv)) return 0;
#endif
    bool in_process = argc > 1 && strcmp(argv[1], "-n") == 0;
    int failed = 0;
    for (int i = 0; i < test_count; i++) {
        if (argc > 1 && strcmp(argv[1], "-l") == 0) printf("%s\n", tests[i].name);
        else if (!is_asked_for(tests[i].name, argc, argv)) continue;
        else if (in_process) tests[i].run();
        else failed += run_test(&tests[i]);
    }
    return failed != 0;
}
