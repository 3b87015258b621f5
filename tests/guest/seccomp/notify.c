// seccomp_unotify(2): calls that another process answers.
#include "../test.h"
#include "filter.h"
#include <sys/epoll.h>
#include <sys/socket.h>

static int listen_to(int nr, unsigned flags) {
    no_new_privs();
    return OK(filter_call_with(SECCOMP_FILTER_FLAG_NEW_LISTENER | flags, nr, SECCOMP_RET_USER_NOTIF));
}

static struct seccomp_notif receive(int listener) {
    struct seccomp_notif request = {0};
    OK(ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &request));
    return request;
}

static int answer(int listener, uint64_t id, int64_t value, int error, unsigned flags) {
    struct seccomp_notif_resp response = {.id = id, .val = value, .error = error, .flags = flags};
    return ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &response);
}

static short ready(int listener) {
    struct pollfd entry = {.fd = listener, .events = POLLIN | POLLOUT};
    OK(poll(&entry, 1, 0));
    return entry.revents;
}

TEST(values_and_errors) {
    int listener = listen_to(SYS_getppid, 0);
    pid_t pid = FORK({
        CHECK_EQ(syscall(SYS_getppid, 1, 2L << 40, 3, 4, 5, 6), 0x123456789);
        CHECK_ERRNO(syscall(SYS_getppid), EXDEV);
        CHECK_EQ(syscall(SYS_getppid), 0);
    });
    CHECK_EQ(fcntl(listener, F_GETFD), FD_CLOEXEC);
    struct seccomp_notif request = receive(listener);
    CHECK_EQ(request.pid, pid);
    CHECK_EQ(request.flags, 0);
    CHECK_EQ(request.data.nr, SYS_getppid);
    CHECK_EQ(request.data.arch, AUDIT_ARCH_X86_64);
    CHECK(request.data.instruction_pointer != 0);
    CHECK_EQ(request.data.args[0], 1);
    CHECK_EQ(request.data.args[1], 2L << 40);
    CHECK_EQ(request.data.args[5], 6);
    uint64_t first = request.id;
    OK(answer(listener, request.id, 0x123456789, 0, 0));
    request = receive(listener);
    CHECK_EQ(request.id, first + 1);
    OK(answer(listener, request.id, 5, -EXDEV, 0));
    request = receive(listener);
    OK(answer(listener, request.id, 0, 0, 0));
    reap(pid);
    CHECK_ERRNO(answer(listener, request.id, 0, 0, 0), ENOENT);
}

TEST(calls_go_on) {
    int listener = listen_to(SYS_mkdir, 0);
    pid_t pid = FORK(OK(syscall(SYS_mkdir, "made", 0777)));
    struct seccomp_notif request = receive(listener);
    CHECK_ERRNO(access("made", F_OK), ENOENT);
    CHECK_ERRNO(answer(listener, request.id, 1, 0, SECCOMP_USER_NOTIF_FLAG_CONTINUE), EINVAL);
    CHECK_ERRNO(answer(listener, request.id, 0, -1, SECCOMP_USER_NOTIF_FLAG_CONTINUE), EINVAL);
    CHECK_ERRNO(answer(listener, request.id, 0, 0, 2), EINVAL);
    OK(answer(listener, request.id, 0, 0, SECCOMP_USER_NOTIF_FLAG_CONTINUE));
    reap(pid);
    OK(access("made", F_OK));
}

TEST(bad_requests) {
    int listener = listen_to(SYS_getppid, 0);
    struct seccomp_notif request = {.flags = 1};
    CHECK_ERRNO(ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &request), EINVAL);
    CHECK_ERRNO(ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, NULL), EFAULT);
    CHECK_ERRNO(ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, NULL), EFAULT);
    CHECK_ERRNO(ioctl(listener, SECCOMP_IOCTL_NOTIF_ID_VALID, NULL), EFAULT);
    CHECK_ERRNO(answer(listener, 12345, 0, 0, 0), ENOENT);
    CHECK_ERRNO(ioctl(listener, 0x1234, 0), EINVAL);
    CHECK_ERRNO(ioctl(listener, SECCOMP_IOCTL_NOTIF_SET_FLAGS, 2), EINVAL);
    OK(ioctl(listener, SECCOMP_IOCTL_NOTIF_SET_FLAGS, 1));
    char byte;
    CHECK_ERRNO(read(listener, &byte, 1), EINVAL);
    CHECK_ERRNO(write(listener, &byte, 1), EINVAL);
    char path[64], name[64] = {0};
    snprintf(path, sizeof path, "/proc/self/fd/%d", listener);
    OK(readlink(path, name, sizeof name - 1));
    CHECK_STR(name, "anon_inode:seccomp notify");
}

TEST(valid_numbers) {
    int listener = listen_to(SYS_getppid, 0);
    pid_t pid = FORK(syscall(SYS_getppid));
    struct seccomp_notif request = receive(listener);
    OK(ioctl(listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &request.id));
    OK(ioctl(listener, SECCOMP_IOR(2, __u64), &request.id));
    uint64_t other = request.id + 1;
    CHECK_ERRNO(ioctl(listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &other), ENOENT);
    kill(pid, SIGKILL);
    status_of(pid);
    CHECK_ERRNO(ioctl(listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &request.id), ENOENT);
    CHECK_ERRNO(answer(listener, request.id, 0, 0, 0), ENOENT);
}

TEST(poll_tells_the_stage) {
    int listener = listen_to(SYS_getppid, 0);
    CHECK_EQ(ready(listener), 0);
    int epoll = OK(epoll_create1(0));
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT};
    OK(epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event));
    pid_t pid = FORK(syscall(SYS_getppid));
    CHECK_EQ(epoll_wait(epoll, &event, 1, 8000), 1);
    CHECK_EQ(event.events, EPOLLIN);
    CHECK_EQ(ready(listener), POLLIN);
    struct seccomp_notif request = receive(listener);
    CHECK_EQ(ready(listener), POLLOUT);
    CHECK_EQ(epoll_wait(epoll, &event, 1, 0), 1);
    CHECK_EQ(event.events, EPOLLOUT);
    CHECK_ERRNO(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0x40, 0), EINVAL);
    OK(answer(listener, request.id, 0, 0, 0));
    // The one that it answered has not run yet, or has; either way nothing waits.
    WAIT_UNTIL(ready(listener) == 0);
    reap(pid);
}

TEST(order_of_arrival) {
    int listener = listen_to(SYS_getppid, 0);
    pid_t pids[3];
    for (int i = 0; i < 3; i++) {
        pids[i] = FORK(CHECK_EQ(syscall(SYS_getppid), 100 + i));
        wait_asleep(pids[i]);
    }
    for (int i = 0; i < 3; i++) {
        struct seccomp_notif request = receive(listener);
        CHECK_EQ(request.pid, pids[i]);
        OK(answer(listener, request.id, 100 + i, 0, 0));
    }
    for (int i = 0; i < 3; i++) reap(pids[i]);
}

TEST(answers_before_receiving) {
    int listener = listen_to(SYS_getppid, 0);
    pid_t pid = FORK(CHECK_EQ(syscall(SYS_getppid), 8); CHECK_EQ(syscall(SYS_getppid), 9));
    struct seccomp_notif request = receive(listener);
    OK(answer(listener, request.id, 8, 0, 0));
    WAIT_UNTIL(ready(listener) == POLLIN);
    CHECK_ERRNO(answer(listener, request.id + 1, 9, 0, 0), EINPROGRESS);
    uint64_t next = request.id + 1;
    CHECK_ERRNO(ioctl(listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &next), ENOENT);
    request = receive(listener);
    OK(answer(listener, request.id, 9, 0, 0));
    reap(pid);
}

TEST(a_closed_listener_answers) {
    int listener = listen_to(SYS_getppid, 0);
    pid_t waiting = FORK(close(listener); CHECK_ERRNO(syscall(SYS_getppid), ENOSYS));
    receive(listener);
    pid_t unseen = FORK(close(listener); CHECK_ERRNO(syscall(SYS_getppid), ENOSYS));
    WAIT_UNTIL(ready(listener) & POLLIN);
    close(listener);
    reap(waiting);
    reap(unseen);
    reap(FORK(CHECK_ERRNO(syscall(SYS_getppid), ENOSYS)));
    // There is none any more: another may be made.
    OK(filter_call_with(SECCOMP_FILTER_FLAG_NEW_LISTENER, TRIED, SECCOMP_RET_USER_NOTIF));
}

TEST(one_listener) {
    int listener = listen_to(SYS_getppid, 0);
    CHECK_ERRNO(filter_call_with(SECCOMP_FILTER_FLAG_NEW_LISTENER, TRIED, SECCOMP_RET_USER_NOTIF), EBUSY);
    OK(filter_call_with(0, TRIED, SECCOMP_RET_ERRNO | 1));
    CHECK_EQ(fcntl(listener + 1, F_GETFD), -1);
    CHECK_EQ(field_of("/proc/self/status", "Seccomp_filters"), 2);
}

TEST(no_room_for_a_listener) {
    no_new_privs();
    struct rlimit limit = {3, 3};
    OK(setrlimit(RLIMIT_NOFILE, &limit));
    CHECK_ERRNO(filter_call_with(SECCOMP_FILTER_FLAG_NEW_LISTENER, TRIED, SECCOMP_RET_USER_NOTIF), EMFILE);
    CHECK_EQ(prctl(PR_GET_SECCOMP, 0, 0, 0, 0), 0);
}

static int pass_fd(int channel, int fd) {
    char byte = 0, control[CMSG_SPACE(sizeof fd)] = {0};
    struct iovec iov = {&byte, 1};
    struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    if (fd < 0) {
        CHECK_EQ(recvmsg(channel, &message, 0), 1);
        memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof fd);
        return fd;
    }
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    *header = (struct cmsghdr){.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof fd)};
    memcpy(CMSG_DATA(header), &fd, sizeof fd);
    CHECK_EQ(sendmsg(channel, &message, 0), 1);
    return fd;
}

// The filter is the child's alone: its end is seen by the listener.
TEST(end_of_all_users) {
    int channel[2];
    OK(socketpair(AF_UNIX, SOCK_STREAM, 0, channel));
    pid_t pid = FORK({
        int listener = listen_to(SYS_getppid, 0);
        pass_fd(channel[1], listener);
        close(listener);
        char byte;
        CHECK_EQ(read(channel[1], &byte, 1), 1);
    });
    int listener = pass_fd(channel[0], -1);
    CHECK_EQ(ready(listener), 0);
    CHECK_EQ(write(channel[0], "x", 1), 1);
    struct pollfd entry = {.fd = listener, .events = 0};
    CHECK_EQ(poll(&entry, 1, 8000), 1);
    CHECK_EQ(entry.revents, POLLHUP);
    WAIT_UNTIL(state_of(pid) == 'Z');
    CHECK_EQ(ready(listener), POLLHUP);
    reap(pid);
    struct seccomp_notif request = {0};
    CHECK_ERRNO(ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &request), ENOENT);
}

static volatile int signals;
static void count(int number) {
    (void)number;
    signals++;
}

// Who is interrupted makes the call once more, as another notification, or not, as its handler wishes.
TEST(interrupted_callers) {
    int listener = listen_to(SYS_getppid, 0);
    pid_t pid = FORK({
        handle(SIGUSR1, count, SA_RESTART);
        handle(SIGUSR2, count, 0);
        CHECK_EQ(syscall(SYS_getppid), 77);
        CHECK_EQ(signals, 1);
        CHECK_ERRNO(syscall(SYS_getppid), EINTR);
        CHECK_EQ(signals, 2);
    });
    struct seccomp_notif request = receive(listener);
    wait_asleep(pid);
    kill(pid, SIGUSR1);
    uint64_t first = request.id;
    request = receive(listener);
    CHECK_EQ(request.id, first + 1);
    CHECK_ERRNO(answer(listener, first, 1, 0, 0), ENOENT);
    OK(answer(listener, request.id, 77, 0, 0));
    request = receive(listener);
    wait_asleep(pid);
    kill(pid, SIGUSR2);
    reap(pid);
    CHECK_ERRNO(answer(listener, request.id, 1, 0, 0), ENOENT);
}

// One that went before it was received is missed by who set out to receive it.
TEST(receiving_what_is_gone) {
    int listener = listen_to(SYS_getppid, 0);
    pid_t pid = FORK(syscall(SYS_getppid));
    WAIT_UNTIL(ready(listener) == POLLIN);
    kill(pid, SIGKILL);
    status_of(pid);
    CHECK_EQ(ready(listener), 0);
    struct seccomp_notif request = {0};
    CHECK_ERRNO(ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &request), ENOENT);
}

TEST(interrupted_listeners) {
    int listener = listen_to(SYS_getppid, 0);
    handle(SIGALRM, count, 0);
    struct itimerval soon = {.it_value = {0, 30000}};
    OK(setitimer(ITIMER_REAL, &soon, NULL));
    struct seccomp_notif request = {0};
    CHECK_ERRNO(ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &request), EINTR);
    CHECK_EQ(signals, 1);
}

// With WAIT_KILLABLE_RECV signals wait once the notification was received.
TEST(killable_waits) {
    int listener = listen_to(SYS_getppid, SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV);
    volatile int *stage = shared_page();
    pid_t pid = FORK({
        handle(SIGUSR1, count, 0);
        CHECK_ERRNO(syscall(SYS_getppid), EINTR);
        CHECK_EQ(signals, 1);
        *stage = 1;
        CHECK_EQ(syscall(SYS_getppid), 5);
        CHECK_EQ(signals, 2);
        syscall(SYS_getppid);
    });
    wait_asleep(pid);
    kill(pid, SIGUSR1);
    WAIT_UNTIL(*stage == 1);
    // The first was never received; its request is still counted.
    struct seccomp_notif request = {0};
    while (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &request) < 0) CHECK_EQ(errno, ENOENT);
    kill(pid, SIGUSR1);
    sleep_ms(30);
    OK(ioctl(listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &request.id));
    OK(answer(listener, request.id, 5, 0, 0));
    memset(&request, 0, sizeof request);
    while (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &request) < 0) CHECK_EQ(errno, ENOENT);
    kill(pid, SIGKILL);
    CHECK_EQ(status_of(pid), SIGKILL);
    CHECK_ERRNO(ioctl(listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &request.id), ENOENT);
}

static int give(int listener, uint64_t id, unsigned flags, int fd, int number, unsigned fd_flags) {
    struct seccomp_notif_addfd request = {
        .id = id, .flags = flags, .srcfd = fd, .newfd = number, .newfd_flags = fd_flags};
    return ioctl(listener, SECCOMP_IOCTL_NOTIF_ADDFD, &request);
}

TEST(descriptors_for_the_caller) {
    int listener = listen_to(SYS_getppid, 0);
    int pipes[2];
    OK(pipe2(pipes, O_CLOEXEC));
    pid_t pid = FORK({
        close(pipes[0]);
        close(pipes[1]);
        close(listener);
        int fd = syscall(SYS_getppid);
        CHECK_EQ(write(fd, "a", 1), 1);
        CHECK_EQ(fcntl(fd, F_GETFD), 0);
        CHECK_EQ(write(60, "b", 1), 1);
        CHECK_EQ(fcntl(60, F_GETFD), FD_CLOEXEC);
        fd = syscall(SYS_getppid);
        CHECK_EQ(write(fd, "c", 1), 1);
        CHECK_EQ(syscall(SYS_getppid), 61);
        CHECK_EQ(write(61, "d", 1), 1);
    });
    struct seccomp_notif request = receive(listener);
    CHECK_ERRNO(give(listener, request.id + 1, 0, pipes[1], 0, 0), ENOENT);
    CHECK_ERRNO(give(listener, request.id, 0, 99, 0, 0), EBADF);
    CHECK_ERRNO(give(listener, request.id, 0, pipes[1], 5, 0), EINVAL);
    CHECK_ERRNO(give(listener, request.id, 4, pipes[1], 0, 0), EINVAL);
    CHECK_ERRNO(give(listener, request.id, 0, pipes[1], 0, O_NONBLOCK), EINVAL);
    CHECK_EQ(give(listener, request.id, SECCOMP_ADDFD_FLAG_SETFD, pipes[1], 60, O_CLOEXEC), 60);
    CHECK_ERRNO(give(listener, request.id, SECCOMP_ADDFD_FLAG_SETFD, pipes[1], 100000000, 0), EBADF);
    int fd = OK(give(listener, request.id, 0, pipes[1], 0, 0));
    OK(answer(listener, request.id, fd, 0, 0));
    // It has gone on, or is about to.
    CHECK_EQ(give(listener, request.id, 0, pipes[1], 0, 0), -1);
    CHECK(errno == ENOENT || errno == EINPROGRESS);
    request = receive(listener);
    OK(give(listener, request.id, SECCOMP_ADDFD_FLAG_SEND, pipes[1], 0, 0));
    CHECK_EQ(answer(listener, request.id, 0, 0, 0), -1);
    CHECK(errno == ENOENT || errno == EINPROGRESS);
    request = receive(listener);
    // What cannot be taken answers nothing.
    CHECK_ERRNO(
        give(listener, request.id, SECCOMP_ADDFD_FLAG_SETFD | SECCOMP_ADDFD_FLAG_SEND, pipes[1], 100000000, 0), EBADF);
    OK(ioctl(listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &request.id));
    CHECK_EQ(give(listener, request.id, SECCOMP_ADDFD_FLAG_SETFD | SECCOMP_ADDFD_FLAG_SEND, pipes[1], 61, 0), 61);
    reap(pid);
    char text[5] = {0};
    CHECK_EQ(read(pipes[0], text, 4), 4);
    CHECK_STR(text, "abcd");
}

TEST(sizes_of_descriptor_requests) {
    int listener = listen_to(SYS_getppid, 0);
    pid_t pid = FORK(syscall(SYS_getppid));
    struct seccomp_notif request = receive(listener);
    struct {
        struct seccomp_notif_addfd known;
        uint64_t more;
    } large = {.known = {.id = request.id, .srcfd = 1}, .more = 1};
#define SIZED(size) (((SECCOMP_IOCTL_NOTIF_ADDFD) & ~(_IOC_SIZEMASK << _IOC_SIZESHIFT)) | (size) << _IOC_SIZESHIFT)
    CHECK_ERRNO(ioctl(listener, SIZED(32U), &large), E2BIG);
    CHECK_ERRNO(ioctl(listener, SIZED(23U), &large), EINVAL);
    CHECK_ERRNO(ioctl(listener, SIZED(4096U), &large), EINVAL);
    CHECK_ERRNO(ioctl(listener, SIZED(24U), NULL), EFAULT);
    large.more = 0;
    OK(ioctl(listener, SIZED(32U), &large));
    OK(answer(listener, request.id, 0, 0, 0));
    reap(pid);
}

// A process that dies does not take its descriptor.
TEST(descriptors_for_the_dead) {
    int listener = listen_to(SYS_getppid, 0);
    pid_t pid = FORK(syscall(SYS_getppid));
    struct seccomp_notif request = receive(listener);
    kill(pid, SIGSTOP);
    kill(pid, SIGKILL);
    status_of(pid);
    CHECK_ERRNO(give(listener, request.id, 0, 1, 0, 0), ENOENT);
}

static void *make_call(void *none) {
    (void)none;
    return (void *)syscall(SYS_getppid);
}

// A process may answer its own threads; the filter came to all of them.
TEST(own_threads) {
    no_new_privs();
    unsigned flags =
        SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_TSYNC | SECCOMP_FILTER_FLAG_TSYNC_ESRCH;
    int listener = OK(filter_call_with(flags, SYS_getppid, SECCOMP_RET_USER_NOTIF));
    pthread_t threads[4];
    for (int i = 0; i < 4; i++) threads[i] = start_thread(make_call, NULL);
    long sum = 0;
    for (int i = 0; i < 4; i++) {
        struct seccomp_notif request = receive(listener);
        CHECK(request.pid != getpid());
        OK(answer(listener, request.id, 1 << i, 0, 0));
    }
    for (int i = 0; i < 4; i++) sum += (long)join_thread(threads[i]);
    CHECK_EQ(sum, 15);
}

// What allows less than asking counts.
TEST(other_filters_come_first) {
    int listener = listen_to(SYS_getppid, 0);
    OK(filter_call_with(0, SYS_getppid, SECCOMP_RET_ERRNO | EXDEV));
    CHECK_ERRNO(syscall(SYS_getppid), EXDEV);
    CHECK_EQ(ready(listener), 0);
}
