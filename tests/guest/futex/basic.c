// futex(2): wait, wake, bitsets, requeue, WAKE_OP, timeouts, sharing between processes and through files.
#include "../test.h"
#include <linux/futex.h>

static uint32_t words[4];

static long futex(volatile void *word, int op, uint32_t value, const void *limit, volatile void *second, uint32_t third) {
    return syscall(SYS_futex, word, op, value, limit, second, third);
}

struct waiter {
    uint32_t *word;
    int op;
    uint32_t bits;
    volatile pid_t tid;
    volatile long result;
    volatile int error;
    pthread_t thread;
};

static void *wait_on(void *argument) {
    struct waiter *waiter = argument;
    waiter->tid = my_tid();
    waiter->result = futex(waiter->word, waiter->op, *waiter->word, NULL, NULL, waiter->bits);
    waiter->error = waiter->result < 0 ? errno : 0;
    return NULL;
}

static void start_waiter(struct waiter *waiter, uint32_t *word, int op, uint32_t bits) {
    *waiter = (struct waiter){.word = word, .op = op, .bits = bits};
    waiter->thread = start_thread(wait_on, waiter);
    WAIT_UNTIL(waiter->tid);
    wait_asleep(waiter->tid);
}

TEST(value_mismatch) {
    words[0] = 1;
    CHECK_ERRNO(futex(words, FUTEX_WAIT, 2, NULL, NULL, 0), EAGAIN);
    CHECK_ERRNO(futex(words, FUTEX_WAIT_PRIVATE, 2, NULL, NULL, 0), EAGAIN);
}

TEST(errors) {
    CHECK_ERRNO(futex((char *)words + 1, FUTEX_WAIT, 0, NULL, NULL, 0), EINVAL);
    CHECK_ERRNO(futex((void *)8, FUTEX_WAIT, 0, NULL, NULL, 0), EFAULT);
    CHECK_ERRNO(futex(words, 99, 0, NULL, NULL, 0), ENOSYS);
    CHECK_ERRNO(futex(words, FUTEX_WAIT_BITSET, 0, NULL, NULL, 0), EINVAL);
    struct timespec bad = {0, 1000000000};
    CHECK_ERRNO(futex(words, FUTEX_WAIT, 0, &bad, NULL, 0), EINVAL);
    CHECK_EQ(futex(words, FUTEX_WAKE, 10, NULL, NULL, 0), 0);
}

TEST(wake_counts) {
    struct waiter waiters[5];
    for (int i = 0; i < 5; i++) start_waiter(&waiters[i], words, FUTEX_WAIT_PRIVATE, 0);
    CHECK_EQ(futex(words, FUTEX_WAKE_PRIVATE, 2, NULL, NULL, 0), 2);
    // First come, first served.
    join_thread(waiters[0].thread);
    join_thread(waiters[1].thread);
    CHECK_EQ(futex(words, FUTEX_WAKE_PRIVATE, 100, NULL, NULL, 0), 3);
    for (int i = 2; i < 5; i++) join_thread(waiters[i].thread);
}

TEST(bitsets_choose) {
    struct waiter one, two;
    start_waiter(&one, words, FUTEX_WAIT_BITSET_PRIVATE, 1);
    start_waiter(&two, words, FUTEX_WAIT_BITSET_PRIVATE, 2);
    CHECK_EQ(futex(words, FUTEX_WAKE_BITSET_PRIVATE, 9, NULL, NULL, 4), 0);
    CHECK_EQ(futex(words, FUTEX_WAKE_BITSET_PRIVATE, 9, NULL, NULL, 2), 1);
    join_thread(two.thread);
    CHECK_EQ(futex(words, FUTEX_WAKE_PRIVATE, 9, NULL, NULL, 0), 1);
    join_thread(one.thread);
}

TEST(requeue) {
    struct waiter waiters[4];
    for (int i = 0; i < 4; i++) start_waiter(&waiters[i], words, FUTEX_WAIT_PRIVATE, 0);
    CHECK_ERRNO(futex(words, FUTEX_CMP_REQUEUE_PRIVATE, 1, (void *)10, words + 1, 5), EAGAIN);
    CHECK_EQ(futex(words, FUTEX_CMP_REQUEUE_PRIVATE, 1, (void *)2, words + 1, 0), 3);
    join_thread(waiters[0].thread);
    CHECK_EQ(futex(words + 1, FUTEX_WAKE_PRIVATE, 9, NULL, NULL, 0), 2);
    CHECK_EQ(futex(words, FUTEX_REQUEUE_PRIVATE, 0, (void *)9, words + 1, 0), 1);
    CHECK_EQ(futex(words + 1, FUTEX_WAKE_PRIVATE, 9, NULL, NULL, 0), 1);
    for (int i = 1; i < 4; i++) join_thread(waiters[i].thread);
}

TEST(wake_op) {
    struct waiter one, two;
    start_waiter(&one, words, FUTEX_WAIT_PRIVATE, 0);
    start_waiter(&two, words + 1, FUTEX_WAIT_PRIVATE, 0);
    int op = FUTEX_OP(FUTEX_OP_ADD, 5, FUTEX_OP_CMP_EQ, 0);
    CHECK_EQ(futex(words, FUTEX_WAKE_OP_PRIVATE, 1, (void *)1, words + 1, op), 2);
    CHECK_EQ(words[1], 5);
    join_thread(one.thread);
    join_thread(two.thread);
    op = FUTEX_OP(FUTEX_OP_SET, 9, FUTEX_OP_CMP_GT, 7);
    CHECK_EQ(futex(words, FUTEX_WAKE_OP_PRIVATE, 1, (void *)1, words + 1, op), 0);
    CHECK_EQ(words[1], 9);
}

TEST(timeouts) {
    struct timespec limit = {0, 30000000};
    int64_t start = now_ns();
    CHECK_ERRNO(futex(words, FUTEX_WAIT_PRIVATE, 0, &limit, NULL, 0), ETIMEDOUT);
    CHECK(now_ns() - start >= 30000000);
    clock_gettime(CLOCK_REALTIME, &limit);
    CHECK_ERRNO(futex(words, FUTEX_WAIT_BITSET_PRIVATE | FUTEX_CLOCK_REALTIME, 0, &limit, NULL, ~0u), ETIMEDOUT);
    clock_gettime(CLOCK_MONOTONIC, &limit);
    limit.tv_nsec += 20000000;
    if (limit.tv_nsec >= 1000000000) limit.tv_nsec -= 1000000000, limit.tv_sec++;
    start = now_ns();
    CHECK_ERRNO(futex(words, FUTEX_WAIT_BITSET_PRIVATE, 0, &limit, NULL, ~0u), ETIMEDOUT);
    CHECK(now_ns() - start >= 15000000);
    struct timespec zero = {0, 0};
    CHECK_ERRNO(futex(words, FUTEX_WAIT, 0, &zero, NULL, 0), ETIMEDOUT);
}

TEST(shared_between_processes) {
    uint32_t *word = shared_page();
    pid_t child = FORK(CHECK_EQ(futex(word, FUTEX_WAIT, 0, NULL, NULL, 0), 0));
    wait_asleep(child);
    CHECK_EQ(futex(word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0), 0);
    CHECK_EQ(futex(word, FUTEX_WAKE, 1, NULL, NULL, 0), 1);
    reap(child);
}

TEST(shared_through_a_file_at_two_addresses) {
    int fd = OK(open("f", O_RDWR | O_CREAT, 0600));
    OK(ftruncate(fd, 8192));
    uint32_t *word = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    pid_t child = FORK(int again = OK(open("f", O_RDWR));
                       uint32_t *other = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, again, 4096);
                       CHECK_EQ(futex(other + 3, FUTEX_WAIT, 0, NULL, NULL, 0), 0));
    wait_asleep(child);
    CHECK_EQ(futex(word + 3, FUTEX_WAKE, 1, NULL, NULL, 0), 0);
    CHECK_EQ(futex(word + 1024 + 3, FUTEX_WAKE, 1, NULL, NULL, 0), 1);
    reap(child);
}

TEST(private_memory_is_not_shared_by_fork) {
    pid_t child = FORK(struct timespec limit = {0, 400000000};
                       CHECK_ERRNO(futex(words, FUTEX_WAIT, 0, &limit, NULL, 0), ETIMEDOUT));
    wait_asleep(child);
    CHECK_EQ(futex(words, FUTEX_WAKE, 1, NULL, NULL, 0), 0);
    reap(child);
}

struct waitv {
    uint64_t value, address;
    uint32_t flags, reserved;
};

static void *wake_second(void *tid) {
    wait_asleep(*(pid_t *)tid);
    words[1] = 1;
    CHECK_EQ(futex(words + 1, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0), 1);
    return NULL;
}

TEST(waitv) {
    struct waitv list[3];
    for (int i = 0; i < 3; i++) list[i] = (struct waitv){0, (uint64_t)&words[i], 2 | FUTEX_PRIVATE_FLAG, 0};
    pid_t me = my_tid();
    if (syscall(449, list, 0, 0, NULL, 0) == -1 && errno == ENOSYS) SKIP("no futex_waitv");
    pthread_t thread = start_thread(wake_second, &me);
    CHECK_EQ(syscall(449, list, 3, 0, NULL, 0), 1);
    join_thread(thread);
    CHECK_ERRNO(syscall(449, list, 3, 0, NULL, 0), EAGAIN);
    list[1].value = 1;
    struct timespec past = {0, 1};
    CHECK_ERRNO(syscall(449, list, 3, 0, &past, CLOCK_MONOTONIC), ETIMEDOUT);
    CHECK_ERRNO(syscall(449, list, 129, 0, NULL, 0), EINVAL);
}

static uint32_t turn;
static void *ping(void *argument) {
    uint32_t mine = (intptr_t)argument;
    for (int i = 0; i < 5000; i++) {
        while (__atomic_load_n(&turn, __ATOMIC_ACQUIRE) != mine) futex(&turn, FUTEX_WAIT_PRIVATE, !mine, NULL, NULL, 0);
        __atomic_store_n(&turn, !mine, __ATOMIC_RELEASE);
        futex(&turn, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
    }
    return NULL;
}

TEST(ping_pong_loses_no_wake) {
    pthread_t one = start_thread(ping, (void *)0), two = start_thread(ping, (void *)1);
    join_thread(one);
    join_thread(two);
}

TEST(memory_goes_away_while_waiting) {
    uint32_t *word = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    struct waiter waiter;
    start_waiter(&waiter, word, FUTEX_WAIT_PRIVATE, 0);
    OK(munmap(word, 4096));
    CHECK_EQ(futex(word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0), 1);
    join_thread(waiter.thread);
    CHECK_EQ(waiter.result, 0);
}
