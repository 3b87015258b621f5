// sigaltstack(2) and what a handler finds on its stack.
#include "../test.h"
#include <sys/auxv.h>
#include <ucontext.h>

#ifndef SS_AUTODISARM
#define SS_AUTODISARM (1U << 31)
#endif
enum { SIZE = 65536 };

static char stack[SIZE] __attribute__((aligned(16)));
static volatile sig_atomic_t runs, on_stack, misaligned;
static stack_t inside;

static void look(int number, siginfo_t *info, void *context) {
    (void)info, (void)context, (void)number;
    char here;
    on_stack = &here >= stack && &here < stack + SIZE;
    misaligned = ((uintptr_t)__builtin_frame_address(0) & 15) != 0;
    sigaltstack(NULL, &inside);
    runs++;
}

static void set_stack(unsigned flags) {
    stack_t ss = {.ss_sp = stack, .ss_size = SIZE, .ss_flags = (int)flags};
    OK(sigaltstack(&ss, NULL));
    struct sigaction action = {.sa_sigaction = look, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    OK(sigaction(SIGUSR1, &action, NULL));
}

TEST(handler_runs_on_it) {
    set_stack(0);
    raise(SIGUSR1);
    CHECK(on_stack && !misaligned);
    CHECK_EQ(inside.ss_flags, SS_ONSTACK);
    stack_t after;
    OK(sigaltstack(NULL, &after));
    CHECK_EQ(after.ss_flags, 0);
    CHECK(after.ss_sp == stack);
}

TEST(only_with_onstack) {
    set_stack(0);
    struct sigaction action = {.sa_sigaction = look, .sa_flags = SA_SIGINFO};
    OK(sigaction(SIGUSR1, &action, NULL));
    raise(SIGUSR1);
    CHECK(!on_stack);
}

TEST(autodisarm) {
    set_stack(SS_AUTODISARM);
    raise(SIGUSR1);
    CHECK(on_stack);
    CHECK_EQ(inside.ss_flags, SS_DISABLE);
    stack_t after;
    OK(sigaltstack(NULL, &after));
    CHECK_EQ((unsigned)after.ss_flags, SS_AUTODISARM);
    CHECK(after.ss_sp == stack);
}

static volatile int busy;
static void change_while_on_it(int number) {
    (void)number;
    stack_t ss = {.ss_sp = stack, .ss_size = SIZE};
    busy = sigaltstack(&ss, NULL) < 0 ? errno : 0;
}

TEST(change_while_running_on_it) {
    set_stack(0);
    handle(SIGUSR1, change_while_on_it, SA_ONSTACK);
    raise(SIGUSR1);
    CHECK_EQ(busy, EPERM);
}

TEST(errors_and_disable) {
    stack_t ss = {.ss_sp = stack, .ss_size = 1000};
    CHECK_ERRNO(sigaltstack(&ss, NULL), ENOMEM);
    ss = (stack_t){.ss_sp = stack, .ss_size = SIZE, .ss_flags = 0x40};
    CHECK_ERRNO(sigaltstack(&ss, NULL), EINVAL);
    set_stack(0);
    ss = (stack_t){.ss_flags = SS_DISABLE};
    OK(sigaltstack(&ss, NULL));
    raise(SIGUSR1);
    CHECK(!on_stack);
}

static void on_overflow(int number, siginfo_t *info, void *context) {
    (void)number, (void)info, (void)context;
    _exit(42);
}

__attribute__((noinline)) static int fall(volatile char *above) {
    volatile char frame[4096];
    frame[0] = above ? above[0] : 0;
    if (frame[0] == 99) return 0;
    return fall(frame) + frame[0];
}

TEST(stack_overflow_is_caught_on_it) {
    set_stack(0);
    struct sigaction action = {.sa_sigaction = on_overflow, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    OK(sigaction(SIGSEGV, &action, NULL));
    int status = status_of(FORK(struct rlimit limit = {1 << 20, 1 << 20}; setrlimit(RLIMIT_STACK, &limit); fall(NULL)));
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 42);
}

TEST(overflow_without_it_kills) {
    int status = status_of(FORK(struct rlimit limit = {1 << 20, 1 << 20}; setrlimit(RLIMIT_STACK, &limit);
                                handle(SIGSEGV, _exit, 0); fall(NULL)));
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
}

TEST(minimum_size_is_told) {
    unsigned long size = getauxval(AT_MINSIGSTKSZ);
    CHECK(size >= 1000 && size < 65536);
    stack_t ss = {.ss_sp = stack, .ss_size = size > 2048 ? size : 2048};
    OK(sigaltstack(&ss, NULL));
}

static char gap[8192];
static void use_red_zone(int number) {
    (void)number;
    memset(gap, 1, sizeof gap);
    char local[2048];
    memset(local, 0xff, sizeof local);
    __asm__ volatile("" ::"r"(local) : "memory");
    runs++;
}

TEST(red_zone_survives) {
    handle(SIGUSR1, use_red_zone, 0);
    uint64_t got = 0, result = SYS_tgkill;
    __asm__ volatile("movq $0x77, -8(%%rsp)\n movq $0x78, -128(%%rsp)\n syscall\n"
                     "mov -8(%%rsp), %0\n add -128(%%rsp), %0"
                     : "=&r"(got), "+a"(result)
                     : "D"((uint64_t)getpid()), "S"((uint64_t)my_tid()), "d"((uint64_t)SIGUSR1)
                     : "rcx", "r11", "memory", "cc");
    CHECK_EQ(got, 0x77 + 0x78);
    CHECK_EQ(runs, 1);
}

static void *expect_no_stack(void *unused) {
    stack_t got;
    OK(sigaltstack(NULL, &got));
    CHECK_EQ(got.ss_flags, SS_DISABLE);
    return unused;
}

TEST(threads_do_not_share_it_and_fork_keeps_it) {
    set_stack(0);
    reap(FORK(stack_t got; OK(sigaltstack(NULL, &got)); CHECK(got.ss_sp == stack)));
    join_thread(start_thread(expect_no_stack, NULL));
}
