// flock(2), fcntl(2) record locks and open file description locks.
#include "../test.h"
#include <sys/file.h>

static struct flock lock_of(short type, off_t start, off_t length) {
    return (struct flock){.l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = length};
}

static int set(int fd, int command, short type, off_t start, off_t length) {
    struct flock lock = lock_of(type, start, length);
    return fcntl(fd, command, &lock);
}

static int open_file(void) { return OK(open("f", O_RDWR | O_CREAT, 0600)); }

TEST(flock_excludes) {
    int one = open_file(), two = open_file();
    OK(flock(one, LOCK_SH));
    OK(flock(two, LOCK_SH));
    CHECK_ERRNO(flock(one, LOCK_EX | LOCK_NB), EWOULDBLOCK);
    OK(flock(two, LOCK_UN));
    OK(flock(one, LOCK_EX));
    CHECK_ERRNO(flock(two, LOCK_SH | LOCK_NB), EWOULDBLOCK);
    int copy = dup(one);
    close(one);
    CHECK_ERRNO(flock(two, LOCK_SH | LOCK_NB), EWOULDBLOCK);
    close(copy);
    OK(flock(two, LOCK_SH | LOCK_NB));
    CHECK_ERRNO(flock(two, LOCK_NB), EINVAL);
}

TEST(flock_wakes) {
    int one = open_file(), two = open_file();
    OK(flock(one, LOCK_EX));
    pid_t child = FORK(close(one); OK(flock(two, LOCK_EX)));
    wait_asleep(child);
    OK(flock(one, LOCK_UN));
    reap(child);
}

TEST(records_between_processes) {
    int fd = open_file();
    OK(set(fd, F_SETLK, F_WRLCK, 10, 10));
    OK(set(fd, F_SETLK, F_RDLCK, 12, 2));
    pid_t me = getpid();
    reap(FORK(CHECK_ERRNO(set(fd, F_SETLK, F_WRLCK, 15, 1), EAGAIN); CHECK_ERRNO(set(fd, F_SETLK, F_RDLCK, 19, 5), EAGAIN);
              OK(set(fd, F_SETLK, F_RDLCK, 12, 2)); CHECK_ERRNO(set(fd, F_SETLK, F_WRLCK, 12, 2), EAGAIN);
              OK(set(fd, F_SETLK, F_WRLCK, 20, 0)); struct flock lock = lock_of(F_WRLCK, 0, 0);
              OK(fcntl(fd, F_GETLK, &lock)); CHECK_EQ(lock.l_type, F_WRLCK); CHECK_EQ(lock.l_pid, me);
              CHECK(lock.l_start == 10 && lock.l_len == 2)));
    struct flock lock = lock_of(F_WRLCK, 0, 0);
    OK(fcntl(fd, F_GETLK, &lock));
    CHECK_EQ(lock.l_type, F_UNLCK);
}

TEST(records_go_with_any_close) {
    int one = open_file(), two = open_file();
    OK(set(one, F_SETLK, F_WRLCK, 0, 0));
    close(two);
    reap(FORK(OK(set(one, F_SETLK, F_WRLCK, 0, 0))));
}

TEST(records_wait_and_wake) {
    int fd = open_file();
    OK(set(fd, F_SETLK, F_WRLCK, 0, 10));
    pid_t child = FORK(OK(set(fd, F_SETLKW, F_WRLCK, 5, 10)));
    wait_asleep(child);
    OK(set(fd, F_SETLK, F_UNLCK, 0, 5));
    wait_asleep(child);
    OK(set(fd, F_SETLK, F_UNLCK, 0, 0));
    reap(child);
}

TEST(deadlock_is_seen) {
    int fd = open_file();
    OK(set(fd, F_SETLK, F_WRLCK, 0, 1));
    volatile int *ready = shared_page();
    pid_t child = FORK(OK(set(fd, F_SETLK, F_WRLCK, 1, 1)); *ready = 1; OK(set(fd, F_SETLKW, F_WRLCK, 0, 1)));
    WAIT_UNTIL(*ready);
    wait_asleep(child);
    CHECK_ERRNO(set(fd, F_SETLKW, F_WRLCK, 1, 1), EDEADLK);
    OK(set(fd, F_SETLK, F_UNLCK, 0, 1));
    reap(child);
}

TEST(killed_owner_releases) {
    int fd = open_file();
    volatile int *ready = shared_page();
    pid_t owner = FORK(OK(set(fd, F_SETLK, F_WRLCK, 0, 0)); *ready = 1; pause());
    WAIT_UNTIL(*ready);
    CHECK_ERRNO(set(fd, F_SETLK, F_RDLCK, 0, 0), EAGAIN);
    kill(owner, SIGKILL);
    status_of(owner);
    OK(set(fd, F_SETLK, F_RDLCK, 0, 0));
}

TEST(open_description_locks) {
    int one = open_file(), two = open_file();
    OK(set(one, F_OFD_SETLK, F_WRLCK, 0, 10));
    CHECK_ERRNO(set(two, F_OFD_SETLK, F_WRLCK, 5, 1), EAGAIN);
    CHECK_ERRNO(set(two, F_SETLK, F_WRLCK, 5, 1), EAGAIN);
    struct flock lock = lock_of(F_WRLCK, 0, 0);
    OK(fcntl(two, F_OFD_GETLK, &lock));
    CHECK_EQ(lock.l_pid, -1);
    reap(FORK(OK(set(one, F_OFD_SETLK, F_WRLCK, 0, 10))));
    close(one);
    OK(set(two, F_OFD_SETLK, F_WRLCK, 5, 1));
    lock.l_pid = 1;
    CHECK_ERRNO(fcntl(two, F_OFD_SETLK, &lock), EINVAL);
}

TEST(errors) {
    int fd = open_file(), reading = OK(open("f", O_RDONLY));
    CHECK_ERRNO(set(reading, F_SETLK, F_WRLCK, 0, 0), EBADF);
    CHECK_ERRNO(set(fd, F_SETLK, 9, 0, 0), EINVAL);
    CHECK_ERRNO(set(fd, F_SETLK, F_WRLCK, -5, 0), EINVAL);
    struct flock lock = {.l_type = F_WRLCK, .l_whence = 9};
    CHECK_ERRNO(fcntl(fd, F_SETLK, &lock), EINVAL);
    CHECK_ERRNO(fcntl(fd, F_SETLK, NULL), EFAULT);
}

TEST(sqlite_like_sequence) {
    int fd = open_file();
    for (int i = 0; i < 200; i++) {
        OK(set(fd, F_SETLK, F_RDLCK, 1073741824, 1));
        OK(set(fd, F_SETLK, F_RDLCK, 1073741826, 510));
        OK(set(fd, F_SETLK, F_UNLCK, 1073741824, 1));
        OK(set(fd, F_SETLK, F_WRLCK, 1073741825, 1));
        OK(set(fd, F_SETLK, F_WRLCK, 1073741824, 1));
        OK(set(fd, F_SETLK, F_UNLCK, 0, 0));
    }
}
