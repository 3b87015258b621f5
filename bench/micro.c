// Micro-benchmarks: `micro [ROW...]` prints "ROW nanoseconds ns" for each row (one operation, the median of several
// batches). Static, so that a new process costs the same everywhere. `micro --list` names the rows.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "batch.h"

static const char *self;
static int fds[2], back[2], file;
static char *page;
static volatile uint32_t word;

static void op_getpid(void) { syscall(SYS_getpid); }
static void op_umask(void) { syscall(SYS_umask, 022); }
static void op_clock(void) { now(); }
static void op_stat(void) {
    struct stat st;
    if (stat("/etc/passwd", &st) < 0) fail("stat");
}
static void op_open(void) {
    int fd = open("/etc/passwd", O_RDONLY);
    if (fd < 0) fail("open");
    close(fd);
}

static void open_file(void) {
    char name[] = "/tmp/micro-XXXXXX", block[4096] = {1};
    file = mkstemp(name);
    if (file < 0 || write(file, block, 4096) != 4096) fail("mkstemp");
    unlink(name);
}
static void op_pread(void) {
    char block[4096];
    if (pread(file, block, 4096, 0) != 4096) fail("pread");
}

static void open_pipe(void) {
    if (pipe(fds) < 0 || pipe(back) < 0) fail("pipe");
}
static void op_pipe(void) {
    char c = 1;
    if (write(fds[1], &c, 1) != 1 || read(fds[0], &c, 1) != 1) fail("pipe");
}

static void *map(size_t size) {
    void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED) fail("mmap");
    return p;
}
static void op_mmap(void) {
    char *p = map(4096);
    *(volatile char *)p = 1;
    munmap(p, 4096);
}

enum { FAULTS = 4096 };
static void op_faults(void) {
    char *p = map(FAULTS * 4096);
    madvise(p, FAULTS * 4096, MADV_NOHUGEPAGE);
    int64_t start = now();
    for (int i = 0; i < FAULTS; i++) ((volatile char *)p)[i * 4096] = 1;
    word = (uint32_t)((now() - start) / FAULTS);
    munmap(p, FAULTS * 4096);
}

static void map_page(void) { page = map(4096); }
static void op_mprotect(void) {
    mprotect(page, 4096, PROT_READ);
    mprotect(page, 4096, PROT_READ | PROT_WRITE);
    *(volatile char *)page = 1;
}

static void op_fork(void) {
    pid_t pid = fork();
    if (pid == 0) _exit(0);
    if (pid < 0 || waitpid(pid, NULL, 0) != pid) fail("fork");
}
static void op_exec(void) {
    pid_t pid = fork();
    if (pid == 0) {
        execl(self, "micro", "--nothing", NULL);
        _exit(1);
    }
    int status;
    if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0) fail("exec");
}

static void *nothing(void *argument) { return argument; }
static void op_thread(void) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, nothing, NULL) != 0) fail("pthread_create");
    pthread_join(thread, NULL);
}

static void futex_wait(volatile uint32_t *at, uint32_t value) {
    while (__atomic_load_n(at, __ATOMIC_ACQUIRE) == value) syscall(SYS_futex, at, FUTEX_WAIT_PRIVATE, value, NULL, NULL, 0);
}
static void futex_set(volatile uint32_t *at, uint32_t value) {
    __atomic_store_n(at, value, __ATOMIC_RELEASE);
    syscall(SYS_futex, at, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}
static void *futex_partner(void *unused) {
    for (;;) {
        futex_wait(&word, 0);
        if (word == 2) return unused;
        futex_set(&word, 0);
    }
}
static pthread_t partner;
static void start_futex(void) {
    word = 0;
    pthread_create(&partner, NULL, futex_partner, NULL);
}
static void stop_futex(void) {
    futex_set(&word, 2);
    pthread_join(partner, NULL);
}
static void op_futex(void) {
    futex_set(&word, 1);
    futex_wait(&word, 1);
}

static pid_t child;
static void echo(int in, int out) {
    for (char c; read(in, &c, 1) == 1;)
        if (write(out, &c, 1) != 1) break;
    _exit(0);
}
static void start_pipes(void) {
    open_pipe();
    child = fork();
    if (child == 0) {
        close(fds[1]);
        close(back[0]);
        echo(fds[0], back[1]);
    }
    close(fds[0]);
    close(back[1]);
    fds[0] = back[0];
}
static void stop_child(void) {
    close(fds[0]);
    close(fds[1]);
    waitpid(child, NULL, 0);
}
static void start_unix(void) {
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0) fail("socketpair");
    child = fork();
    if (child == 0) {
        close(pair[0]);
        echo(pair[1], pair[1]);
    }
    close(pair[1]);
    fds[0] = fds[1] = pair[0];
}
static void op_echo(void) {
    char c = 1;
    if (write(fds[1], &c, 1) != 1 || read(fds[0], &c, 1) != 1) fail("echo");
}
// A connection over loopback to a child that lets `serve` have it.
static void connect_tcp(void (*serve)(int)) {
    struct sockaddr_in address = {AF_INET, 0, {htonl(INADDR_LOOPBACK)}, {0}};
    socklen_t length = sizeof address;
    int one = 1, server = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(server, (void *)&address, sizeof address) < 0 || listen(server, 1) < 0 ||
        getsockname(server, (void *)&address, &length) < 0)
        fail("tcp");
    child = fork();
    if (child == 0) {
        int fd = accept(server, NULL, NULL);
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        serve(fd);
    }
    fds[0] = fds[1] = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(fds[0], IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (connect(fds[0], (void *)&address, sizeof address) < 0) fail("connect");
    close(server);
}
static void echo_back(int fd) { echo(fd, fd); }
static void start_tcp(void) { connect_tcp(echo_back); }

// Throughput: nanoseconds for 64 KiB, written at once, to a child that reads as much at a time.
static char block[64 * 1024];
static void swallow(int fd) {
    while (read(fd, block, sizeof block) > 0) {
    }
    _exit(0);
}
static void start_pipe_stream(void) {
    if (pipe(fds) < 0) fail("pipe");
    child = fork();
    if (child == 0) {
        close(fds[1]);
        swallow(fds[0]);
    }
}
static void start_unix_stream(void) {
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds) < 0) fail("socketpair");
    child = fork();
    if (child == 0) {
        close(fds[1]);
        swallow(fds[0]);
    }
}
static void start_tcp_stream(void) { connect_tcp(swallow); }
static void op_stream(void) {
    if (write(fds[1], block, sizeof block) != sizeof block) fail("write");
}

// A thousand idle pipes and one that is ready.
enum { IDLE = 1000 };
static int epoll;
static struct pollfd polled[IDLE + 1];
static void open_idle(void) {
    struct rlimit limit = {4096, 4096};
    setrlimit(RLIMIT_NOFILE, &limit);
    epoll = epoll_create1(0);
    for (int i = 0; i <= IDLE; i++) {
        if (pipe(fds) < 0) fail("pipe");
        struct epoll_event event = {EPOLLIN, {.fd = fds[0]}};
        if (epoll_ctl(epoll, EPOLL_CTL_ADD, fds[0], &event) < 0) fail("epoll_ctl");
        polled[i] = (struct pollfd){fds[0], POLLIN, 0};
    }
    if (write(fds[1], "", 1) != 1) fail("write");
}
static void op_epoll_idle(void) {
    struct epoll_event events[64];
    if (epoll_wait(epoll, events, 64, -1) != 1) fail("epoll_wait");
}
static void op_poll_idle(void) {
    if (poll(polled, IDLE + 1, -1) != 1) fail("poll");
}

static void handle(int number) { (void)number; }
static void catch_signal(void) { signal(SIGUSR1, handle); }
static void op_signal(void) { syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), SIGUSR1); }

static void repair(int number, siginfo_t *info, void *context) {
    (void)number, (void)info, (void)context;
    mprotect(page, 4096, PROT_READ | PROT_WRITE);
}
static void catch_fault(void) {
    map_page();
    struct sigaction action = {.sa_sigaction = repair, .sa_flags = SA_SIGINFO};
    sigaction(SIGSEGV, &action, NULL);
}
static void op_fault(void) {
    mprotect(page, 4096, PROT_READ);
    *(volatile char *)page = 1;
}

// One call after some computing: only the call is timed.
static void after_computing(int us, int times) {
    int64_t sum = 0;
    for (int i = 0; i < times; i++) {
        for (int64_t end = now() + us * 1000ll; now() < end;) {
        }
        int64_t start = now();
        op_umask();
        sum += now() - start;
    }
    word = (uint32_t)(sum / times);
}
static void op_after_50us(void) { after_computing(50, 200); }
static void op_after_1ms(void) { after_computing(1000, 30); }

// The first calls of a fresh program, which tells by a pipe.
static int64_t first_clocks(void) {
    enum { CALLS = 200 };
    int64_t start = now(), end = start;
    for (int i = 0; i < CALLS; i++) end = now();
    return (end - start) / CALLS;
}
static void op_first_clocks(void) {
    int result[2];
    if (pipe(result) < 0) fail("pipe");
    pid_t pid = fork();
    if (pid == 0) {
        dup2(result[1], 1);
        execl(self, "micro", "--first-clocks", NULL);
        _exit(1);
    }
    int64_t each;
    if (read(result[0], &each, sizeof each) != sizeof each) fail("first clocks");
    waitpid(pid, NULL, 0);
    close(result[0]);
    close(result[1]);
    word = (uint32_t)each;
}

static const struct row {
    const char *name;
    void (*prepare)(void);
    void (*run)(void);
    void (*finish)(void);
    int count; // operations of a batch; 0 when the operation measures by itself and leaves nanoseconds in `word`
} rows[] = {
    {"getpid", NULL, op_getpid, NULL, 20000},
    {"umask", NULL, op_umask, NULL, 20000},
    {"umask-after-50us", NULL, op_after_50us, NULL, 0},
    {"umask-after-1ms", NULL, op_after_1ms, NULL, 0},
    {"clock_gettime", NULL, op_clock, NULL, 200000},
    {"clock_gettime-first", NULL, op_first_clocks, NULL, 0},
    {"stat", NULL, op_stat, NULL, 5000},
    {"open-close", NULL, op_open, NULL, 5000},
    {"pread-4k", open_file, op_pread, NULL, 10000},
    {"pipe-write-read", open_pipe, op_pipe, NULL, 10000},
    {"mmap-touch-munmap", NULL, op_mmap, NULL, 3000},
    {"page-fault", NULL, op_faults, NULL, 0},
    {"mprotect-pair-touch", map_page, op_mprotect, NULL, 3000},
    {"fork-exit-wait", NULL, op_fork, NULL, 100},
    {"fork-exec-wait", NULL, op_exec, NULL, 40},
    {"thread-create-join", NULL, op_thread, NULL, 300},
    {"futex-ping-pong", start_futex, op_futex, stop_futex, 3000},
    {"pipe-ping-pong", start_pipes, op_echo, stop_child, 3000},
    {"unix-ping-pong", start_unix, op_echo, stop_child, 3000},
    {"tcp-ping-pong", start_tcp, op_echo, stop_child, 2000},
    {"pipe-64k", start_pipe_stream, op_stream, stop_child, 1000},
    {"unix-64k", start_unix_stream, op_stream, stop_child, 1000},
    {"tcp-64k", start_tcp_stream, op_stream, stop_child, 1000},
    {"epoll-1000-idle", open_idle, op_epoll_idle, NULL, 5000},
    {"poll-1000-idle", open_idle, op_poll_idle, NULL, 200},
    {"signal-to-self", catch_signal, op_signal, NULL, 5000},
    {"segv-mprotect", catch_fault, op_fault, NULL, 3000},
};

static int64_t batch(const struct row *row) {
    if (row->count == 0) {
        row->run();
        return word;
    }
    int64_t start = now();
    for (int i = 0; i < row->count; i++) row->run();
    return (now() - start) * 10 / row->count; // tenths
}

static void measure(const struct row *row) {
    int64_t results[BATCHES];
    if (row->prepare) row->prepare();
    batch(row);
    for (int i = 0; i < BATCHES; i++) results[i] = batch(row);
    if (row->finish) row->finish();
    qsort(results, BATCHES, sizeof *results, by_value);
    printf("%s %.1f ns\n", row->name, row->count ? results[BATCHES / 2] / 10.0 : (double)results[BATCHES / 2]);
    fflush(stdout);
}

int main(int argc, char **argv) {
    if (argc > 1 && strcmp(argv[1], "--nothing") == 0) return 0;
    if (argc > 1 && strcmp(argv[1], "--first-clocks") == 0) {
        int64_t each = first_clocks();
        return write(1, &each, sizeof each) != sizeof each;
    }
    static char path[4096];
    if (readlink("/proc/self/exe", path, sizeof path - 1) > 0) self = path;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int wanted = argc < 2;
        for (int a = 1; a < argc; a++) wanted |= strcmp(argv[a], rows[i].name) == 0;
        if (argc > 1 && strcmp(argv[1], "--list") == 0) puts(rows[i].name);
        else if (wanted) measure(&rows[i]);
    }
}
