// seccomp(2), prctl(2): modes, programs that are taken and refused, who has filters.
#include "../test.h"
#include "filter.h"

static void drop_rights(void) {
    if (geteuid() == 0) {
        OK(setresgid(12345, 12345, 12345));
        OK(setresuid(12345, 12345, 12345));
    }
}

TEST(arguments) {
    CHECK_ERRNO(syscall(SYS_seccomp, 99, 0, NULL), EINVAL);
    CHECK_ERRNO(syscall(SYS_seccomp, SECCOMP_SET_MODE_STRICT, 1, NULL), EINVAL);
    CHECK_ERRNO(syscall(SYS_seccomp, SECCOMP_SET_MODE_STRICT, 0, &errno), EINVAL);
    CHECK_ERRNO(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0x40, NULL), EINVAL);
    CHECK_ERRNO(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, NULL), EFAULT);
    CHECK_ERRNO(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
                        SECCOMP_FILTER_FLAG_TSYNC | SECCOMP_FILTER_FLAG_NEW_LISTENER, NULL),
                EINVAL);
    CHECK_ERRNO(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV, NULL), EINVAL);
    CHECK_ERRNO(prctl(PR_SET_SECCOMP, 3, 0, 0, 0), EINVAL);
    CHECK_ERRNO(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, 0, 0, 0), EFAULT);
    CHECK_EQ(prctl(PR_GET_SECCOMP, 0, 0, 0, 0), 0);
}

TEST(available_actions) {
    uint32_t actions[] = {SECCOMP_RET_KILL_PROCESS, SECCOMP_RET_KILL_THREAD, SECCOMP_RET_TRAP, SECCOMP_RET_ERRNO,
                          SECCOMP_RET_USER_NOTIF,   SECCOMP_RET_TRACE,       SECCOMP_RET_LOG,  SECCOMP_RET_ALLOW};
    for (int i = 0; i < 8; i++) OK(syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &actions[i]));
    uint32_t none = 0x12340000, data = SECCOMP_RET_ERRNO | 1;
    CHECK_ERRNO(syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &none), EOPNOTSUPP);
    CHECK_ERRNO(syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &data), EOPNOTSUPP);
    CHECK_ERRNO(syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 1, &actions[0]), EINVAL);
    CHECK_ERRNO(syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, NULL), EFAULT);
    CHECK_STR(read_text("/proc/sys/kernel/seccomp/actions_avail"),
              "kill_process kill_thread trap errno user_notif trace log allow\n");
}

TEST(sizes) {
    struct seccomp_notif_sizes sizes;
    OK(syscall(SYS_seccomp, SECCOMP_GET_NOTIF_SIZES, 0, &sizes));
    CHECK_EQ(sizes.seccomp_notif, 80);
    CHECK_EQ(sizes.seccomp_notif_resp, 24);
    CHECK_EQ(sizes.seccomp_data, 64);
    CHECK_ERRNO(syscall(SYS_seccomp, SECCOMP_GET_NOTIF_SIZES, 1, &sizes), EINVAL);
    CHECK_ERRNO(syscall(SYS_seccomp, SECCOMP_GET_NOTIF_SIZES, 0, NULL), EFAULT);
}

TEST(logged_actions) {
    if (geteuid() != 0) SKIP("needs root");
    const char *path = "/proc/sys/kernel/seccomp/actions_logged";
    char old[200];
    strcpy(old, read_text(path));
    write_text(path, "log trap\n");
    char now[200];
    strcpy(now, read_text(path));
    int fd = OK(open(path, O_WRONLY));
    ssize_t allow = write(fd, "allow", 5);
    int allow_errno = errno;
    ssize_t none = write(fd, "nothing", 7);
    int none_errno = errno;
    close(fd);
    write_text(path, old);
    CHECK_STR(now, "trap log\n");
    CHECK(allow == -1 && allow_errno == EINVAL);
    CHECK(none == -1 && none_errno == EINVAL);
    CHECK_STR(read_text(path), old);
}

// The order: length, rights, place, then the program itself.
TEST(rights) {
    reap(FORK({
        drop_rights();
        struct sock_fprog program = {.len = 0, .filter = NULL};
        CHECK_ERRNO(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program), EINVAL);
        program.len = 5000;
        CHECK_ERRNO(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program), EINVAL);
        program.len = 1;
        CHECK_ERRNO(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program), EACCES);
        CHECK_ERRNO(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0), EACCES);
        no_new_privs();
        CHECK_ERRNO(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program), EINVAL);
        program.filter = (void *)8;
        CHECK_ERRNO(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program), EFAULT);
        OK(FILTER(RETURN(SECCOMP_RET_ALLOW)));
    }));
    if (geteuid() != 0) return;
    // CAP_SYS_ADMIN is enough.
    reap(FORK(OK(FILTER(RETURN(SECCOMP_RET_ALLOW)))));
}

TEST(programs_that_are_refused) {
    no_new_privs();
    CHECK_ERRNO(FILTER(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0)), EINVAL);
    CHECK_ERRNO(FILTER(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 64), RETURN(0)), EINVAL);
    CHECK_ERRNO(FILTER(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 2), RETURN(0)), EINVAL);
    CHECK_ERRNO(FILTER(BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 0), RETURN(0)), EINVAL);
    CHECK_ERRNO(FILTER(BPF_STMT(BPF_LD | BPF_W | BPF_IND, 0), RETURN(0)), EINVAL);
    CHECK_ERRNO(FILTER(BPF_STMT(BPF_LDX | BPF_B | BPF_MSH, 0), RETURN(0)), EINVAL);
    CHECK_ERRNO(FILTER(BPF_STMT(BPF_ALU | BPF_MOD | BPF_K, 1), RETURN(0)), EINVAL);
    CHECK_ERRNO(FILTER(BPF_STMT(BPF_ALU | BPF_DIV | BPF_K, 0), RETURN(0)), EINVAL);
    CHECK_ERRNO(FILTER(BPF_STMT(BPF_ALU | BPF_RSH | BPF_K, 32), RETURN(0)), EINVAL);
    CHECK_ERRNO(FILTER(BPF_STMT(BPF_LD | BPF_MEM, 0), RETURN(0)), EINVAL);
    CHECK_ERRNO(FILTER(BPF_STMT(BPF_ST, 16), RETURN(0)), EINVAL);
    CHECK_ERRNO(FILTER(BPF_STMT(BPF_JMP | BPF_JA, 1), RETURN(0)), EINVAL);
    CHECK_ERRNO(FILTER(IF_EQUAL(0, 0, 1), RETURN(0)), EINVAL);
    CHECK_EQ(prctl(PR_GET_SECCOMP, 0, 0, 0, 0), 0);
}

TEST(chains_have_an_end) {
    no_new_privs();
    int count = 0;
    while (FILTER(RETURN(SECCOMP_RET_ALLOW)) == 0) count++;
    CHECK_EQ(errno, ENOMEM);
    CHECK_EQ(count, 3641);
    CHECK_EQ(field_of("/proc/self/status", "Seccomp_filters"), count);
    reap(FORK(CHECK_EQ(field_of("/proc/self/status", "Seccomp_filters"), count)));
}

TEST(long_programs) {
    no_new_privs();
    struct sock_filter code[4097];
    for (int i = 0; i < 4097; i++) code[i] = (struct sock_filter)RETURN(SECCOMP_RET_ALLOW);
    CHECK_ERRNO(load_filter(0, code, 4097), EINVAL);
    OK(load_filter(0, code, 4096));
    OK(load_filter(0, code, 4096));
    OK(load_filter(0, code, 4096));
    // Each counts for what Linux makes of it: twice as much here.
    CHECK_ERRNO(load_filter(0, code, 4096), ENOMEM);
    OK(load_filter(0, code, 4000));
}

TEST(status_shows_filters) {
    CHECK_EQ(field_of("/proc/self/status", "Seccomp"), 0);
    CHECK_EQ(field_of("/proc/self/status", "Seccomp_filters"), 0);
    no_new_privs();
    struct sock_filter code[] = {RETURN(SECCOMP_RET_ALLOW)};
    struct sock_fprog program = {.len = 1, .filter = code};
    OK(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0));
    OK(FILTER(RETURN(SECCOMP_RET_ALLOW)));
    CHECK_EQ(prctl(PR_GET_SECCOMP, 0, 0, 0, 0), 2);
    CHECK_EQ(field_of("/proc/self/status", "Seccomp"), 2);
    CHECK_EQ(field_of("/proc/self/status", "Seccomp_filters"), 2);
    CHECK_ERRNO(prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT, 0, 0, 0), EINVAL);
    CHECK_ERRNO(syscall(SYS_seccomp, SECCOMP_SET_MODE_STRICT, 0, NULL), EINVAL);
    pid_t pid = FORK(sleep_ms(1); _exit(0));
    WAIT_UNTIL(state_of(pid) == 'Z');
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/status", pid);
    CHECK_EQ(field_of(path, "Seccomp"), 2);
    reap(pid);
}

TEST(strict_mode) {
    int pipes[2];
    OK(pipe(pipes));
    int status = status_of(FORK({
        OK(prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT, 0, 0, 0));
        char byte = 'x';
        syscall(SYS_write, pipes[1], &byte, 1);
        syscall(SYS_read, pipes[0], &byte, 1);
        syscall(SYS_write, pipes[1], &byte, 1);
        syscall(SYS_exit, byte == 'x' ? 3 : 4);
    }));
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 3);
    status = status_of(FORK(OK(syscall(SYS_seccomp, SECCOMP_SET_MODE_STRICT, 0, NULL)); syscall(SYS_getpid);
                            syscall(SYS_exit, 3)));
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    // exit_group is not among the four.
    status = status_of(FORK(OK(prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT, 0, 0, 0)); syscall(SYS_exit_group, 0)));
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static volatile int seen;
static void note(int number) { seen = number; }

TEST(strict_mode_has_handlers) {
    int status = status_of(FORK({
        handle(SIGSEGV, note, SA_RESETHAND);
        struct sigaction action = {.sa_handler = note};
        OK(sigaction(SIGUSR1, &action, NULL));
        block_signal(SIGUSR1);
        raise(SIGUSR1);
        int pipes[2];
        OK(pipe(pipes));
        pid_t parent = getpid();
        if (fork() == 0) {
            sleep_ms(50);
            kill(parent, SIGUSR2);
            _exit(0);
        }
        handle(SIGUSR2, note, 0);
        OK(prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT, 0, 0, 0));
        char byte;
        long got = syscall(SYS_read, pipes[0], &byte, 1);
        syscall(SYS_exit, got == -1 && seen == SIGUSR2 ? 6 : 7);
    }));
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 6);
}

static void *strict_thread(void *none) {
    (void)none;
    OK(prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT, 0, 0, 0));
    syscall(SYS_getpid);
    return NULL;
}

TEST(strict_mode_kills_one_thread) {
    pthread_t thread = start_thread(strict_thread, NULL);
    join_thread(thread);
    CHECK_EQ(prctl(PR_GET_SECCOMP, 0, 0, 0, 0), 0);
}

static void *show_mode(void *none) {
    (void)none;
    return (void *)(long)prctl(PR_GET_SECCOMP, 0, 0, 0, 0);
}

TEST(children_have_filters) {
    no_new_privs();
    filter_call(TRIED, SECCOMP_RET_ERRNO | 7);
    reap(FORK(CHECK_ERRNO(syscall(TRIED), 7); CHECK_EQ(prctl(PR_GET_SECCOMP, 0, 0, 0, 0), 2)));
    CHECK_EQ((long)join_thread(start_thread(show_mode, NULL)), 2);
    // A child's own filter is not its parent's.
    reap(FORK(filter_call(TRIED, SECCOMP_RET_ERRNO | 8); CHECK_ERRNO(syscall(TRIED), 8)));
    CHECK_ERRNO(syscall(TRIED), 7);
    pid_t pid = vfork();
    if (pid == 0) _exit(syscall(TRIED) == -1 && errno == 7 ? 0 : 1);
    reap(pid);
}

TEST(programs_keep_filters) {
    no_new_privs();
    filter_call(SYS_mkdir, SECCOMP_RET_ERRNO | EXDEV);
    filter_call(SYS_mkdirat, SECCOMP_RET_ERRNO | EXDEV);
    int pipes[2];
    OK(pipe(pipes));
    pid_t pid = FORK({
        dup2(pipes[1], 2);
        dup2(pipes[1], 1);
        execl("/bin/sh", "sh", "-c", "LC_ALL=C mkdir d; grep ^Seccomp: /proc/self/status", NULL);
        _exit(127);
    });
    close(pipes[1]);
    char text[400];
    size_t n = 0;
    for (ssize_t got; (got = read(pipes[0], text + n, sizeof text - 1 - n)) > 0;) n += got;
    text[n] = 0;
    reap(pid);
    CHECK(strstr(text, "cross-device link"));
    CHECK(strstr(text, "Seccomp:\t2"));
}

// no_new_privs comes with the filters.
TEST(no_new_privs_in_children) {
    no_new_privs();
    OK(FILTER(RETURN(SECCOMP_RET_ALLOW)));
    reap(FORK(CHECK_EQ(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), 1); OK(FILTER(RETURN(SECCOMP_RET_ALLOW)))));
}

static volatile int go, ready;
static volatile long results[4];

static void *wait_and_try(void *index) {
    __atomic_fetch_add(&ready, 1, __ATOMIC_SEQ_CST);
    while (!go) sched_yield();
    results[(long)index] = syscall(TRIED) == -1 ? errno : 0;
    return (void *)(long)prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0);
}

TEST(tsync) {
    pthread_t threads[3];
    for (long i = 0; i < 3; i++) threads[i] = start_thread(wait_and_try, (void *)i);
    WAIT_UNTIL(ready == 3);
    no_new_privs();
    OK(filter_call_with(SECCOMP_FILTER_FLAG_TSYNC, TRIED, SECCOMP_RET_ERRNO | 7));
    go = 1;
    for (int i = 0; i < 3; i++) {
        CHECK_EQ((long)join_thread(threads[i]), 1);
        CHECK_EQ(results[i], 7);
    }
}

// A thread that sleeps in a call gets the filter too.
static int sleepers[2];
static void *sleep_and_try(void *none) {
    (void)none;
    char byte;
    if (read(sleepers[0], &byte, 1) != 1) return (void *)-1L;
    return (void *)(long)(syscall(TRIED) == -1 ? errno : 0);
}

TEST(tsync_of_sleepers) {
    OK(pipe(sleepers));
    pthread_t thread = start_thread(sleep_and_try, NULL);
    sleep_ms(20);
    no_new_privs();
    OK(filter_call_with(SECCOMP_FILTER_FLAG_TSYNC, TRIED, SECCOMP_RET_ERRNO | 9));
    CHECK_EQ(write(sleepers[1], "x", 1), 1);
    CHECK_EQ((long)join_thread(thread), 9);
}

static volatile pid_t stray;
static void *diverge(void *none) {
    (void)none;
    no_new_privs();
    OK(FILTER(RETURN(SECCOMP_RET_ALLOW)));
    stray = my_tid();
    while (!go) sched_yield();
    return NULL;
}

TEST(tsync_refuses_other_chains) {
    no_new_privs();
    OK(FILTER(RETURN(SECCOMP_RET_ALLOW)));
    pthread_t thread = start_thread(diverge, NULL);
    WAIT_UNTIL(stray != 0);
    CHECK_EQ(filter_call_with(SECCOMP_FILTER_FLAG_TSYNC, TRIED, SECCOMP_RET_ERRNO | 7), stray);
    CHECK_ERRNO(
        filter_call_with(SECCOMP_FILTER_FLAG_TSYNC | SECCOMP_FILTER_FLAG_TSYNC_ESRCH, TRIED, SECCOMP_RET_ERRNO | 7),
        ESRCH);
    CHECK_ERRNO(syscall(TRIED), ENOSYS);
    CHECK_EQ(field_of("/proc/self/status", "Seccomp_filters"), 1);
    go = 1;
    join_thread(thread);
    // The thread that was in the way is gone.
    OK(filter_call_with(SECCOMP_FILTER_FLAG_TSYNC, TRIED, SECCOMP_RET_ERRNO | 7));
    CHECK_ERRNO(syscall(TRIED), 7);
}

// Calls that ask for little are filtered as well, at places that have made many of them.
#define PLAIN_CALL(name, nr)                                                                                           \
    __attribute__((noinline, noclone)) static long name(void) {                                                        \
        long result;                                                                                                   \
        register long fourth __asm__("r10") = 0;                                                                       \
        __asm__ volatile("mov $" #nr ", %%eax\nsyscall"                                                               \
                         : "=a"(result)                                                                                \
                         : "D"(0), "S"(0), "d"(0), "r"(fourth)                                                         \
                         : "rcx", "r11", "memory");                                                                    \
        return result;                                                                                                 \
    }

PLAIN_CALL(plain_getpid, 39)
PLAIN_CALL(plain_gettid, 186)
PLAIN_CALL(plain_getuid, 102)
PLAIN_CALL(plain_yield, 24)
PLAIN_CALL(plain_futex, 202)
PLAIN_CALL(plain_madvise, 28)

TEST(plain_calls) {
    static const struct {
        long (*call)(void);
        int nr;
    } calls[] = {{plain_getpid, 39}, {plain_gettid, 186}, {plain_getuid, 102},
                 {plain_yield, 24},  {plain_futex, 202},  {plain_madvise, 28}};
    long before[6];
    for (int i = 0; i < 6; i++)
        // Whoever yields to busy neighbours waits for a turn of each.
        for (int n = 0; n < (calls[i].nr == SYS_sched_yield ? 50 : 3000); n++) before[i] = calls[i].call();
    no_new_privs();
    for (int i = 0; i < 6; i++) {
        CHECK_EQ(calls[i].call(), before[i]);
        filter_call(calls[i].nr, SECCOMP_RET_ERRNO | (50 + i));
        CHECK_EQ(calls[i].call(), -50 - i);
    }
    reap(FORK(for (int i = 0; i < 6; i++) CHECK_EQ(calls[i].call(), -50 - i)));
}

static void *ask_until_refused(void *none) {
    (void)none;
    ready = 1;
    int64_t end = now_ms() + 8000;
    for (long count = 0;; count++) {
        if (plain_gettid() == -77) return (void *)count;
        if (count % 1000 == 0 && now_ms() > end) return (void *)-1L;
    }
}

TEST(tsync_reaches_busy_threads) {
    pthread_t thread = start_thread(ask_until_refused, NULL);
    WAIT_UNTIL(ready);
    sleep_ms(200);
    no_new_privs();
    OK(filter_call_with(SECCOMP_FILTER_FLAG_TSYNC, SYS_gettid, SECCOMP_RET_ERRNO | 77));
    CHECK((long)join_thread(thread) > 0);
}

// Filters decide about calls of many threads at a time while they change.
static void *call_on(void *none) {
    (void)none;
    long count = 0;
    do {
        CHECK(syscall(SYS_getppid) > 0);
        long got = syscall(TRIED) == -1 ? errno : 0;
        CHECK(got == ENOSYS || (got >= 1 && got <= 20));
        count++;
    } while (!go);
    return (void *)count;
}

TEST(tsync_while_calls_are_made) {
    pthread_t threads[3];
    for (long i = 0; i < 3; i++) threads[i] = start_thread(call_on, NULL);
    no_new_privs();
    for (int i = 1; i <= 20; i++) {
        OK(filter_call_with(SECCOMP_FILTER_FLAG_TSYNC, TRIED, SECCOMP_RET_ERRNO | i));
        sleep_ms(2);
    }
    go = 1;
    for (int i = 0; i < 3; i++) CHECK((long)join_thread(threads[i]) > 0);
}
