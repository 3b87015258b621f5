// rseq(2): glibc's own registration works, and a critical section is aborted when its thread is moved on.
#include "../test.h"
#include <linux/rseq.h>
#include <stddef.h>
#include <sys/rseq.h>

static struct rseq *area(void) {
    struct rseq *rseq = (void *)((char *)__builtin_thread_pointer() + __rseq_offset);
    if (__rseq_size == 0) SKIP("glibc registered no rseq area");
    return rseq;
}

TEST(cpu_id_agrees) {
    struct rseq *rseq = area();
    for (int i = 0; i < 100; i++) {
        uint32_t before = rseq->cpu_id;
        int cpu = sched_getcpu();
        uint32_t after = rseq->cpu_id;
        if (before == after) CHECK_EQ(cpu, before);
        sched_yield();
    }
}

TEST(cpu_id_follows_affinity) {
    struct rseq *rseq = area();
    cpu_set_t all, one;
    OK(sched_getaffinity(0, sizeof all, &all));
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        if (!CPU_ISSET(cpu, &all)) continue;
        CPU_ZERO(&one);
        CPU_SET(cpu, &one);
        OK(sched_setaffinity(0, sizeof one, &one));
        CHECK_EQ(*(volatile uint32_t *)&rseq->cpu_id, cpu);
    }
}

TEST(second_registration_is_refused) {
    struct rseq *rseq = area();
    static struct rseq mine __attribute__((aligned(32)));
    CHECK_ERRNO(syscall(SYS_rseq, &mine, 32, 0, RSEQ_SIG), EINVAL);
    CHECK_ERRNO(syscall(SYS_rseq, rseq, 32, 0, RSEQ_SIG), EBUSY);
    CHECK_ERRNO(syscall(SYS_rseq, rseq, 32, 0, RSEQ_SIG + 1), EPERM);
}

static void *in_a_thread(void *unused) {
    CHECK(area()->cpu_id < 100000);
    return unused;
}

TEST(threads_and_children_are_registered) {
    area();
    join_thread(start_thread(in_a_thread, NULL));
    reap(FORK(in_a_thread(NULL)));
}

static volatile sig_atomic_t runs;
static void count(int number) {
    (void)number;
    runs++;
}

// Spins inside a critical section until it is aborted; the abort handler is outside of it.
TEST(signal_aborts_a_section) {
    struct rseq *rseq = area();
    handle(SIGALRM, count, 0);
    struct itimerval soon = {.it_value = {0, 30000}};
    OK(setitimer(ITIMER_REAL, &soon, NULL));
    int aborted = 0;
    __asm__ volatile(".pushsection __rseq_cs, \"aw\"\n .balign 32\n 9: .long 0, 0\n .quad 1f, 2f - 1f, 4f\n .popsection\n"
                     "lea 9b(%%rip), %%rax\n mov %%rax, %c2(%1)\n"
                     "1: pause\n jmp 1b\n 2:\n"
                     ".byte 0x0f, 0xb9, 0x3d\n .long 0x53053053\n"
                     "4: movl $1, %0\n"
                     : "+m"(aborted)
                     : "r"(rseq), "i"(offsetof(struct rseq, rseq_cs))
                     : "rax", "memory", "cc");
    CHECK_EQ(aborted, 1);
    CHECK_EQ(rseq->rseq_cs, 0);
    WAIT_UNTIL(runs == 1);
}
