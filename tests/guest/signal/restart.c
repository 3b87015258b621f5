// The restart matrix of signal(7): every blocking call, interrupted by a handler without and with SA_RESTART,
// by a handled signal in a stopped process, and by signals that are ignored.
#include "../test.h"
#include <linux/futex.h>
#include <mqueue.h>
#include <netinet/in.h>
#include <pty.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/msg.h>
#include <sys/select.h>
#include <sys/sem.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/un.h>

// What a call does when a handler has run.
enum rule {
    RESTARTS, // EINTR without SA_RESTART, restarted with it
    ENDS,     // EINTR in both cases
    GOES_ON,  // restarted in both cases
};

// What the blocked process shares with its parent, which ends the wait.
struct shared {
    volatile int ready, runs;
    volatile uint32_t word;
};

struct call {
    const char *name;
    enum rule rule;
    void (*prepare)(void);
    long (*block)(void);
    void (*release)(void); // makes the call end by itself; NULL for calls that only time out
    bool ends_after_stop;  // EINTR after SIGSTOP and SIGCONT without any handler
};

static struct shared *shared;
static int fds[2], other;
static pid_t helper;
static char byte, block[65536];

static long or_errno(long value) { return value < 0 ? -errno : value; }

// Pipes and their kin.
static void make_pipe(void) { OK(pipe(fds)); }
static long read_pipe(void) { return or_errno(read(fds[0], &byte, 1)); }
static void put_byte(void) { OK(write(fds[1], "x", 1)); }
static long readv_pipe(void) {
    struct iovec v = {&byte, 1};
    return or_errno(readv(fds[0], &v, 1));
}
static void fill(int fd) {
    OK(fcntl(fd, F_SETFL, O_NONBLOCK));
    while (write(fd, block, sizeof block) > 0 || write(fd, block, 1) > 0) {
    }
    OK(fcntl(fd, F_SETFL, 0));
}
static void make_full_pipe(void) {
    make_pipe();
    fill(fds[1]);
}
static long write_pipe(void) { return or_errno(write(fds[1], "y", 1)); }
static void drain(void) { OK(read(fds[0], block, sizeof block)); }
static long splice_pipe(void) { return or_errno(splice(fds[0], NULL, other, NULL, 1, 0)); }
static void make_pipe_and_file(void) {
    make_pipe();
    other = OK(open("f", O_RDWR | O_CREAT, 0600));
}
static void make_eventfd(void) { fds[0] = fds[1] = OK(eventfd(0, 0)); }
static long read_counter(void) {
    uint64_t n;
    return or_errno(read(fds[0], &n, 8));
}
static void add_one(void) {
    uint64_t n = 1;
    OK(write(fds[1], &n, 8));
}
static void make_timerfd(void) { fds[0] = OK(timerfd_create(CLOCK_MONOTONIC, 0)); }
static void fire_timer(void) {
    struct itimerspec soon = {.it_value = {0, 1}};
    OK(timerfd_settime(fds[0], 0, &soon, NULL));
}
static void make_signalfd(void) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGHUP);
    block_signal(SIGHUP);
    fds[0] = OK(signalfd(-1, &set, 0));
}
static long read_block(void) { return or_errno(read(fds[0], block, sizeof block)); }
static void send_hangup(void) { OK(kill(helper, SIGHUP)); }
static void make_inotify(void) {
    write_text("f", "");
    fds[0] = OK(inotify_init1(0));
    OK(inotify_add_watch(fds[0], "f", IN_ATTRIB));
}
static void touch(void) { OK(chmod("f", 0640)); }
static void make_fifo(void) { OK(mkfifo("fifo", 0600)); }
static long open_fifo(void) { return or_errno(open("fifo", O_RDONLY)) < 0 ? -errno : 0; }
static void open_writer(void) { close(OK(open("fifo", O_WRONLY))); }
static void make_pty(void) { OK(openpty(&fds[1], &fds[0], NULL, NULL, NULL)); }
static void put_line(void) { OK(write(fds[1], "\n", 1)); }

// Sockets.
static void make_pair(void) { OK(socketpair(AF_UNIX, SOCK_STREAM, 0, fds)); }
static long receive(void) { return or_errno(recv(fds[0], &byte, 1, 0)); }
static long receive_message(void) {
    struct iovec v = {&byte, 1};
    struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1};
    return or_errno(recvmsg(fds[0], &m, 0));
}
static void make_timed_pair(void) {
    make_pair();
    struct timeval limit = {4, 0};
    OK(setsockopt(fds[0], SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit));
}
static void make_full_pair(void) {
    make_pair();
    fill(fds[1]);
}
static long send_byte(void) { return or_errno(send(fds[1], "x", 1, 0)); }
static void drain_all(void) {
    OK(fcntl(fds[0], F_SETFL, O_NONBLOCK));
    while (read(fds[0], block, sizeof block) > 0) {
    }
}
static struct sockaddr_in address;
static void make_listener(void) {
    socklen_t length = sizeof address;
    address = (struct sockaddr_in){AF_INET, 0, {htonl(INADDR_LOOPBACK)}, {0}};
    fds[0] = OK(socket(AF_INET, SOCK_STREAM, 0));
    OK(bind(fds[0], (struct sockaddr *)&address, sizeof address));
    OK(listen(fds[0], 4));
    OK(getsockname(fds[0], (struct sockaddr *)&address, &length));
}
static long accept_one(void) { return or_errno(accept(fds[0], NULL, NULL)) < 0 ? -errno : 0; }
static void connect_to_it(void) {
    int fd = OK(socket(AF_INET, SOCK_STREAM, 0));
    OK(connect(fd, (struct sockaddr *)&address, sizeof address));
}
static void make_udp(void) {
    socklen_t length = sizeof address;
    address = (struct sockaddr_in){AF_INET, 0, {htonl(INADDR_LOOPBACK)}, {0}};
    fds[0] = OK(socket(AF_INET, SOCK_DGRAM, 0));
    OK(bind(fds[0], (struct sockaddr *)&address, sizeof address));
    OK(getsockname(fds[0], (struct sockaddr *)&address, &length));
}
static void send_datagram(void) {
    OK(sendto(fds[0], "x", 1, 0, (struct sockaddr *)&address, sizeof address));
}

// Locks: a helper process holds one.
static int held;
static void make_lock_file(void) {
    write_text("f", "");
    fds[0] = OK(open("f", O_RDWR));
    held = OK(open("f", O_RDWR));
}
static void lock_first(void) {
    make_lock_file();
    OK(flock(held, LOCK_EX));
}
static long lock_again(void) { return or_errno(flock(fds[0], LOCK_EX)); }
static void unlock(void) { OK(flock(held, LOCK_UN)); }
static struct flock whole(short type) { return (struct flock){.l_type = type, .l_whence = SEEK_SET}; }
static void lock_record_first(void) {
    make_lock_file();
    struct flock lock = whole(F_WRLCK);
    OK(fcntl(held, F_SETLK, &lock));
}
static long lock_record(void) {
    struct flock lock = whole(F_WRLCK);
    return or_errno(fcntl(fds[0], F_SETLKW, &lock));
}
static void unlock_record(void) {
    struct flock lock = whole(F_UNLCK);
    OK(fcntl(held, F_SETLK, &lock));
}
static void lock_open_first(void) {
    make_lock_file();
    struct flock lock = whole(F_WRLCK);
    OK(fcntl(held, F_OFD_SETLK, &lock));
}
static long lock_open(void) {
    struct flock lock = whole(F_WRLCK);
    return or_errno(fcntl(fds[0], F_OFD_SETLKW, &lock));
}
static void unlock_open(void) {
    struct flock lock = whole(F_UNLCK);
    OK(fcntl(held, F_OFD_SETLK, &lock));
}

// Children: the blocked process forks one that ends when a byte arrives.
static pid_t grandchild;
static void fork_one(void) {
    grandchild = FORK(char c; close(fds[1]); while (read(fds[0], &c, 1) < 0 && errno == EINTR) {});
}
static long wait_pid(void) {
    if (!grandchild) fork_one();
    return or_errno(waitpid(grandchild, NULL, 0)) < 0 ? -errno : 0;
}
static long wait_id(void) {
    if (!grandchild) fork_one();
    siginfo_t info;
    return or_errno(waitid(P_PID, grandchild, &info, WEXITED));
}

// Futexes.
static void nothing(void) {}
static long futex(int op, uint32_t value, const struct timespec *limit) {
    return or_errno(syscall(SYS_futex, &shared->word, op, value, limit, NULL, ~0u));
}
static long futex_wait(void) { return futex(FUTEX_WAIT, 0, NULL); }
static long futex_wait_bitset(void) { return futex(FUTEX_WAIT_BITSET, 0, NULL); }
static long futex_wait_timed(void) {
    struct timespec limit = {4, 0};
    return futex(FUTEX_WAIT, 0, &limit);
}
static void futex_wake(void) { WAIT_UNTIL(futex(FUTEX_WAKE, 1, NULL) == 1); }
static void lock_pi_first(void) {
    CHECK_EQ(futex(FUTEX_LOCK_PI, 0, NULL), 0);
}
static long lock_pi(void) { return futex(FUTEX_LOCK_PI, 0, NULL); }
static void unlock_pi(void) { CHECK_EQ(futex(FUTEX_UNLOCK_PI, 0, NULL), 0); }

// Sleeps and polls: two seconds would be the timeout, the signals come long before.
static struct timespec two = {2, 0};
static long sleep_plain(void) { return or_errno(nanosleep(&two, NULL)); }
static long sleep_relative(void) { return -clock_nanosleep(CLOCK_MONOTONIC, 0, &two, NULL); }
static long sleep_absolute(void) {
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += 2;
    return -clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
}
static long poll_one(void) {
    struct pollfd p = {fds[0], POLLIN, 0};
    return or_errno(poll(&p, 1, 2000));
}
static long ppoll_one(void) {
    struct pollfd p = {fds[0], POLLIN, 0};
    return or_errno(ppoll(&p, 1, NULL, NULL));
}
static long select_one(void) {
    fd_set set;
    FD_ZERO(&set);
    FD_SET(fds[0], &set);
    return or_errno(select(fds[0] + 1, &set, NULL, NULL, NULL));
}
static long pselect_one(void) {
    fd_set set;
    FD_ZERO(&set);
    FD_SET(fds[0], &set);
    return or_errno(pselect(fds[0] + 1, &set, NULL, NULL, &two, NULL));
}
static void make_epoll(void) {
    make_pipe();
    struct epoll_event event = {EPOLLIN, {0}};
    other = OK(epoll_create1(0));
    OK(epoll_ctl(other, EPOLL_CTL_ADD, fds[0], &event));
}
static long wait_epoll(void) {
    struct epoll_event event;
    return or_errno(epoll_wait(other, &event, 1, 2000));
}
static long wait_epoll_forever(void) {
    struct epoll_event event;
    return or_errno(epoll_pwait(other, &event, 1, -1, NULL));
}
static long suspend(void) {
    sigset_t set;
    sigemptyset(&set);
    return or_errno(sigsuspend(&set));
}
static long pause_call(void) { return or_errno(pause()); }
static sigset_t hangup(void) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGHUP);
    block_signal(SIGHUP);
    return set;
}
static long wait_signal(void) {
    sigset_t set = hangup();
    return or_errno(sigwaitinfo(&set, NULL));
}

// System V and POSIX queues.
static int queue;
struct message {
    long type;
    char text[8];
};
static void make_queue(void) { queue = OK(msgget(IPC_PRIVATE, 0600)); }
static long receive_sysv(void) {
    struct message m;
    return or_errno(msgrcv(queue, &m, 8, 0, 0));
}
static void send_sysv(void) {
    struct message m = {1, "hello"};
    OK(msgsnd(queue, &m, 8, 0));
}
static void make_semaphore(void) { queue = OK(semget(IPC_PRIVATE, 1, 0600)); }
static long take_semaphore(void) {
    struct sembuf op = {0, -1, 0};
    return or_errno(semop(queue, &op, 1));
}
static void give_semaphore(void) {
    struct sembuf op = {0, 1, 0};
    OK(semop(queue, &op, 1));
}
static void make_mqueue(void) {
    struct mq_attr attr = {.mq_maxmsg = 1, .mq_msgsize = 8};
    char name[32];
    snprintf(name, sizeof name, "/restart-%d", getpid());
    fds[0] = mq_open(name, O_RDWR | O_CREAT | O_EXCL, 0600, &attr);
    OK(fds[0]);
    mq_unlink(name);
}
static long receive_mqueue(void) { return or_errno(mq_receive(fds[0], block, 8, NULL)); }
static void send_mqueue(void) { OK(mq_send(fds[0], "x", 1, 0)); }

static const struct call calls[] = {
    {"read_pipe", RESTARTS, make_pipe, read_pipe, put_byte, false},
    {"readv_pipe", RESTARTS, make_pipe, readv_pipe, put_byte, false},
    {"write_full_pipe", RESTARTS, make_full_pipe, write_pipe, drain, false},
    {"splice_from_pipe", RESTARTS, make_pipe_and_file, splice_pipe, put_byte, false},
    {"read_eventfd", RESTARTS, make_eventfd, read_counter, add_one, false},
    {"read_timerfd", RESTARTS, make_timerfd, read_counter, fire_timer, false},
    {"read_signalfd", RESTARTS, make_signalfd, read_block, send_hangup, false},
    {"read_inotify", RESTARTS, make_inotify, read_block, touch, false},
    {"open_fifo", RESTARTS, make_fifo, open_fifo, open_writer, false},
    {"read_tty", RESTARTS, make_pty, read_block, put_line, false},
    {"recv_unix", RESTARTS, make_pair, receive, put_byte, false},
    {"recvmsg_unix", RESTARTS, make_pair, receive_message, put_byte, false},
    {"read_unix", RESTARTS, make_pair, read_block, put_byte, false},
    {"recv_with_timeout", ENDS, make_timed_pair, receive, put_byte, true},
    {"send_full_unix", RESTARTS, make_full_pair, send_byte, drain_all, false},
    {"accept_inet", RESTARTS, make_listener, accept_one, connect_to_it, false},
    {"recv_udp", RESTARTS, make_udp, receive, send_datagram, false},
    {"flock", RESTARTS, lock_first, lock_again, unlock, false},
    {"fcntl_setlkw", RESTARTS, lock_record_first, lock_record, unlock_record, false},
    {"fcntl_ofd_setlkw", RESTARTS, lock_open_first, lock_open, unlock_open, false},
    {"waitpid", RESTARTS, make_pipe, wait_pid, put_byte, false},
    {"waitid", RESTARTS, make_pipe, wait_id, put_byte, false},
    {"futex_wait", RESTARTS, nothing, futex_wait, futex_wake, false},
    {"futex_wait_bitset", RESTARTS, nothing, futex_wait_bitset, futex_wake, false},
    {"futex_wait_timed", ENDS, nothing, futex_wait_timed, futex_wake, false},
    {"futex_lock_pi", GOES_ON, lock_pi_first, lock_pi, unlock_pi, false},
    {"nanosleep", ENDS, nothing, sleep_plain, NULL, false},
    {"clock_nanosleep", ENDS, nothing, sleep_relative, NULL, false},
    {"clock_nanosleep_absolute", ENDS, nothing, sleep_absolute, NULL, false},
    {"poll", ENDS, make_pipe, poll_one, put_byte, false},
    {"ppoll", ENDS, make_pipe, ppoll_one, put_byte, false},
    {"select", ENDS, make_pipe, select_one, put_byte, false},
    {"pselect", ENDS, make_pipe, pselect_one, put_byte, false},
    {"epoll_wait", ENDS, make_epoll, wait_epoll, put_byte, true},
    {"epoll_pwait", ENDS, make_epoll, wait_epoll_forever, put_byte, true},
    {"sigsuspend", ENDS, nothing, suspend, NULL, false},
    {"pause", ENDS, nothing, pause_call, NULL, false},
    {"sigwaitinfo", ENDS, nothing, wait_signal, send_hangup, true},
    {"msgrcv", ENDS, make_queue, receive_sysv, send_sysv, false},
    {"semop", ENDS, make_semaphore, take_semaphore, give_semaphore, true},
    {"mq_receive", RESTARTS, make_mqueue, receive_mqueue, send_mqueue, false},
};

static void count(int number) {
    (void)number;
    shared->runs++;
}

static void remove_queues(const struct call *call) {
    if (call->prepare == make_queue) msgctl(queue, IPC_RMID, NULL);
    if (call->prepare == make_semaphore) semctl(queue, 0, IPC_RMID);
}

// Starts a process that blocks in the call and exits with 0 when it succeeded, else with the error number.
static void start_blocked(const struct call *call, int flags) {
    shared = shared_page();
    helper = grandchild = 0;
    call->prepare();
    helper = FORK(if (flags >= 0) handle(SIGUSR1, count, flags); if (call->block == wait_pid || call->block == wait_id)
                      fork_one();
                  shared->ready = 1; long got = call->block(); _exit(got < 0 ? -got : 0));
    WAIT_UNTIL(shared->ready);
    wait_asleep(helper);
}

static void expect(const struct call *call, const char *how, int wanted) {
    int status = status_of(helper);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != wanted)
        FAIL("%s, %s: status 0x%x, want exit code %d", call->name, how, status, wanted);
    remove_queues(call);
    for (int fd = 3; fd < 40; fd++) close(fd);
    unlink("f");
    unlink("fifo");
}

static void interrupt(const struct call *call, int flags, bool ends) {
    start_blocked(call, flags);
    OK(kill(helper, SIGUSR1));
    WAIT_UNTIL(shared->runs == 1);
    if (!ends) {
        wait_asleep(helper);
        if (call->release) call->release();
    }
    expect(call, flags ? "SA_RESTART" : "no SA_RESTART", ends ? EINTR : 0);
}

static void stop_and_go(const struct call *call) {
    start_blocked(call, -1);
    OK(kill(helper, SIGSTOP));
    int status;
    CHECK_EQ(waitpid(helper, &status, WUNTRACED), helper);
    CHECK(WIFSTOPPED(status));
    OK(kill(helper, SIGCONT));
    if (call->ends_after_stop) {
        expect(call, "stop", EINTR);
        return;
    }
    wait_asleep(helper);
    if (call->release) {
        call->release();
        expect(call, "stop", 0);
    } else if (call->block == suspend || call->block == pause_call) {
        kill(helper, SIGKILL);
        status_of(helper);
    } else {
        expect(call, "stop", 0);
    }
}

static void ignore(const struct call *call) {
    if (!call->release) return;
    signal(SIGUSR2, SIG_IGN);
    start_blocked(call, -1);
    OK(kill(helper, SIGUSR2));
    OK(kill(helper, SIGWINCH));
    OK(kill(helper, SIGURG));
    wait_asleep(helper);
    call->release();
    expect(call, "ignored signal", 0);
}

#define FOR_ALL                                                                                                        \
    for (const struct call *call = calls; call < calls + sizeof calls / sizeof *calls; call++)

TEST(without_sa_restart) {
    FOR_ALL interrupt(call, 0, call->rule != GOES_ON);
}

TEST(with_sa_restart) {
    FOR_ALL interrupt(call, SA_RESTART, call->rule == ENDS);
}

TEST(stopped_and_continued) {
    FOR_ALL if (call->release) stop_and_go(call);
}

TEST(ignored_signals_do_not_interrupt) {
    FOR_ALL ignore(call);
}

TEST(sleep_tells_what_is_left) {
    handle(SIGALRM, count, 0);
    shared = shared_page();
    struct itimerval soon = {.it_value = {0, 50000}};
    struct timespec left = {9, 9};
    OK(setitimer(ITIMER_REAL, &soon, NULL));
    CHECK_ERRNO(nanosleep(&two, &left), EINTR);
    CHECK_EQ(left.tv_sec, 1);
    OK(setitimer(ITIMER_REAL, &soon, NULL));
    left = (struct timespec){9, 9};
    CHECK_EQ(clock_nanosleep(CLOCK_MONOTONIC, 0, &two, &left), EINTR);
    CHECK_EQ(left.tv_sec, 1);
}

TEST(stopped_sleep_keeps_its_end) {
    struct timespec short_sleep = {0, 150000000};
    int64_t start = now_ms();
    pid_t child = FORK(OK(nanosleep(&short_sleep, NULL)));
    for (int i = 0; i < 5; i++) {
        sleep_ms(10);
        kill(child, SIGSTOP);
        kill(child, SIGCONT);
    }
    reap(child);
    CHECK(now_ms() - start >= 149);
}

TEST(partial_write_is_told) {
    OK(pipe(fds));
    shared = shared_page();
    pid_t child = FORK(handle(SIGUSR1, count, SA_RESTART); shared->ready = 1;
                       CHECK_EQ(write(fds[1], calloc(1, 200000), 200000), 65536));
    WAIT_UNTIL(shared->ready);
    wait_asleep(child);
    kill(child, SIGUSR1);
    reap(child);
}
