// Signals that the processor raises: what siginfo says, and going on after repair.
#include "../test.h"
#include <setjmp.h>
#include <ucontext.h>

static sigjmp_buf back;
static siginfo_t seen;
static uint64_t seen_rip, seen_error, seen_trap;

static void catch(int number, siginfo_t *info, void *context) {
    ucontext_t *user = context;
    seen = *info;
    seen_rip = user->uc_mcontext.gregs[REG_RIP];
    seen_error = user->uc_mcontext.gregs[REG_ERR];
    seen_trap = user->uc_mcontext.gregs[REG_TRAPNO];
    siglongjmp(back, number);
}

static void catch_faults(void) {
    struct sigaction action = {.sa_sigaction = catch, .sa_flags = SA_SIGINFO};
    const int numbers[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) OK(sigaction(numbers[i], &action, NULL));
}

#define FAULT(code)                                                                                                    \
    ({                                                                                                                 \
        catch_faults();                                                                                                \
        int got_ = sigsetjmp(back, 1);                                                                                 \
        if (got_ == 0) {                                                                                               \
            code;                                                                                                      \
        }                                                                                                              \
        got_;                                                                                                          \
    })

static char *page(int protection) {
    char *p = mmap(NULL, 4096, protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(p != MAP_FAILED);
    return p;
}

TEST(read_of_nothing) {
    char *p = page(PROT_READ);
    munmap(p, 4096);
    CHECK_EQ(FAULT(*(volatile char *)(p + 5)), SIGSEGV);
    CHECK_EQ(seen.si_code, SEGV_MAPERR);
    CHECK(seen.si_addr == p + 5);
    CHECK_EQ(seen_trap, 14);
    CHECK_EQ(seen_error & 7, 4);
}

TEST(write_to_read_only) {
    char *p = page(PROT_READ);
    CHECK_EQ(FAULT(*(volatile char *)(p + 9) = 1), SIGSEGV);
    CHECK_EQ(seen.si_code, SEGV_ACCERR);
    CHECK(seen.si_addr == p + 9);
    CHECK_EQ(seen_error & 6, 6);
}

TEST(execute_data) {
    char *p = page(PROT_READ | PROT_WRITE);
    *p = (char)0xc3;
    CHECK_EQ(FAULT(((void (*)(void))p)()), SIGSEGV);
    CHECK_EQ(seen.si_code, SEGV_ACCERR);
    CHECK(seen.si_addr == p && seen_rip == (uint64_t)p);
}

TEST(non_canonical_address) {
    CHECK_EQ(FAULT(*(volatile char *)0x8000000000000000), SIGSEGV);
    CHECK_EQ(seen.si_code, SI_KERNEL);
    CHECK(seen.si_addr == NULL);
    CHECK_EQ(seen_trap, 13);
}

TEST(kernel_half_address) {
    CHECK_EQ(FAULT(*(volatile char *)0xffffffff80000000), SIGSEGV);
    CHECK_EQ(seen.si_code, SEGV_MAPERR);
}

TEST(past_the_end_of_a_file) {
    write_text("f", "hello");
    int fd = OK(open("f", O_RDWR));
    char *p = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    CHECK(p != MAP_FAILED);
    CHECK_EQ(p[4], 'o');
    CHECK_EQ(p[100], 0);
    CHECK_EQ(FAULT(*(volatile char *)(p + 4096)), SIGBUS);
    CHECK_EQ(seen.si_code, BUS_ADRERR);
    CHECK(seen.si_addr == p + 4096);
    OK(ftruncate(fd, 0));
    CHECK_EQ(FAULT(*(volatile char *)p), SIGBUS);
    OK(ftruncate(fd, 8192));
    CHECK_EQ(p[4096], 0);
}

TEST(divide_by_zero) {
    uint32_t zero = 0, one = 1;
    CHECK_EQ(FAULT(__asm__ volatile("xor %%edx, %%edx\n divl %1" : "+a"(one) : "r"(zero) : "edx", "cc")), SIGFPE);
    CHECK_EQ(seen.si_code, FPE_INTDIV);
    CHECK(seen.si_addr == (void *)seen_rip);
}

TEST(float_exception) {
    uint32_t open = 0x1f80 & ~0x200u, closed = 0x1f80;
    double a = 1, b = 0;
    CHECK_EQ(FAULT(__asm__ volatile("ldmxcsr %2\n divsd %1, %0" : "+x"(a) : "x"(b), "m"(open))), SIGFPE);
    CHECK_EQ(seen.si_code, FPE_FLTDIV);
    __asm__ volatile("ldmxcsr %0" ::"m"(closed));
}

TEST(bad_instruction) {
    CHECK_EQ(FAULT(__asm__ volatile("ud2")), SIGILL);
    CHECK_EQ(seen.si_code, ILL_ILLOPN);
    CHECK(seen.si_addr == (void *)seen_rip);
}

TEST(privileged_instruction) {
    CHECK_EQ(FAULT(__asm__ volatile("hlt")), SIGSEGV);
    CHECK_EQ(seen.si_code, SI_KERNEL);
}

TEST(breakpoint) {
    CHECK_EQ(FAULT(__asm__ volatile("int3")), SIGTRAP);
    CHECK_EQ(seen.si_code, SI_KERNEL);
}

TEST(single_step_flag) {
    CHECK_EQ(FAULT(__asm__ volatile("pushfq\n orl $0x100, (%%rsp)\n popfq\n nop\n nop" ::: "cc", "memory")), SIGTRAP);
    CHECK_EQ(seen.si_code, TRAP_TRACE);
}

TEST(blocked_fault_kills) {
    int status = status_of(FORK(catch_faults(); block_signal(SIGSEGV); *(volatile char *)8 = 1));
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
    status = status_of(FORK(signal(SIGSEGV, SIG_IGN); *(volatile char *)8 = 1));
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
}

static char *guarded;
static volatile int repairs;
static void repair(int number, siginfo_t *info, void *context) {
    (void)number, (void)context;
    repairs++;
    mprotect((void *)((uintptr_t)info->si_addr & ~4095ul), 4096, PROT_READ | PROT_WRITE);
}

TEST(repair_and_go_on) {
    struct sigaction action = {.sa_sigaction = repair, .sa_flags = SA_SIGINFO};
    OK(sigaction(SIGSEGV, &action, NULL));
    guarded = mmap(NULL, 64 * 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (int i = 0; i < 64; i++) guarded[i * 4096 + i] = i;
    CHECK_EQ(repairs, 64);
    for (int i = 0; i < 64; i++) CHECK_EQ(guarded[i * 4096 + i], i);
}

static void *fault_much(void *base) {
    for (int i = 0; i < 200; i++) {
        ((volatile char *)base)[0] = i;
        mprotect(base, 4096, PROT_READ);
    }
    return NULL;
}

TEST(faults_in_four_threads) {
    struct sigaction action = {.sa_sigaction = repair, .sa_flags = SA_SIGINFO};
    OK(sigaction(SIGSEGV, &action, NULL));
    pthread_t threads[4];
    for (int i = 0; i < 4; i++) threads[i] = start_thread(fault_much, page(PROT_READ));
    for (int i = 0; i < 4; i++) join_thread(threads[i]);
}

static void *volatile bad = (void *)8;

TEST(bad_pointers_give_efault) {
    char *p = page(PROT_READ);
    int fds[2];
    OK(pipe(fds));
    OK(write(fds[1], "abc", 3));
    CHECK_ERRNO(read(fds[0], p, 3), EFAULT);
    CHECK_ERRNO(read(fds[0], bad, 3), EFAULT);
    CHECK_ERRNO(write(fds[1], bad, 3), EFAULT);
    CHECK_ERRNO(write(fds[1], (void *)-4096l, 3), EFAULT);
    CHECK_ERRNO(open(bad, O_RDONLY), EFAULT);
    CHECK_ERRNO(syscall(SYS_rt_sigaction, SIGUSR1, 8, 0, 8), EFAULT);
    CHECK_ERRNO(syscall(SYS_clock_gettime, CLOCK_MONOTONIC, 8), EFAULT);
    CHECK_ERRNO(syscall(SYS_nanosleep, 8, 0), EFAULT);
    CHECK_EQ(read(fds[0], p, 0), 0);
}

TEST(partial_copies_at_a_hole) {
    char *p = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    OK(munmap(p + 4096, 4096));
    write_text("f", "0123456789");
    int fd = OK(open("f", O_RDWR));
    CHECK_EQ(read(fd, p + 4090, 10), 6);
    CHECK_EQ(memcmp(p + 4090, "012345", 6), 0);
    CHECK_EQ(lseek(fd, 0, SEEK_CUR), 6);
}
