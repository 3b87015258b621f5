// rt_sigprocmask(2) in all its ways, while signals come: none is lost, none comes while it is blocked.
#include "../test.h"
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>

static const uint64_t USR1 = 1ull << (SIGUSR1 - 1), USR2 = 1ull << (SIGUSR2 - 1);
static volatile int came;
static volatile int is_blocked, was_blocked;
static volatile int stop;

static void count(int signal) {
    (void)signal;
    came++;
    was_blocked |= is_blocked;
}

// Most programs call it often enough for the kernel to learn of it: this one makes sure.
static long mask(int how, const void *set, void *old, size_t size) {
    return syscall(SYS_rt_sigprocmask, how, set, old, size);
}

static void warm_up(void) {
    for (int i = 0; i < 300; i++) OK(mask(SIG_BLOCK, NULL, NULL, 8));
}

TEST(each_way_and_the_old_mask) {
    uint64_t old = 0, now = 0, none = 0;
    warm_up();
    OK(mask(SIG_SETMASK, &none, NULL, 8));
    OK(mask(SIG_BLOCK, &USR1, &old, 8));
    CHECK_EQ(old, 0);
    OK(mask(SIG_BLOCK, &USR2, &old, 8));
    CHECK_EQ(old, USR1);
    OK(mask(SIG_UNBLOCK, &USR1, &old, 8));
    CHECK_EQ(old, USR1 | USR2);
    OK(mask(SIG_SETMASK, NULL, &now, 8));
    CHECK_EQ(now, USR2);
    // The old mask may take the place of the new one.
    now = USR1;
    OK(mask(SIG_SETMASK, &now, &now, 8));
    CHECK_EQ(now, USR2);
    OK(mask(SIG_SETMASK, NULL, &now, 8));
    CHECK_EQ(now, USR1);
    uint64_t all = ~0ull;
    OK(mask(SIG_SETMASK, &all, NULL, 8));
    OK(mask(SIG_SETMASK, &none, &now, 8));
    CHECK_EQ(now, ~(1ull << (SIGKILL - 1) | 1ull << (SIGSTOP - 1)));
}

TEST(errors_change_nothing_but_a_bad_place_for_the_old_mask) {
    uint64_t now = 0;
    warm_up();
    OK(mask(SIG_SETMASK, &USR1, NULL, 8));
    CHECK_ERRNO(mask(3, &USR2, NULL, 8), EINVAL);
    CHECK_ERRNO(mask(-1, &USR2, NULL, 8), EINVAL);
    CHECK_ERRNO(mask(SIG_SETMASK, &USR2, NULL, 4), EINVAL);
    CHECK_ERRNO(mask(SIG_SETMASK, (void *)16, NULL, 8), EFAULT);
    CHECK_ERRNO(mask(SIG_SETMASK, (void *)-8, NULL, 8), EFAULT);
    OK(mask(3, NULL, &now, 8));
    CHECK_EQ(now, USR1);
    char *page = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK_ERRNO(mask(SIG_SETMASK, &USR2, page, 8), EFAULT);
    CHECK_ERRNO(mask(SIG_SETMASK, NULL, (void *)-8, 8), EFAULT);
    OK(mask(SIG_BLOCK, NULL, &now, 8));
    CHECK_EQ(now, USR2);
}

TEST(a_signal_that_waits_comes_with_the_unblocking_call) {
    handle(SIGUSR1, count, 0);
    warm_up();
    for (int i = 1; i <= 1000; i++) {
        OK(mask(SIG_BLOCK, &USR1, NULL, 8));
        OK(kill(getpid(), SIGUSR1));
        CHECK_EQ(came, i - 1);
        OK(mask(SIG_UNBLOCK, &USR1, NULL, 8));
        CHECK_EQ(came, i);
    }
}

static void *open_and_close(void *unused) {
    (void)unused;
    while (!stop) {
        OK(mask(SIG_BLOCK, &USR1, NULL, 8));
        is_blocked = 1;
        is_blocked = 0;
        OK(mask(SIG_UNBLOCK, &USR1, NULL, 8));
    }
    return NULL;
}

static void send_and_wait(pthread_t thread, int to_process) {
    for (int i = 0; i < 500; i++) {
        int before = came;
        if (to_process) OK(kill(getpid(), SIGUSR1));
        else CHECK_EQ(pthread_kill(thread, SIGUSR1), 0);
        while (came == before) sched_yield();
    }
    stop = 1;
    join_thread(thread);
    CHECK(!was_blocked);
}

TEST(a_thread_that_blocks_and_unblocks_misses_no_signal_of_its_own) {
    handle(SIGUSR1, count, 0);
    send_and_wait(start_thread(open_and_close, NULL), 0);
}

TEST(nor_of_its_process) {
    handle(SIGUSR1, count, 0);
    pthread_t thread = start_thread(open_and_close, NULL);
    OK(mask(SIG_BLOCK, &USR1, NULL, 8));
    send_and_wait(thread, 1);
}

TEST(a_child_and_a_thread_have_the_mask_of_their_maker) {
    uint64_t now;
    warm_up();
    for (int i = 0; i < 50; i++) {
        uint64_t set = i % 2 ? USR1 : USR2;
        OK(mask(SIG_SETMASK, &set, NULL, 8));
        reap(FORK(OK(mask(SIG_BLOCK, NULL, &now, 8)); CHECK_EQ(now, set)));
    }
}

TEST(status_shows_what_is_blocked) {
    char text[4096], wanted[64];
    warm_up();
    OK(mask(SIG_SETMASK, &USR2, NULL, 8));
    int fd = OK(open("/proc/self/status", O_RDONLY));
    text[OK(read(fd, text, sizeof text - 1))] = 0;
    snprintf(wanted, sizeof wanted, "SigBlk:\t%016llx", (unsigned long long)USR2);
    CHECK(strstr(text, wanted));
}
