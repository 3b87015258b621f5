// sigaction(2), kill(2), raise(3): handlers, masks while they run, flags, siginfo.
#include "../test.h"
#include <setjmp.h>
#include <ucontext.h>

static volatile sig_atomic_t runs, depth, deepest, seen_number;
static volatile siginfo_t seen;

static void count(int number) {
    seen_number = number;
    runs++;
}

static void note(int number, siginfo_t *info, void *context) {
    (void)context;
    seen_number = number;
    seen = *info;
    runs++;
}

static void nest(int number) {
    depth++;
    if (depth > deepest) deepest = depth;
    if (++runs < 3) raise(number);
    depth--;
}

TEST(handler_runs_before_raise_returns) {
    handle(SIGUSR1, count, 0);
    CHECK_EQ(raise(SIGUSR1), 0);
    CHECK_EQ(runs, 1);
    OK(kill(getpid(), SIGUSR1));
    CHECK_EQ(runs, 2);
    CHECK_EQ(seen_number, SIGUSR1);
}

TEST(own_signal_is_blocked_in_handler) {
    handle(SIGUSR1, nest, 0);
    raise(SIGUSR1);
    CHECK_EQ(runs, 3);
    CHECK_EQ(deepest, 1);
}

TEST(nodefer_nests) {
    handle(SIGUSR1, nest, SA_NODEFER);
    raise(SIGUSR1);
    CHECK_EQ(runs, 3);
    CHECK_EQ(deepest, 3);
}

TEST(resethand_resets) {
    handle(SIGUSR1, count, SA_RESETHAND);
    raise(SIGUSR1);
    struct sigaction action;
    OK(sigaction(SIGUSR1, NULL, &action));
    CHECK(action.sa_handler == SIG_DFL);
    CHECK_EQ(runs, 1);
}

static sigset_t mask_inside;
static void read_mask(int number) {
    (void)number;
    pthread_sigmask(SIG_BLOCK, NULL, &mask_inside);
}

TEST(mask_in_handler_and_after) {
    struct sigaction action = {.sa_handler = read_mask};
    sigemptyset(&action.sa_mask);
    sigaddset(&action.sa_mask, SIGUSR2);
    OK(sigaction(SIGUSR1, &action, NULL));
    block_signal(SIGHUP);
    raise(SIGUSR1);
    CHECK(sigismember(&mask_inside, SIGUSR1) && sigismember(&mask_inside, SIGUSR2) && sigismember(&mask_inside, SIGHUP));
    CHECK(!sigismember(&mask_inside, SIGINT));
    sigset_t after;
    pthread_sigmask(SIG_BLOCK, NULL, &after);
    CHECK(!sigismember(&after, SIGUSR1) && !sigismember(&after, SIGUSR2) && sigismember(&after, SIGHUP));
}

TEST(siginfo_of_kill_tkill_and_queue) {
    struct sigaction action = {.sa_sigaction = note, .sa_flags = SA_SIGINFO};
    OK(sigaction(SIGUSR1, &action, NULL));
    OK(kill(getpid(), SIGUSR1));
    CHECK_EQ(seen.si_code, SI_USER);
    CHECK_EQ(seen.si_pid, getpid());
    CHECK_EQ(seen.si_uid, getuid());
    OK(syscall(SYS_tgkill, getpid(), my_tid(), SIGUSR1));
    CHECK_EQ(seen.si_code, SI_TKILL);
    OK(sigqueue(getpid(), SIGUSR1, (union sigval){.sival_int = 77}));
    CHECK_EQ(seen.si_code, SI_QUEUE);
    CHECK_EQ(seen.si_int, 77);
    CHECK_EQ(runs, 3);
}

static volatile uint64_t changed_rax;
static void change_registers(int number, siginfo_t *info, void *context) {
    (void)number, (void)info;
    ucontext_t *user = context;
    user->uc_mcontext.gregs[REG_R12] = 0x1234;
    sigaddset(&user->uc_sigmask, SIGUSR2);
}

TEST(handler_edits_registers_and_mask) {
    struct sigaction action = {.sa_sigaction = change_registers, .sa_flags = SA_SIGINFO};
    OK(sigaction(SIGUSR1, &action, NULL));
    uint64_t value = 0, result = SYS_tgkill;
    __asm__ volatile("xor %%r12d, %%r12d\n syscall\n mov %%r12, %0"
                     : "=r"(value), "+a"(result)
                     : "D"((uint64_t)getpid()), "S"((uint64_t)my_tid()), "d"((uint64_t)SIGUSR1)
                     : "rcx", "r11", "r12", "memory");
    CHECK_EQ(result, 0);
    CHECK_EQ(value, 0x1234);
    sigset_t after;
    pthread_sigmask(SIG_BLOCK, NULL, &after);
    CHECK(sigismember(&after, SIGUSR2));
}

TEST(all_registers_survive_a_handler) {
    handle(SIGUSR1, count, 0);
    uint64_t bad = 0, result = SYS_tgkill;
    __asm__ volatile("mov $0x1111, %%rbx\n mov $0x2222, %%r8\n mov $0x3333, %%r9\n mov $0x4444, %%r10\n"
                     "mov $0x5555, %%r12\n mov $0x6666, %%r13\n mov $0x7777, %%r14\n mov $0x8888, %%r15\n"
                     "std\n syscall\n"
                     "pushfq\n pop %%rcx\n cld\n and $0x400, %%ecx\n cmp $0x400, %%ecx\n jne 1f\n"
                     "cmp $0x1111, %%rbx\n jne 1f\n cmp $0x2222, %%r8\n jne 1f\n cmp $0x3333, %%r9\n jne 1f\n"
                     "cmp $0x4444, %%r10\n jne 1f\n cmp $0x5555, %%r12\n jne 1f\n cmp $0x6666, %%r13\n jne 1f\n"
                     "cmp $0x7777, %%r14\n jne 1f\n cmp $0x8888, %%r15\n jne 1f\n jmp 2f\n"
                     "1: movq $1, %0\n 2:\n"
                     : "+m"(bad), "+a"(result)
                     : "D"((uint64_t)getpid()), "S"((uint64_t)my_tid()), "d"((uint64_t)SIGUSR1)
                     : "rbx", "rcx", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "memory", "cc");
    CHECK_EQ(result, 0);
    CHECK_EQ(bad, 0);
    CHECK_EQ(runs, 1);
}

TEST(syscall_leaves_rip_in_rcx_and_flags_in_r11) {
    uint64_t rcx = 0, r11 = 0, here = 0, result = SYS_getppid;
    __asm__ volatile("stc\n syscall\n 1: lea 1b(%%rip), %2\n mov %%rcx, %0\n mov %%r11, %1"
                     : "=&r"(rcx), "=&r"(r11), "=&r"(here), "+a"(result)
                     :
                     : "rcx", "r11", "memory", "cc");
    CHECK_EQ(rcx, here);
    CHECK(r11 & 1);
}

TEST(kill_and_stop_take_no_handler) {
    struct sigaction action = {.sa_handler = count};
    CHECK_ERRNO(sigaction(SIGKILL, &action, NULL), EINVAL);
    CHECK_ERRNO(sigaction(SIGSTOP, &action, NULL), EINVAL);
    CHECK_ERRNO(sigaction(0, &action, NULL), EINVAL);
    CHECK_ERRNO(sigaction(65, NULL, &action), EINVAL);
    OK(sigaction(SIGKILL, NULL, &action));
    sigset_t set, now;
    sigfillset(&set);
    pthread_sigmask(SIG_SETMASK, &set, NULL);
    pthread_sigmask(SIG_SETMASK, NULL, &now);
    CHECK(!sigismember(&now, SIGKILL) && !sigismember(&now, SIGSTOP) && sigismember(&now, SIGTERM));
}

TEST(kill_errors) {
    CHECK_ERRNO(kill(getpid(), 65), EINVAL);
    CHECK_ERRNO(kill(getpid(), -1), EINVAL);
    CHECK_ERRNO(kill(0x3ffffff, 0), ESRCH);
    CHECK_ERRNO(kill(-0x3ffffff, SIGTERM), ESRCH);
    CHECK_ERRNO(syscall(SYS_tgkill, getpid(), 0, 0), EINVAL);
    CHECK_ERRNO(syscall(SYS_tgkill, getpid(), 0x3ffffff, 0), ESRCH);
    CHECK_ERRNO(syscall(SYS_tkill, -1, 0), EINVAL);
    OK(kill(getpid(), 0));
    OK(kill(0, 0));
}

TEST(ignored_signal_is_dropped) {
    signal(SIGTERM, SIG_IGN);
    raise(SIGTERM);
    block_signal(SIGTERM);
    raise(SIGTERM);
    sigset_t pending;
    sigpending(&pending);
    signal(SIGTERM, SIG_IGN);
    sigpending(&pending);
    CHECK(!sigismember(&pending, SIGTERM));
    signal(SIGTERM, SIG_DFL);
    unblock_signal(SIGTERM);
}

TEST(setting_ignore_discards_a_pending_signal) {
    block_signal(SIGUSR1);
    handle(SIGUSR1, count, 0);
    raise(SIGUSR1);
    sigset_t pending;
    sigpending(&pending);
    CHECK(sigismember(&pending, SIGUSR1));
    signal(SIGUSR1, SIG_IGN);
    handle(SIGUSR1, count, 0);
    unblock_signal(SIGUSR1);
    CHECK_EQ(runs, 0);
}

TEST(default_actions) {
    const int fatal[] = {SIGHUP, SIGINT, SIGKILL, SIGPIPE, SIGALRM, SIGTERM, SIGUSR1, SIGUSR2, SIGIO, SIGVTALRM,
                         SIGPROF, SIGPWR, SIGSTKFLT, SIGRTMIN, SIGRTMAX, SIGQUIT, SIGILL, SIGABRT, SIGSEGV, SIGSYS};
    for (size_t i = 0; i < sizeof fatal / sizeof *fatal; i++) {
        int status = status_of(FORK(kill(getpid(), fatal[i]); sleep_ms(5000)));
        if (!WIFSIGNALED(status) || WTERMSIG(status) != fatal[i]) FAIL("signal %d: status 0x%x", fatal[i], status);
    }
    const int harmless[] = {SIGCHLD, SIGURG, SIGWINCH, SIGCONT};
    for (size_t i = 0; i < sizeof harmless / sizeof *harmless; i++) reap(FORK(OK(kill(getpid(), harmless[i]))));
}

TEST(exec_keeps_ignored_and_mask_resets_handlers) {
    signal(SIGUSR1, SIG_IGN);
    handle(SIGUSR2, count, 0);
    block_signal(SIGHUP);
    raise(SIGHUP);
    int out[2];
    OK(pipe(out));
    pid_t pid = FORK(raise(SIGHUP); dup2(out[1], 1); execlp("cat", "cat", "/proc/self/status", NULL); _exit(9));
    close(out[1]);
    char text[8192];
    size_t n = 0;
    for (ssize_t got; (got = read(out[0], text + n, sizeof text - 1 - n)) > 0;) n += got;
    text[n] = 0;
    reap(pid);
    unsigned long long blocked, ignored, caught, pending;
    CHECK_EQ(sscanf(strstr(text, "ShdPnd:"), "ShdPnd: %llx", &pending), 1);
    CHECK_EQ(sscanf(strstr(text, "SigBlk:"), "SigBlk: %llx", &blocked), 1);
    CHECK_EQ(sscanf(strstr(text, "SigIgn:"), "SigIgn: %llx", &ignored), 1);
    CHECK_EQ(sscanf(strstr(text, "SigCgt:"), "SigCgt: %llx", &caught), 1);
    CHECK(blocked & (1ull << (SIGHUP - 1)));
    CHECK(ignored & (1ull << (SIGUSR1 - 1)));
    CHECK_EQ(caught & (1ull << (SIGUSR2 - 1)), 0);
}

static void *sleep_for_signal(void *seconds) {
    sleep_ms(5000);
    return seconds;
}

TEST(fatal_signal_ends_all_threads) {
    int status = status_of(FORK(for (int i = 0; i < 4; i++) start_thread(sleep_for_signal, NULL); sleep_ms(20);
                                kill(getpid(), SIGTERM); sleep_ms(5000)));
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
}

static sigjmp_buf back;
static void take_long_jump(int number) { siglongjmp(back, number); }

TEST(longjmp_out_of_a_handler) {
    handle(SIGUSR1, take_long_jump, 0);
    for (volatile int i = 0; i < 100; i++)
        if (sigsetjmp(back, 1) == 0) {
            raise(SIGUSR1);
            FAIL("raise returned");
        }
    sigset_t now;
    pthread_sigmask(SIG_SETMASK, NULL, &now);
    CHECK(!sigismember(&now, SIGUSR1));
}

TEST(kill_needs_permission) {
    pid_t target = FORK(pause());
    reap(FORK(OK(setresuid(1000, 1000, 1000)); CHECK_ERRNO(kill(target, SIGTERM), EPERM);
              CHECK_ERRNO(kill(target, 0), EPERM); CHECK_ERRNO(kill(1, 0), EPERM)));
    OK(kill(target, SIGKILL));
    status_of(target);
}

TEST(bad_frame_kills) {
    int status = status_of(FORK(
        signal(SIGSEGV, SIG_DFL); handle(SIGUSR1, count, 0);
        __asm__ volatile("movq $16, %%rsp\n mov $200, %%eax\n syscall\n ud2" ::"D"((uint64_t)my_tid()),
                         "S"((uint64_t)SIGUSR1)
                         : "memory")));
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
}
