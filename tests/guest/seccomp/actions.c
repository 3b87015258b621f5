// seccomp(2): what becomes of calls.
#include "../test.h"
#include "filter.h"
#include <sys/ptrace.h>
#include <sys/ucontext.h>

static volatile siginfo_t caught;
static volatile greg_t registers[NGREG];
static volatile int catches;

static void on_sigsys(int number, siginfo_t *info, void *context) {
    (void)number;
    ucontext_t *uc = context;
    memcpy((void *)&caught, info, sizeof caught);
    memcpy((void *)registers, uc->uc_mcontext.gregs, sizeof registers);
    catches++;
    if (info->si_errno == 77) uc->uc_mcontext.gregs[REG_RAX] = 4711;
}

static void catch_sigsys(void) {
    struct sigaction action = {.sa_sigaction = on_sigsys, .sa_flags = SA_SIGINFO};
    OK(sigaction(SIGSYS, &action, NULL));
}

// A call by hand, so that registers and the place are known.
extern char behind_call[];
__attribute__((noinline, noclone)) static long by_hand(long nr, long a, long b, long c, long d, long e, long f) {
    register long r10 __asm__("r10") = d, r8 __asm__("r8") = e, r9 __asm__("r9") = f;
    long result;
    __asm__ volatile("syscall\n.globl behind_call\nbehind_call:"
                     : "=a"(result)
                     : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return result;
}

TEST(errno_values) {
    no_new_privs();
    filter_call(TRIED, SECCOMP_RET_ERRNO | 5);
    filter_call(TRIED + 1, SECCOMP_RET_ERRNO | 0);
    filter_call(TRIED + 2, SECCOMP_RET_ERRNO | 4095);
    filter_call(TRIED + 3, SECCOMP_RET_ERRNO | 4096);
    filter_call(TRIED + 4, SECCOMP_RET_ERRNO | 0xffff);
    CHECK_EQ(by_hand(TRIED, 0, 0, 0, 0, 0, 0), -5);
    CHECK_EQ(by_hand(TRIED + 1, 0, 0, 0, 0, 0, 0), 0);
    CHECK_EQ(by_hand(TRIED + 2, 0, 0, 0, 0, 0, 0), -4095);
    CHECK_EQ(by_hand(TRIED + 3, 0, 0, 0, 0, 0, 0), -4095);
    CHECK_EQ(by_hand(TRIED + 4, 0, 0, 0, 0, 0, 0), -4095);
    CHECK_EQ(by_hand(TRIED + 5, 0, 0, 0, 0, 0, 0), -ENOSYS);
}

// The call itself is not made.
TEST(refused_calls_do_nothing) {
    no_new_privs();
    filter_call(SYS_mkdir, SECCOMP_RET_ERRNO | EXDEV);
    CHECK_ERRNO(syscall(SYS_mkdir, "d", 0777), EXDEV);
    CHECK_ERRNO(access("d", F_OK), ENOENT);
    OK(mkdirat(AT_FDCWD, "d", 0777));
}

TEST(whole_arguments_are_seen) {
    no_new_privs();
    // The sum of all twelve halves is the errno.
    struct sock_filter code[50] = {LOAD(nr), IF_EQUAL(TRIED, 1, 0), RETURN(SECCOMP_RET_ALLOW)};
    int n = 3;
    for (int i = 0; i < 12; i++) {
        code[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 16 + 4 * i);
        code[n++] = (struct sock_filter)BPF_STMT(BPF_ALU | BPF_ADD | BPF_X, 0);
        code[n++] = (struct sock_filter)BPF_STMT(BPF_MISC | BPF_TAX, 0);
    }
    code[n++] = (struct sock_filter)BPF_STMT(BPF_ALU | BPF_ADD | BPF_K, SECCOMP_RET_ERRNO);
    code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_A, 0);
    OK(load_filter(0, code, n));
    CHECK_EQ(by_hand(TRIED, 1, 2, 3, 4, 5, 6), -21);
    CHECK_EQ(by_hand(TRIED, 1L << 32, 2L << 32, 3L << 32, 4L << 32, 5L << 32, 6L << 32 | 7), -28);
}

TEST(number_place_and_architecture) {
    no_new_privs();
    uint64_t place = (uint64_t)behind_call;
    OK(FILTER(LOAD(nr), IF_EQUAL(TRIED, 1, 0), RETURN(SECCOMP_RET_ALLOW), LOAD(arch), IF_EQUAL(AUDIT_ARCH_X86_64, 1, 0),
              RETURN(SECCOMP_RET_ERRNO | 1), BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 8), IF_EQUAL((uint32_t)place, 1, 0),
              RETURN(SECCOMP_RET_ERRNO | 2), BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 12), IF_EQUAL(place >> 32, 1, 0),
              RETURN(SECCOMP_RET_ERRNO | 3), RETURN(SECCOMP_RET_ERRNO | 4)));
    CHECK_EQ(by_hand(TRIED, 0, 0, 0, 0, 0, 0), -4);
    // The number is the low half of the register.
    CHECK_EQ(by_hand(5L << 32 | TRIED, 0, 0, 0, 0, 0, 0), -4);
}

TEST(trap_shows_the_call) {
    catch_sigsys();
    no_new_privs();
    filter_call(TRIED, SECCOMP_RET_TRAP | 0x1234);
    long result = by_hand(TRIED, 11, 12, 13, 14, 15, 16);
    CHECK_EQ(catches, 1);
    CHECK_EQ(caught.si_signo, SIGSYS);
    CHECK_EQ(caught.si_code, 1);
    CHECK_EQ(caught.si_errno, 0x1234);
    CHECK_EQ(caught.si_syscall, TRIED);
    CHECK_EQ(caught.si_arch, AUDIT_ARCH_X86_64);
    CHECK(caught.si_call_addr == behind_call);
    CHECK_EQ(registers[REG_RIP], (long)behind_call);
    CHECK_EQ(registers[REG_RAX], TRIED);
    CHECK_EQ(registers[REG_RDI], 11);
    CHECK_EQ(registers[REG_RSI], 12);
    CHECK_EQ(registers[REG_RDX], 13);
    CHECK_EQ(registers[REG_R10], 14);
    CHECK_EQ(registers[REG_R8], 15);
    CHECK_EQ(registers[REG_R9], 16);
    CHECK_EQ(registers[REG_RCX], (long)behind_call);
    // Without a handler's doing the result is the number.
    CHECK_EQ(result, TRIED);
}

TEST(trap_handlers_give_results) {
    catch_sigsys();
    no_new_privs();
    filter_call(SYS_getppid, SECCOMP_RET_TRAP | 77);
    CHECK_EQ(syscall(SYS_getppid), 4711);
    CHECK_EQ(syscall(SYS_getppid), 4711);
    CHECK_EQ(catches, 2);
}

// A place that has made many calls looks the same to filters and handlers.
extern char behind_busy_call[];
__attribute__((noinline, noclone)) static long busy_call(long a, long f) {
    register long r9 __asm__("r9") = f;
    long result;
    __asm__ volatile("mov $110, %%eax\nsyscall\n.globl behind_busy_call\nbehind_busy_call:"
                     : "=a"(result)
                     : "D"(a), "r"(r9)
                     : "rcx", "r11", "memory");
    return result;
}

TEST(trap_at_a_busy_place) {
    catch_sigsys();
    pid_t parent = getppid();
    for (int i = 0; i < 20000; i++) CHECK_EQ(busy_call(0, 0), parent);
    no_new_privs();
    filter_call(SYS_getppid, SECCOMP_RET_TRAP | 5);
    CHECK_EQ(busy_call(21, 26), SYS_getppid);
    CHECK_EQ(catches, 1);
    CHECK(caught.si_call_addr == behind_busy_call);
    CHECK_EQ(caught.si_syscall, SYS_getppid);
    CHECK_EQ(registers[REG_RIP], (long)behind_busy_call);
    CHECK_EQ(registers[REG_RCX], (long)behind_busy_call);
    CHECK_EQ(registers[REG_RAX], SYS_getppid);
    CHECK_EQ(registers[REG_RDI], 21);
    CHECK_EQ(registers[REG_R9], 26);
    filter_call(SYS_getppid, SECCOMP_RET_KILL_PROCESS);
    int status = status_of(FORK(busy_call(0, 0)));
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS);
}

TEST(trap_without_a_handler_kills) {
    int status = status_of(FORK(no_new_privs(); filter_call(TRIED, SECCOMP_RET_TRAP); syscall(TRIED)));
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS);
}

TEST(trap_blocked_or_ignored_kills) {
    catch_sigsys();
    int status = status_of(
        FORK(no_new_privs(); block_signal(SIGSYS); filter_call(TRIED, SECCOMP_RET_TRAP); syscall(TRIED)));
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS);
    status = status_of(
        FORK(no_new_privs(); signal(SIGSYS, SIG_IGN); filter_call(TRIED, SECCOMP_RET_TRAP); syscall(TRIED)));
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS);
}

static void *call_in_thread(void *nr) { return (void *)syscall((long)nr); }

TEST(kill_process_ends_all_threads) {
    catch_sigsys();
    int status = status_of(FORK({
        no_new_privs();
        filter_call(TRIED, SECCOMP_RET_KILL_PROCESS);
        start_thread(call_in_thread, (void *)TRIED);
        sleep_ms(8000);
    }));
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS);
    CHECK_EQ(catches, 0);
}

TEST(kill_thread_ends_one) {
    int status = status_of(FORK({
        no_new_privs();
        filter_call(TRIED, SECCOMP_RET_KILL_THREAD);
        join_thread(start_thread(call_in_thread, (void *)TRIED));
        _exit(7);
    }));
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 7);
}

TEST(kill_thread_ends_the_last) {
    int status = status_of(FORK(no_new_privs(); filter_call(TRIED, SECCOMP_RET_KILL_THREAD); syscall(TRIED)));
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS);
}

static void *exit_in_thread(void *none) {
    (void)none;
    WAIT_UNTIL(state_of(getpid()) == 'Z');
    syscall(SYS_exit, 5);
    return NULL;
}

// The status of the process is that of its last thread.
TEST(kill_thread_of_the_first) {
    int status = status_of(FORK({
        no_new_privs();
        filter_call(TRIED, SECCOMP_RET_KILL_THREAD);
        start_thread(exit_in_thread, NULL);
        syscall(TRIED);
    }));
    CHECK_EQ(status, 5 << 8);
}

TEST(core_flag) {
    struct rlimit none = {0, 0};
    OK(setrlimit(RLIMIT_CORE, &none));
    int status = status_of(FORK(no_new_privs(); filter_call(TRIED, SECCOMP_RET_KILL_PROCESS); syscall(TRIED)));
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS && !WCOREDUMP(status));
    siginfo_t info;
    pid_t pid = FORK(no_new_privs(); filter_call(TRIED, SECCOMP_RET_KILL_PROCESS); syscall(TRIED));
    OK(waitid(P_PID, pid, &info, WEXITED));
    CHECK_EQ(info.si_code, CLD_KILLED);
    CHECK_EQ(info.si_status, SIGSYS);
}

TEST(unknown_actions_kill) {
    int status = status_of(FORK(no_new_privs(); filter_call(TRIED, 0x00010000); syscall(TRIED)));
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS);
    status = status_of(FORK(no_new_privs(); filter_call(TRIED, 0x7ffd0000); syscall(TRIED)));
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS);
}

TEST(trace_without_a_tracer) {
    no_new_privs();
    filter_call(SYS_getppid, SECCOMP_RET_TRACE | 9);
    CHECK_ERRNO(syscall(SYS_getppid), ENOSYS);
}

TEST(notification_without_a_listener) {
    no_new_privs();
    filter_call(SYS_getppid, SECCOMP_RET_USER_NOTIF);
    CHECK_ERRNO(syscall(SYS_getppid), ENOSYS);
}

TEST(log_allows) {
    pid_t parent = getppid();
    no_new_privs();
    OK(filter_call_with(SECCOMP_FILTER_FLAG_LOG, SYS_getppid, SECCOMP_RET_LOG));
    CHECK_EQ(syscall(SYS_getppid), parent);
}

// All filters are asked; what allows least counts, the newest of equals.
TEST(the_least_permissive_counts) {
    no_new_privs();
    filter_call(TRIED, SECCOMP_RET_ERRNO | 1);
    filter_call(TRIED, SECCOMP_RET_ERRNO | 2);
    CHECK_EQ(by_hand(TRIED, 0, 0, 0, 0, 0, 0), -2);
    filter_call(TRIED, SECCOMP_RET_ALLOW);
    filter_call(TRIED, SECCOMP_RET_LOG);
    filter_call(TRIED, SECCOMP_RET_TRACE);
    filter_call(TRIED, SECCOMP_RET_USER_NOTIF);
    CHECK_EQ(by_hand(TRIED, 0, 0, 0, 0, 0, 0), -2);
    filter_call(TRIED, SECCOMP_RET_ERRNO | 3);
    CHECK_EQ(by_hand(TRIED, 0, 0, 0, 0, 0, 0), -3);
    catch_sigsys();
    filter_call(TRIED, SECCOMP_RET_TRAP | 8);
    CHECK_EQ(by_hand(TRIED, 0, 0, 0, 0, 0, 0), TRIED);
    CHECK_EQ(caught.si_errno, 8);
    int status = status_of(FORK({
        filter_call(TRIED, SECCOMP_RET_KILL_THREAD);
        filter_call(TRIED, SECCOMP_RET_ERRNO | 3);
        syscall(TRIED);
    }));
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS);
}

TEST(results_come_back_in_the_accumulator) {
    no_new_privs();
    OK(FILTER(LOAD(nr), IF_EQUAL(TRIED, 1, 0), RETURN(SECCOMP_RET_ALLOW), BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 16),
              BPF_STMT(BPF_ALU | BPF_OR | BPF_K, SECCOMP_RET_ERRNO), BPF_STMT(BPF_RET | BPF_A, 0)));
    CHECK_EQ(by_hand(TRIED, 99, 0, 0, 0, 0, 0), -99);
}

TEST(division_by_zero_kills) {
    int status = status_of(FORK({
        no_new_privs();
        OK(FILTER(LOAD(nr), IF_EQUAL(TRIED, 1, 0), RETURN(SECCOMP_RET_ALLOW), BPF_STMT(BPF_LDX | BPF_IMM, 0),
                  BPF_STMT(BPF_ALU | BPF_DIV | BPF_X, 0), RETURN(SECCOMP_RET_ALLOW)));
        syscall(TRIED);
    }));
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS);
}

// A call that a signal interrupts is decided about again when it goes on.
static int pipes[2];
static void write_and_count(int number) {
    (void)number;
    catches++;
    filter_call(SYS_read, SECCOMP_RET_ERRNO | EXDEV);
    if (write(pipes[1], "x", 1) != 1) _exit(9);
}

TEST(restarted_calls_are_decided_again) {
    no_new_privs();
    OK(pipe(pipes));
    handle(SIGALRM, write_and_count, SA_RESTART);
    struct itimerval soon = {.it_value = {0, 50000}};
    OK(setitimer(ITIMER_REAL, &soon, NULL));
    char byte;
    CHECK_ERRNO(read(pipes[0], &byte, 1), EXDEV);
    CHECK_EQ(catches, 1);
}


// A sleep that SIGSTOP and SIGCONT interrupt goes on as another call, which filters see.
TEST(restart_syscall_is_a_call) {
    pid_t pid = FORK({
        no_new_privs();
        filter_call(SYS_restart_syscall, SECCOMP_RET_ERRNO | EXDEV);
        struct timespec time = {5, 0};
        CHECK_ERRNO(syscall(SYS_nanosleep, &time, NULL), EXDEV);
    });
    wait_asleep(pid);
    kill(pid, SIGSTOP);
    WAIT_UNTIL(state_of(pid) == 'T');
    kill(pid, SIGCONT);
    reap(pid);
}
