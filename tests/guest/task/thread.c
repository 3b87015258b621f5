// Threads: many of them, exit, cancellation, thread-local storage, exec and exit from any of them.
#include "../test.h"
#include <linux/futex.h>

static volatile int counter;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static __thread int local = 3;

static void *add(void *argument) {
    for (int i = 0; i < 1000; i++) {
        pthread_mutex_lock(&lock);
        counter++;
        pthread_mutex_unlock(&lock);
    }
    local = (int)(intptr_t)argument;
    sched_yield();
    CHECK_EQ(local, (int)(intptr_t)argument);
    return argument;
}

TEST(mutex_and_join) {
    pthread_t threads[8];
    for (intptr_t i = 0; i < 8; i++) threads[i] = start_thread(add, (void *)i);
    for (intptr_t i = 0; i < 8; i++) CHECK_EQ((intptr_t)join_thread(threads[i]), i);
    CHECK_EQ(counter, 8000);
    CHECK_EQ(local, 3);
}

static int arrived, go;
static void *wait_for_go(void *argument) {
    pthread_mutex_lock(&lock);
    arrived++;
    pthread_cond_broadcast(&changed);
    while (!go) pthread_cond_wait(&changed, &lock);
    pthread_mutex_unlock(&lock);
    return argument;
}

TEST(two_hundred_at_once) {
    pthread_t threads[200];
    for (intptr_t i = 0; i < 200; i++) threads[i] = start_thread(wait_for_go, (void *)i);
    pthread_mutex_lock(&lock);
    while (arrived < 200) pthread_cond_wait(&changed, &lock);
    CHECK_EQ(field_of("/proc/self/status", "Threads"), 201);
    go = 1;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
    for (intptr_t i = 0; i < 200; i++) CHECK_EQ((intptr_t)join_thread(threads[i]), i);
    CHECK_EQ(field_of("/proc/self/status", "Threads"), 1);
}

static void *nothing(void *argument) { return argument; }

TEST(create_and_join_many_times) {
    for (int i = 0; i < 500; i++) join_thread(start_thread(nothing, NULL));
}

TEST(detached_threads_end) {
    pthread_attr_t attr;
    pthread_attr_init(&attr);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    for (int i = 0; i < 50; i++) {
        pthread_t thread;
        CHECK_EQ(pthread_create(&thread, &attr, nothing, NULL), 0);
    }
    WAIT_UNTIL(field_of("/proc/self/status", "Threads") == 1);
}

static void *sleep_long(void *argument) {
    sleep(20);
    return argument;
}

TEST(cancel_a_sleeping_thread) {
    pthread_t thread = start_thread(sleep_long, NULL);
    usleep(2000);
    CHECK_EQ(pthread_cancel(thread), 0);
    CHECK(join_thread(thread) == PTHREAD_CANCELED);
}

static void *exit_all(void *argument) { exit((int)(intptr_t)argument); }

TEST(exit_from_a_thread_ends_the_group) {
    int status = status_of(FORK(start_thread(sleep_long, NULL); start_thread(exit_all, (void *)33); sleep(20)));
    CHECK_EQ(WEXITSTATUS(status), 33);
}

static void *exit_later(void *argument) {
    sleep_ms(20);
    syscall(SYS_exit_group, 12);
    return argument;
}

TEST(leader_exits_first) {
    pid_t pid = FORK(start_thread(exit_later, NULL); syscall(SYS_exit, 1));
    CHECK_EQ(WEXITSTATUS(status_of(pid)), 12);
    // The last thread's own exit code is what counts when nobody calls exit_group.
    pid = FORK(start_thread(sleep_long, NULL); syscall(SYS_exit, 1));
    WAIT_UNTIL(state_of(pid) == 'Z');
    CHECK_EQ(waitpid(pid, NULL, WNOHANG), 0);
    kill(pid, SIGKILL);
    CHECK_EQ(WTERMSIG(status_of(pid)), SIGKILL);
}

static void *exec_true(void *argument) {
    execlp("sh", "sh", "-c", "test $$ = $1 && exit 21", "sh", argument, NULL);
    return NULL;
}

TEST(exec_from_a_thread_takes_the_leaders_pid) {
    pid_t pid = FORK(char me[16]; snprintf(me, sizeof me, "%d", getpid()); for (int i = 0; i < 5; i++)
                         start_thread(sleep_long, NULL);
                     start_thread(exec_true, me); sleep(20));
    CHECK_EQ(WEXITSTATUS(status_of(pid)), 21);
}

static void *exec_at_once(void *argument) {
    execlp("true", "true", NULL);
    return argument;
}

// While one thread is in execve, another's clone with CLONE_FS may fail: copy_fs().
TEST(two_threads_exec_at_once) {
    for (int i = 0; i < 10; i++)
        reap(FORK(pthread_t second; start_thread(exec_at_once, NULL);
                  int error = pthread_create(&second, NULL, exec_at_once, NULL); CHECK(error == 0 || error == EAGAIN);
                  sleep(20)));
}

TEST(leader_execs_with_busy_threads) {
    for (int i = 0; i < 5; i++)
        reap(FORK(for (int t = 0; t < 4; t++) start_thread(add, NULL); execlp("true", "true", NULL); _exit(1)));
}

static void *self_id(void *argument) {
    *(pid_t *)argument = my_tid();
    CHECK_EQ(syscall(SYS_getpid), getpgid(0));
    return NULL;
}

TEST(thread_ids) {
    pid_t tid = 0;
    join_thread(start_thread(self_id, &tid));
    CHECK(tid != getpid() && tid > 0);
    CHECK_ERRNO(syscall(SYS_tgkill, getpid(), tid, 0), ESRCH);
}

static void *clear_address(void *argument) {
    syscall(SYS_set_tid_address, argument);
    syscall(SYS_exit, 0);
    return NULL;
}

TEST(clear_tid_wakes_a_futex) {
    static volatile int word = 1;
    start_thread(clear_address, (void *)&word);
    while (__atomic_load_n(&word, __ATOMIC_SEQ_CST) == 1) syscall(SYS_futex, &word, FUTEX_WAIT, 1, NULL, NULL, 0);
    CHECK_EQ(word, 0);
}

static pthread_barrier_t barrier;
static void *meet(void *argument) {
    for (int i = 0; i < 100; i++) pthread_barrier_wait(&barrier);
    return argument;
}

TEST(barriers) {
    pthread_barrier_init(&barrier, NULL, 4);
    pthread_t threads[4];
    for (int i = 0; i < 4; i++) threads[i] = start_thread(meet, NULL);
    for (int i = 0; i < 4; i++) join_thread(threads[i]);
}

static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
static void *read_and_write(void *argument) {
    for (int i = 0; i < 300; i++) {
        if (i % 4 == 0) {
            pthread_rwlock_wrlock(&rwlock);
            int was = counter;
            counter = was + 1;
        } else {
            pthread_rwlock_rdlock(&rwlock);
        }
        pthread_rwlock_unlock(&rwlock);
    }
    return argument;
}

TEST(rwlocks) {
    pthread_t threads[4];
    for (int i = 0; i < 4; i++) threads[i] = start_thread(read_and_write, NULL);
    for (int i = 0; i < 4; i++) join_thread(threads[i]);
    CHECK_EQ(counter, 300);
}

TEST(proc_lists_tasks) {
    pthread_t thread = start_thread(sleep_long, NULL);
    char path[64];
    snprintf(path, sizeof path, "/proc/self/task/%d/comm", my_tid());
    CHECK_EQ(pthread_setname_np(thread, "worker"), 0);
    CHECK_EQ(access(path, R_OK), 0);
    char name[32];
    CHECK_EQ(pthread_getname_np(thread, name, sizeof name), 0);
    CHECK_STR(name, "worker");
    pthread_cancel(thread);
    join_thread(thread);
}

TEST(affinity) {
    cpu_set_t all, one, got;
    OK(sched_getaffinity(0, sizeof all, &all));
    CHECK(CPU_COUNT(&all) >= 1);
    int cpu = 0;
    while (!CPU_ISSET(cpu, &all)) cpu++;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    OK(sched_setaffinity(0, sizeof one, &one));
    OK(sched_getaffinity(0, sizeof got, &got));
    CHECK(CPU_EQUAL(&one, &got));
    CHECK_EQ(sched_getcpu(), cpu);
    reap(FORK(cpu_set_t child; OK(sched_getaffinity(0, sizeof child, &child)); CHECK(CPU_EQUAL(&one, &child))));
    CPU_ZERO(&one);
    CHECK_ERRNO(sched_setaffinity(0, sizeof one, &one), EINVAL);
    CHECK_ERRNO(sched_getaffinity(0x3fffffff, sizeof got, &got), ESRCH);
    CHECK_ERRNO(syscall(SYS_sched_getaffinity, 0, 3, &got), EINVAL);
}
