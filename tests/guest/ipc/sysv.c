// System V shared memory, semaphores, message queues; POSIX message queues and shared memory.
#include "../test.h"
#include <mqueue.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>

TEST(shared_memory) {
    int id = OK(shmget(IPC_PRIVATE, 10000, IPC_CREAT | 0600));
    char *p = shmat(id, NULL, 0);
    CHECK(p != (void *)-1);
    OK(shmctl(id, IPC_RMID, NULL));
    reap(FORK(strcpy(p + 9000, "hello"); char *q = shmat(id, NULL, SHM_RDONLY); CHECK(q != (void *)-1); CHECK_STR(q + 9000, "hello")));
    CHECK_STR(p + 9000, "hello");
    struct shmid_ds info;
    OK(shmctl(id, IPC_STAT, &info));
    CHECK_EQ(info.shm_segsz, 10000);
    CHECK_EQ(info.shm_nattch, 1);
    OK(shmdt(p));
    CHECK_ERRNO(shmdt(p), EINVAL);
    CHECK_ERRNO(shmat(id, NULL, 0), EINVAL);
}

TEST(shared_memory_by_key) {
    key_t key = 0x4e000000 + getpid();
    int id = OK(shmget(key, 4096, IPC_CREAT | IPC_EXCL | 0600));
    CHECK_ERRNO(shmget(key, 4096, IPC_CREAT | IPC_EXCL | 0600), EEXIST);
    CHECK_EQ(shmget(key, 0, 0), id);
    CHECK_ERRNO(shmget(key, 8192, 0), EINVAL);
    OK(shmctl(id, IPC_RMID, NULL));
    CHECK_ERRNO(shmget(key, 0, 0), ENOENT);
}

static int change(int id, int index, int by, int flags) {
    struct sembuf op = {index, by, flags};
    return semop(id, &op, 1);
}

TEST(semaphores) {
    int id = OK(semget(IPC_PRIVATE, 3, 0600));
    unsigned short values[3] = {1, 2, 3}, got[3];
    OK(semctl(id, 0, SETALL, values));
    OK(change(id, 1, -2, 0));
    CHECK_EQ(semctl(id, 1, GETVAL), 0);
    CHECK_ERRNO(change(id, 1, -1, IPC_NOWAIT), EAGAIN);
    CHECK_ERRNO(change(id, 2, 0, IPC_NOWAIT), EAGAIN);
    CHECK_ERRNO(change(id, 9, 1, 0), EFBIG);
    // All or nothing.
    struct sembuf ops[2] = {{0, -1, IPC_NOWAIT}, {1, -1, IPC_NOWAIT}};
    CHECK_ERRNO(semop(id, ops, 2), EAGAIN);
    OK(semctl(id, 0, GETALL, got));
    CHECK(got[0] == 1 && got[1] == 0 && got[2] == 3);
    pid_t child = FORK(OK(change(id, 1, -1, 0)));
    wait_asleep(child);
    CHECK_EQ(semctl(id, 1, GETNCNT), 1);
    OK(change(id, 1, 1, 0));
    reap(child);
    CHECK_EQ(semctl(id, 1, GETPID), child);
    reap(FORK(OK(change(id, 0, -1, SEM_UNDO))));
    CHECK_EQ(semctl(id, 0, GETVAL), 1);
    child = FORK(CHECK_ERRNO(change(id, 1, -1, 0), EIDRM));
    wait_asleep(child);
    OK(semctl(id, 0, IPC_RMID));
    reap(child);
    CHECK_ERRNO(change(id, 0, 1, 0), EINVAL);
}

TEST(semaphore_timeout) {
    int id = OK(semget(IPC_PRIVATE, 1, 0600));
    struct sembuf op = {0, -1, 0};
    struct timespec limit = {0, 20000000};
    int64_t start = now_ns();
    CHECK_ERRNO(semtimedop(id, &op, 1, &limit), EAGAIN);
    CHECK(now_ns() - start >= 20000000);
    OK(semctl(id, 0, IPC_RMID));
}

struct message {
    long type;
    char text[16];
};

TEST(message_queue) {
    int id = OK(msgget(IPC_PRIVATE, 0600));
    struct message m = {5, "five"}, n = {3, "three"}, got;
    OK(msgsnd(id, &m, 5, 0));
    OK(msgsnd(id, &n, 6, 0));
    CHECK_EQ(msgrcv(id, &got, 16, 3, 0), 6);
    CHECK_STR(got.text, "three");
    OK(msgsnd(id, &n, 6, 0));
    CHECK_EQ(msgrcv(id, &got, 16, -4, 0), 6);
    CHECK_ERRNO(msgrcv(id, &got, 2, 0, 0), E2BIG);
    CHECK_EQ(msgrcv(id, &got, 2, 0, MSG_NOERROR), 2);
    CHECK_ERRNO(msgrcv(id, &got, 16, 0, IPC_NOWAIT), ENOMSG);
    m.type = 0;
    CHECK_ERRNO(msgsnd(id, &m, 5, 0), EINVAL);
    pid_t child = FORK(CHECK_EQ(msgrcv(id, &got, 16, 9, 0), 4));
    wait_asleep(child);
    m.type = 9;
    OK(msgsnd(id, &m, 4, 0));
    reap(child);
    child = FORK(CHECK_ERRNO(msgrcv(id, &got, 16, 0, 0), EIDRM));
    wait_asleep(child);
    OK(msgctl(id, IPC_RMID, NULL));
    reap(child);
}

TEST(posix_queue) {
    char name[32];
    snprintf(name, sizeof name, "/test-%d", getpid());
    struct mq_attr attr = {.mq_maxmsg = 3, .mq_msgsize = 16}, got;
    mqd_t queue = mq_open(name, O_RDWR | O_CREAT | O_EXCL, 0600, &attr);
    if (queue == (mqd_t)-1 && errno == ENOSYS) SKIP("no message queues");
    OK(queue);
    CHECK_ERRNO(mq_open(name, O_RDWR | O_CREAT | O_EXCL, 0600, &attr), EEXIST);
    OK(mq_send(queue, "low", 4, 1));
    OK(mq_send(queue, "high", 5, 9));
    OK(mq_send(queue, "low2", 5, 1));
    OK(mq_getattr(queue, &got));
    CHECK_EQ(got.mq_curmsgs, 3);
    struct timespec past = {1, 0};
    CHECK_ERRNO(mq_timedsend(queue, "x", 1, 0, &past), ETIMEDOUT);
    char b[16];
    unsigned priority;
    CHECK_EQ(mq_receive(queue, b, 16, &priority), 5);
    CHECK(priority == 9 && strcmp(b, "high") == 0);
    CHECK_EQ(mq_receive(queue, b, 16, &priority), 4);
    CHECK_STR(b, "low");
    CHECK_ERRNO(mq_receive(queue, b, 4, &priority), EMSGSIZE);
    CHECK_ERRNO(mq_send(queue, b, 17, 0), EMSGSIZE);
    struct pollfd p = {queue, POLLIN, 0};
    CHECK_EQ(poll(&p, 1, 0), 1);
    OK(mq_unlink(name));
    CHECK_ERRNO(mq_unlink(name), ENOENT);
}

TEST(posix_shared_memory) {
    char name[32];
    snprintf(name, sizeof name, "/test-%d", getpid());
    int fd = OK(shm_open(name, O_RDWR | O_CREAT | O_EXCL, 0600));
    OK(ftruncate(fd, 4096));
    int *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    reap(FORK(int again = OK(shm_open(name, O_RDWR, 0)); int *q = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, again, 0);
              q[3] = 44));
    CHECK_EQ(p[3], 44);
    OK(shm_unlink(name));
}

// The old mapping of the segment goes first, and with the last one the segment.
TEST(shm_removed_is_not_remapped) {
    int id = OK(shmget(IPC_PRIVATE, 8192, 0600));
    char *memory = shmat(id, NULL, 0), *second = shmat(id, NULL, 0);
    CHECK(memory != MAP_FAILED && second != MAP_FAILED);
    OK(shmctl(id, IPC_RMID, NULL));
    OK(syscall(SYS_remap_file_pages, memory, 8192, 0, 0, 0));
    memory[0] = 7;
    CHECK_EQ(second[0], 7);
    OK(shmdt(second));
    long result = syscall(SYS_remap_file_pages, memory, 8192, 0, 0, 0);
    CHECK(result == -1 && (errno == EINVAL || errno == EIDRM));
    CHECK_ERRNO(mprotect(memory, 4096, PROT_READ), ENOMEM);
    struct shmid_ds data;
    CHECK_ERRNO(shmctl(id, IPC_STAT, &data), EINVAL);
}
