// Robust lists and priority-inheriting futexes, raw and as pthread mutexes.
#include "../test.h"
#include <linux/futex.h>
#include <semaphore.h>

static pthread_mutex_t *make_mutex(int robust, int protocol, int type) {
    pthread_mutex_t *mutex = shared_page();
    pthread_mutexattr_t attr;
    pthread_mutexattr_init(&attr);
    pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
    pthread_mutexattr_setrobust(&attr, robust);
    CHECK_EQ(pthread_mutexattr_setprotocol(&attr, protocol), 0);
    pthread_mutexattr_settype(&attr, type);
    CHECK_EQ(pthread_mutex_init(mutex, &attr), 0);
    return mutex;
}

static void owner_dies(pthread_mutex_t *mutex, int how) {
    pid_t child = FORK(CHECK_EQ(pthread_mutex_lock(mutex), 0); if (how) kill(getpid(), how));
    status_of(child);
    CHECK_EQ(pthread_mutex_lock(mutex), EOWNERDEAD);
    CHECK_EQ(pthread_mutex_consistent(mutex), 0);
    CHECK_EQ(pthread_mutex_unlock(mutex), 0);
    CHECK_EQ(pthread_mutex_lock(mutex), 0);
    CHECK_EQ(pthread_mutex_unlock(mutex), 0);
}

TEST(robust_owner_exits) { owner_dies(make_mutex(PTHREAD_MUTEX_ROBUST, PTHREAD_PRIO_NONE, 0), 0); }
TEST(robust_owner_killed) { owner_dies(make_mutex(PTHREAD_MUTEX_ROBUST, PTHREAD_PRIO_NONE, 0), SIGKILL); }
TEST(robust_pi_owner_exits) { owner_dies(make_mutex(PTHREAD_MUTEX_ROBUST, PTHREAD_PRIO_INHERIT, 0), 0); }
TEST(robust_pi_owner_killed) { owner_dies(make_mutex(PTHREAD_MUTEX_ROBUST, PTHREAD_PRIO_INHERIT, 0), SIGKILL); }

TEST(waiter_learns_of_the_death) {
    pthread_mutex_t *mutex = make_mutex(PTHREAD_MUTEX_ROBUST, PTHREAD_PRIO_NONE, 0);
    volatile int *locked = (volatile int *)((char *)mutex + 4096);
    pid_t owner = FORK(pthread_mutex_lock(mutex); *locked = 1; pause());
    WAIT_UNTIL(*locked);
    pid_t waiter = FORK(CHECK_EQ(pthread_mutex_lock(mutex), EOWNERDEAD));
    wait_asleep(waiter);
    kill(owner, SIGKILL);
    status_of(owner);
    reap(waiter);
}

TEST(not_recoverable) {
    pthread_mutex_t *mutex = make_mutex(PTHREAD_MUTEX_ROBUST, PTHREAD_PRIO_NONE, 0);
    reap(FORK(pthread_mutex_lock(mutex)));
    CHECK_EQ(pthread_mutex_lock(mutex), EOWNERDEAD);
    CHECK_EQ(pthread_mutex_unlock(mutex), 0);
    CHECK_EQ(pthread_mutex_lock(mutex), ENOTRECOVERABLE);
}

static void *lock_and_end(void *mutex) {
    pthread_mutex_lock(mutex);
    return NULL;
}

TEST(robust_within_a_process) {
    pthread_mutex_t *mutex = make_mutex(PTHREAD_MUTEX_ROBUST, PTHREAD_PRIO_NONE, 0);
    join_thread(start_thread(lock_and_end, mutex));
    CHECK_EQ(pthread_mutex_lock(mutex), EOWNERDEAD);
}

TEST(robust_at_exec) {
    pthread_mutex_t *mutex = make_mutex(PTHREAD_MUTEX_ROBUST, PTHREAD_PRIO_NONE, 0);
    reap(FORK(pthread_mutex_lock(mutex); execlp("true", "true", NULL)));
    CHECK_EQ(pthread_mutex_lock(mutex), EOWNERDEAD);
}

TEST(robust_list_calls) {
    struct robust_list_head *head;
    size_t size;
    OK(syscall(SYS_get_robust_list, 0, &head, &size));
    CHECK(head && size == sizeof *head);
    CHECK_ERRNO(syscall(SYS_set_robust_list, head, 8), EINVAL);
    CHECK_ERRNO(syscall(SYS_get_robust_list, 0x3fffffff, &head, &size), ESRCH);
}

static void *own_robust_list(void *out) {
    void **found = out;
    size_t size;
    OK(syscall(SYS_get_robust_list, 0, &found[0], &size));
    found[1] = (void *)(long)my_tid();
    pause();
    return NULL;
}

TEST(robust_list_of_another) {
    void *volatile *found = shared_page(), *head;
    size_t size;
    start_thread(own_robust_list, (void *)found);
    WAIT_UNTIL(found[1]);
    OK(syscall(SYS_get_robust_list, (long)found[1], &head, &size));
    CHECK(head == found[0] && size == sizeof(struct robust_list_head));
    found[1] = NULL;
    pid_t child = FORK(own_robust_list((void *)found));
    WAIT_UNTIL(found[1]);
    OK(syscall(SYS_get_robust_list, child, &head, &size));
    CHECK(head == found[0]);
    CHECK_ERRNO(syscall(SYS_get_robust_list, child, &head, (void *)8), EFAULT);
    if (geteuid() == 0)
        reap(FORK({
            OK(setgid(1000));
            OK(setuid(1000));
            CHECK_ERRNO(syscall(SYS_get_robust_list, child, &head, &size), EPERM);
            CHECK_ERRNO(syscall(SYS_get_robust_list, child, &head, (void *)8), EPERM);
        }));
    kill(child, SIGKILL);
    status_of(child);
}

static volatile int inside, most;
static void *contend(void *mutex) {
    for (int i = 0; i < 500; i++) {
        CHECK_EQ(pthread_mutex_lock(mutex), 0);
        if (++inside > most) most = inside;
        inside--;
        CHECK_EQ(pthread_mutex_unlock(mutex), 0);
        if (i % 50 == 0) sched_yield();
    }
    return NULL;
}

static void contend_in_four(pthread_mutex_t *mutex) {
    pthread_t threads[4];
    for (int i = 0; i < 4; i++) threads[i] = start_thread(contend, mutex);
    for (int i = 0; i < 4; i++) join_thread(threads[i]);
    CHECK_EQ(most, 1);
}

TEST(pi_mutex_excludes) { contend_in_four(make_mutex(0, PTHREAD_PRIO_INHERIT, 0)); }
TEST(robust_mutex_excludes) { contend_in_four(make_mutex(PTHREAD_MUTEX_ROBUST, PTHREAD_PRIO_NONE, 0)); }
TEST(recursive_mutex_excludes) { contend_in_four(make_mutex(0, PTHREAD_PRIO_NONE, PTHREAD_MUTEX_RECURSIVE)); }

TEST(pi_mutex_between_processes) {
    pthread_mutex_t *mutex = make_mutex(0, PTHREAD_PRIO_INHERIT, 0);
    volatile int *count = (volatile int *)((char *)mutex + 4096);
    for (int p = 0; p < 3; p++)
        FORK(for (int i = 0; i < 300; i++) {
            pthread_mutex_lock(mutex);
            *count = *count + 1;
            pthread_mutex_unlock(mutex);
        });
    for (int p = 0; p < 3; p++) wait(NULL);
    CHECK_EQ(*count, 900);
}

static long futex(volatile void *word, int op, uint32_t value, const void *limit) {
    return syscall(SYS_futex, word, op, value, limit, NULL, 0);
}

TEST(raw_pi_rules) {
    static uint32_t word;
    CHECK_EQ(futex(&word, FUTEX_LOCK_PI_PRIVATE, 0, NULL), 0);
    CHECK_EQ(word, my_tid());
    CHECK_ERRNO(futex(&word, FUTEX_LOCK_PI_PRIVATE, 0, NULL), EDEADLK);
    CHECK_ERRNO(futex(&word, FUTEX_TRYLOCK_PI_PRIVATE, 0, NULL), EDEADLK);
    CHECK_EQ(futex(&word, FUTEX_UNLOCK_PI_PRIVATE, 0, NULL), 0);
    CHECK_EQ(word, 0);
    word = 0x3fffffff;
    CHECK_ERRNO(futex(&word, FUTEX_LOCK_PI_PRIVATE, 0, NULL), ESRCH);
    CHECK_ERRNO(futex(&word, FUTEX_UNLOCK_PI_PRIVATE, 0, NULL), EPERM);
}

static uint32_t pi_word;
static void *lock_with_limit(void *unused) {
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += 20000000;
    if (until.tv_nsec >= 1000000000) until.tv_nsec -= 1000000000, until.tv_sec++;
    CHECK_ERRNO(futex(&pi_word, FUTEX_LOCK_PI_PRIVATE, 0, &until), ETIMEDOUT);
    CHECK_ERRNO(futex(&pi_word, FUTEX_TRYLOCK_PI_PRIVATE, 0, NULL), EAGAIN);
    return unused;
}

TEST(raw_pi_timeout) {
    CHECK_EQ(futex(&pi_word, FUTEX_LOCK_PI_PRIVATE, 0, NULL), 0);
    join_thread(start_thread(lock_with_limit, NULL));
    CHECK_EQ(futex(&pi_word, FUTEX_UNLOCK_PI_PRIVATE, 0, NULL), 0);
}

TEST(semaphore_between_processes) {
    sem_t *sem = shared_page();
    OK(sem_init(sem, 1, 0));
    pid_t child = FORK(for (int i = 0; i < 100; i++) OK(sem_post(sem)));
    for (int i = 0; i < 100; i++) OK(sem_wait(sem));
    CHECK_ERRNO(sem_trywait(sem), EAGAIN);
    struct timespec past = {1, 0};
    CHECK_ERRNO(sem_timedwait(sem, &past), ETIMEDOUT);
    reap(child);
}

TEST(condition_with_timeout) {
    pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += 20000000;
    if (until.tv_nsec >= 1000000000) until.tv_nsec -= 1000000000, until.tv_sec++;
    pthread_mutex_lock(&mutex);
    CHECK_EQ(pthread_cond_timedwait(&condition, &mutex, &until), ETIMEDOUT);
}
