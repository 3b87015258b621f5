// The whole register state survives system calls, signals, page faults, other tasks and fork.
#include "../test.h"
#include <cpuid.h>
#include <ucontext.h>

typedef struct {
    unsigned char bytes[64];
} vector;

static bool has_avx512(void) { return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw"); }
static bool has_avx(void) { return __builtin_cpu_supports("avx2"); }

// Loads a pattern into all vector registers, makes one system call, stores them again.
__attribute__((target("avx512f,avx512bw"))) static long call_with_avx512(vector in[32], vector out[32], uint64_t mask[2], long number, long a, long b, long c) {
    long result = number;
    register vector *source __asm__("r8") = in;
    register vector *target __asm__("r9") = out;
    register uint64_t *k __asm__("r12") = mask;
    __asm__ volatile(
        ".irp n,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31\n"
        "vmovdqu64 \\n*64(%%r8), %%zmm\\n\n .endr\n"
        "kmovq (%%r12), %%k1\n kmovq (%%r12), %%k7\n"
        "syscall\n"
        ".irp n,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31\n"
        "vmovdqu64 %%zmm\\n, \\n*64(%%r9)\n .endr\n"
        "kmovq %%k7, 8(%%r12)\n vzeroupper\n"
        : "+a"(result)
        : "D"(a), "S"(b), "d"(c), "r"(source), "r"(target), "r"(k)
        : "rcx", "r11", "memory", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9",
          "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15", "xmm16", "xmm17", "xmm18", "xmm19", "xmm20", "xmm21",
          "xmm22", "xmm23", "xmm24", "xmm25", "xmm26", "xmm27", "xmm28", "xmm29", "xmm30", "xmm31", "k1", "k7");
    return result;
}

__attribute__((target("avx2"))) static long call_with_avx(vector in[16], vector out[16], long number, long a, long b, long c) {
    long result = number;
    register vector *source __asm__("r8") = in;
    register vector *target __asm__("r9") = out;
    __asm__ volatile(".irp n,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15\n vmovdqu \\n*64(%%r8), %%ymm\\n\n .endr\n"
                     "syscall\n"
                     ".irp n,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15\n vmovdqu %%ymm\\n, \\n*64(%%r9)\n .endr\n vzeroupper\n"
                     : "+a"(result)
                     : "D"(a), "S"(b), "d"(c), "r"(source), "r"(target)
                     : "rcx", "r11", "memory", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8",
                       "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15");
    return result;
}

static void fill(vector *v, int count, int seed) {
    for (int i = 0; i < count; i++)
        for (int b = 0; b < 64; b++) v[i].bytes[b] = seed + i * 7 + b * 3;
}

static long expect_kept(int seed, long number, long a, long b, long c) {
    static __thread vector in[32], out[32];
    fill(in, 32, seed);
    long result = 0;
    if (has_avx512()) {
        uint64_t mask[2] = {0x123456789abcdef0ull ^ seed, 0};
        memset(out, 0, sizeof out);
        result = call_with_avx512(in, out, mask, number, a, b, c);
        for (int i = 0; i < 32; i++)
            if (memcmp(&in[i], &out[i], 64) != 0) FAIL("zmm%d changed over call %ld", i, number);
        CHECK_EQ(mask[1], mask[0]);
    } else if (has_avx()) {
        result = call_with_avx(in, out, number, a, b, c);
        for (int i = 0; i < 16; i++)
            if (memcmp(&in[i], &out[i], 32) != 0) FAIL("ymm%d changed over call %ld", i, number);
    } else {
        SKIP("no AVX");
    }
    return result;
}

static volatile sig_atomic_t runs;
__attribute__((target("avx2"))) static void scribble_avx(void) {
    __asm__ volatile("vpcmpeqd %%ymm0, %%ymm0, %%ymm0\n vmovdqa %%ymm0, %%ymm5\n vmovdqa %%ymm0, %%ymm15\n" ::
                         : "xmm0", "xmm5", "xmm15");
}

__attribute__((target("avx512f,avx512bw"))) static void scribble_avx512(void) {
    __asm__ volatile("vmovdqa64 %%zmm0, %%zmm31\n kxnorq %%k7, %%k7, %%k7" ::: "xmm31", "k7");
}

static void scribble(int number) {
    (void)number;
    runs++;
    if (has_avx()) scribble_avx();
    if (has_avx512()) scribble_avx512();
}

TEST(kept_over_system_calls) {
    struct timespec t = {0, 100000};
    char path[] = "/proc/self/status";
    for (int i = 0; i < 50; i++) {
        expect_kept(i, SYS_getppid, 0, 0, 0);
        expect_kept(i, SYS_sched_yield, 0, 0, 0);
        expect_kept(i, SYS_access, (long)path, R_OK, 0);
        expect_kept(i, SYS_nanosleep, (long)&t, 0, 0);
        expect_kept(i, SYS_madvise, 0, 0, 0);
    }
}

TEST(kept_over_signals) {
    handle(SIGUSR1, scribble, 0);
    for (int i = 0; i < 50; i++) CHECK_EQ(expect_kept(i, SYS_tgkill, getpid(), my_tid(), SIGUSR1), 0);
    CHECK_EQ(runs, 50);
}

TEST(kept_over_blocking_calls_with_signals) {
    handle(SIGALRM, scribble, 0);
    struct itimerval value = {{0, 2000}, {0, 2000}};
    OK(setitimer(ITIMER_REAL, &value, NULL));
    struct timespec t = {1, 0};
    for (int i = 0; i < 20; i++) CHECK_EQ(expect_kept(i, SYS_nanosleep, (long)&t, 0, 0), -EINTR);
}

static void *hammer(void *argument) {
    for (int i = 0; i < 200; i++) expect_kept((int)(intptr_t)argument + i, SYS_sched_yield, 0, 0, 0);
    return NULL;
}

TEST(tasks_do_not_mix) {
    pthread_t threads[4];
    for (intptr_t i = 0; i < 4; i++) threads[i] = start_thread(hammer, (void *)(i * 50));
    pid_t child = FORK(hammer((void *)99));
    for (int i = 0; i < 4; i++) join_thread(threads[i]);
    reap(child);
}

TEST(fork_copies_them) {
    for (int i = 0; i < 10; i++) {
        pid_t parent = getpid();
        long pid = expect_kept(i, SYS_fork, 0, 0, 0);
        if (getpid() != parent) _exit(pid != 0);
        reap((pid_t)pid);
    }
}

TEST(kept_while_computing_and_signalled) {
    handle(SIGALRM, scribble, 0);
    struct itimerval value = {{0, 1000}, {0, 1000}};
    OK(setitimer(ITIMER_REAL, &value, NULL));
    if (!has_avx()) SKIP("no AVX");
    uint64_t want[4] = {1, 2, 3, 4}, got[4];
    while (runs < 30) {
        __asm__ volatile("vmovdqu %1, %%ymm5\n mov $100000, %%ecx\n 1: dec %%ecx\n jnz 1b\n vmovdqu %%ymm5, %0\n vzeroupper"
                         : "=m"(got)
                         : "m"(want)
                         : "ecx", "xmm5", "cc");
        CHECK(memcmp(want, got, sizeof want) == 0);
    }
}

TEST(control_words) {
    uint32_t csr = 0x1f80 | 0x6000, got = 0;
    uint16_t cw = 0x0f7f, got_cw = 0;
    handle(SIGUSR1, scribble, 0);
    __asm__ volatile("ldmxcsr %0\n fldcw %1" ::"m"(csr), "m"(cw));
    raise(SIGUSR1);
    usleep(100);
    sched_yield();
    __asm__ volatile("stmxcsr %0\n fnstcw %1" : "=m"(got), "=m"(got_cw));
    CHECK_EQ(got & 0xffc0, csr);
    CHECK_EQ(got_cw, cw);
    reap(FORK(__asm__ volatile("stmxcsr %0" : "=m"(got)); CHECK_EQ(got & 0xffc0, csr)));
}

static volatile uint64_t seen_magic, seen_size;
static void look_at_frame(int number, siginfo_t *info, void *context) {
    (void)number, (void)info;
    ucontext_t *user = context;
    uint32_t *extra = (uint32_t *)((char *)user->uc_mcontext.fpregs + 464);
    seen_magic = extra[0];
    seen_size = extra[4];
    // Change xmm3 in the frame: the interrupted code must see it.
    user->uc_mcontext.fpregs->_xmm[3].element[0] = 0xdead;
    runs++;
}

TEST(frame_holds_xsave_area_and_takes_changes) {
    struct sigaction action = {.sa_sigaction = look_at_frame, .sa_flags = SA_SIGINFO};
    OK(sigaction(SIGUSR1, &action, NULL));
    uint32_t value = 1;
    long result = SYS_tgkill;
    __asm__ volatile("movd %2, %%xmm3\n syscall\n movd %%xmm3, %0"
                     : "=r"(value), "+a"(result)
                     : "r"(value), "D"((long)getpid()), "S"((long)my_tid()), "d"((long)SIGUSR1)
                     : "rcx", "r11", "memory", "xmm3");
    CHECK_EQ(value, 0xdead);
    CHECK_EQ(seen_magic, 0x46505853); // FP_XSTATE_MAGIC1
    CHECK(seen_size >= 576);
}

TEST(cpuid_and_tsc_work) {
    unsigned a, b, c, d;
    CHECK(__get_cpuid(1, &a, &b, &c, &d));
    uint64_t one = __builtin_ia32_rdtsc(), two = __builtin_ia32_rdtsc();
    CHECK(two > one);
}
