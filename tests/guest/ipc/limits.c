// IPC: limits that the administrator of a namespace moves, /proc/sysvipc, how message queues tell.
#include "../test.h"
#include <mqueue.h>
#include <semaphore.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>

// A namespace of one's own: what is set there is nobody else's.
static void own_namespace(void) {
    if (unshare(CLONE_NEWIPC) < 0) SKIP("no IPC namespaces");
}

TEST(number_of_queues) {
    own_namespace();
    write_text("/proc/sys/kernel/msgmni", "2");
    CHECK_STR(read_text("/proc/sys/kernel/msgmni"), "2\n");
    OK(msgget(IPC_PRIVATE, 0600));
    int id = OK(msgget(IPC_PRIVATE, 0600));
    CHECK_ERRNO(msgget(IPC_PRIVATE, 0600), ENOSPC);
    struct msginfo info;
    OK(msgctl(0, IPC_INFO, (struct msqid_ds *)&info));
    CHECK_EQ(info.msgmni, 2);
    OK(msgctl(id, IPC_RMID, NULL));
    OK(msgget(IPC_PRIVATE, 0600));
}

TEST(bytes_of_messages) {
    own_namespace();
    write_text("/proc/sys/kernel/msgmax", "16");
    write_text("/proc/sys/kernel/msgmnb", "100");
    int id = OK(msgget(IPC_PRIVATE, 0600));
    struct msqid_ds stat;
    OK(msgctl(id, IPC_STAT, &stat));
    CHECK_EQ(stat.msg_qbytes, 100);
    struct {
        long type;
        char text[32];
    } message = {1, "text"};
    OK(msgsnd(id, &message, 16, IPC_NOWAIT));
    CHECK_ERRNO(msgsnd(id, &message, 17, IPC_NOWAIT), EINVAL);
}

TEST(semaphores_and_segments) {
    own_namespace();
    write_text("/proc/sys/kernel/sem", "5\t8\t2\t3");
    CHECK_STR(read_text("/proc/sys/kernel/sem"), "5\t8\t2\t3\n");
    CHECK_ERRNO(semget(IPC_PRIVATE, 6, 0600), EINVAL);
    int id = OK(semget(IPC_PRIVATE, 5, 0600));
    CHECK_ERRNO(semget(IPC_PRIVATE, 4, 0600), ENOSPC);
    OK(semget(IPC_PRIVATE, 3, 0600));
    struct sembuf ops[3] = {{0, 1, 0}, {1, 1, 0}, {2, 1, 0}};
    OK(semop(id, ops, 2));
    CHECK_ERRNO(semop(id, ops, 3), E2BIG);
    write_text("/proc/sys/kernel/shmmax", "8192");
    OK(shmget(IPC_PRIVATE, 8192, 0600));
    CHECK_ERRNO(shmget(IPC_PRIVATE, 8193, 0600), EINVAL);
    write_text("/proc/sys/kernel/shmmni", "1");
    CHECK_ERRNO(shmget(IPC_PRIVATE, 4096, 0600), ENOSPC);
}

TEST(wished_id) {
    own_namespace();
    if (access("/proc/sys/kernel/msg_next_id", F_OK) < 0) SKIP("no wishes");
    CHECK_STR(read_text("/proc/sys/kernel/msg_next_id"), "-1\n");
    write_text("/proc/sys/kernel/msg_next_id", "1234");
    CHECK_EQ(msgget(IPC_PRIVATE, 0600), 1234);
    CHECK_STR(read_text("/proc/sys/kernel/msg_next_id"), "-1\n");
    write_text("/proc/sys/kernel/msg_next_id", "1234");
    CHECK(OK(msgget(IPC_PRIVATE, 0600)) != 1234);
}

TEST(lists) {
    own_namespace();
    int queue = OK(msgget(0x1234, IPC_CREAT | 0640)), set = OK(semget(0x1235, 7, IPC_CREAT | 0600));
    int segment = OK(shmget(0x1236, 5000, IPC_CREAT | 0604));
    int key, id, mode, count;
    long size;
    CHECK_EQ(sscanf(strchr(read_text("/proc/sysvipc/msg"), '\n'), "%d %d %o %d", &key, &id, &mode, &count), 4);
    CHECK(key == 0x1234 && id == queue && mode == 0640 && count == 0);
    CHECK_EQ(sscanf(strchr(read_text("/proc/sysvipc/sem"), '\n'), "%d %d %o %d", &key, &id, &mode, &count), 4);
    CHECK(key == 0x1235 && id == set && mode == 0600 && count == 7);
    CHECK_EQ(sscanf(strchr(read_text("/proc/sysvipc/shm"), '\n'), "%d %d %o %ld", &key, &id, &mode, &size), 4);
    CHECK(key == 0x1236 && id == segment && mode == 0604 && size == 5000);
}

static sem_t told;
static void *volatile told_value;

static void tell(union sigval value) {
    told_value = value.sival_ptr;
    sem_post(&told);
}

TEST(queue_tells_by_thread) {
    struct mq_attr attr = {.mq_maxmsg = 4, .mq_msgsize = 16};
    mqd_t queue = OK(mq_open("/guest-test-told", O_RDWR | O_CREAT, 0600, &attr));
    OK(mq_unlink("/guest-test-told"));
    sem_init(&told, 0, 0);
    struct sigevent event = {
        .sigev_notify = SIGEV_THREAD, .sigev_notify_function = tell, .sigev_value.sival_ptr = &attr};
    OK(mq_notify(queue, &event));
    CHECK_ERRNO(mq_notify(queue, &event), EBUSY);
    OK(mq_send(queue, "text", 4, 0));
    OK(sem_wait(&told));
    CHECK(told_value == &attr);
    char text[16];
    OK(mq_receive(queue, text, sizeof text, NULL));
    OK(mq_notify(queue, &event));
    OK(mq_notify(queue, NULL));
    OK(mq_send(queue, "text", 4, 0));
    sleep_ms(50);
    CHECK_ERRNO(sem_trywait(&told), EAGAIN);
    char cookie[32];
    struct sigevent raw = {.sigev_notify = SIGEV_THREAD, .sigev_signo = 999, .sigev_value.sival_ptr = cookie};
    CHECK_ERRNO(syscall(SYS_mq_notify, queue, &raw), EBADF);
    raw.sigev_signo = queue;
    CHECK_ERRNO(syscall(SYS_mq_notify, queue, &raw), ENOTSOCK);
}
