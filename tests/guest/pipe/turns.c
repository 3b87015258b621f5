// Several tasks wait for the same pipe, socket or epoll set: each event serves somebody, an end is told to all.
#include "../test.h"
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/select.h>
#include <sys/socket.h>

enum { WAITERS = 5 };
static int fds[2];
static char block[65536];

// Starts waiters one after the other: each sleeps in its call before the next one comes.
#define START(pids, count, ...)                                                                                        \
    for (int i_ = 0; i_ < (count); i_++) {                                                                             \
        (pids)[i_] = FORK(__VA_ARGS__);                                                                                \
        wait_asleep((pids)[i_]);                                                                                       \
    }

#define REAP(pids, count)                                                                                              \
    for (int i_ = 0; i_ < (count); i_++) reap((pids)[i_])

static void read_one(int fd) {
    char byte;
    CHECK_EQ(read(fd, &byte, 1), 1);
}

TEST(one_write_serves_many_readers) {
    pid_t pids[WAITERS];
    OK(pipe(fds));
    START(pids, WAITERS, read_one(fds[0]));
    CHECK_EQ(write(fds[1], block, WAITERS), WAITERS);
    REAP(pids, WAITERS);
}

TEST(each_write_serves_a_reader) {
    pid_t pids[WAITERS];
    OK(pipe(fds));
    START(pids, WAITERS, read_one(fds[0]));
    for (int i = 0; i < WAITERS; i++) CHECK_EQ(write(fds[1], block, 1), 1);
    REAP(pids, WAITERS);
}

TEST(one_read_serves_many_writers) {
    pid_t pids[WAITERS];
    OK(pipe(fds));
    CHECK_EQ(write(fds[1], block, 65536), 65536);
    START(pids, WAITERS, CHECK_EQ(write(fds[1], "x", 1), 1));
    CHECK_EQ(read(fds[0], block, 65536), 65536);
    REAP(pids, WAITERS);
    CHECK_EQ(read(fds[0], block, 65536), WAITERS);
}

TEST(each_read_of_a_packet_serves_a_writer) {
    pid_t pids[WAITERS];
    OK(pipe2(fds, O_DIRECT));
    for (int i = 0; i < 65536 / getpagesize(); i++) CHECK_EQ(write(fds[1], "x", 1), 1);
    struct pollfd p = {fds[1], POLLOUT, 0};
    CHECK_EQ(poll(&p, 1, 0), 0);
    CHECK_ERRNO(fcntl(fds[1], F_SETPIPE_SZ, 32768), EBUSY);
    START(pids, WAITERS, CHECK_EQ(write(fds[1], "x", 1), 1));
    for (int i = 0; i < WAITERS; i++) CHECK_EQ(read(fds[0], block, 65536), 1);
    REAP(pids, WAITERS);
    OK(fcntl(fds[1], F_SETFL, O_NONBLOCK));
    CHECK_ERRNO(write(fds[1], "x", 1), EAGAIN);
    CHECK_EQ(read(fds[0], block, 65536), 1);
    CHECK_EQ(poll(&p, 1, 0), 1);
}

TEST(the_last_writer_ends_all_readers) {
    pid_t pids[WAITERS];
    OK(pipe(fds));
    START(pids, WAITERS, close(fds[1]); char byte; CHECK_EQ(read(fds[0], &byte, 1), 0));
    close(fds[1]);
    REAP(pids, WAITERS);
}

TEST(the_last_reader_ends_all_writers) {
    pid_t pids[WAITERS];
    OK(pipe(fds));
    signal(SIGPIPE, SIG_IGN);
    CHECK_EQ(write(fds[1], block, 65536), 65536);
    START(pids, WAITERS, close(fds[0]); CHECK_ERRNO(write(fds[1], "x", 1), EPIPE));
    close(fds[0]);
    REAP(pids, WAITERS);
}

static void on_signal(int number) { (void)number; }

TEST(a_reader_that_leaves_passes_its_turn_on) {
    for (int round = 0; round < 20; round++) {
        pid_t pids[2];
        OK(pipe(fds));
        handle(SIGUSR1, on_signal, 0);
        // The first one may get the byte or the signal; the second one gets what the first did not.
        pids[0] = FORK(char byte; _exit(read(fds[0], &byte, 1) == 1 ? 1 : 0));
        wait_asleep(pids[0]);
        pids[1] = FORK(read_one(fds[0]));
        wait_asleep(pids[1]);
        OK(kill(pids[0], SIGUSR1));
        CHECK_EQ(write(fds[1], "x", 1), 1);
        if (status_of(pids[0]) != 0) CHECK_EQ(write(fds[1], "y", 1), 1);
        reap(pids[1]);
        close(fds[0]);
        close(fds[1]);
    }
}

static int listener(struct sockaddr_in *address) {
    int fd = OK(socket(AF_INET, SOCK_STREAM, 0));
    *address = (struct sockaddr_in){AF_INET, 0, {htonl(INADDR_LOOPBACK)}, {0}};
    OK(bind(fd, (void *)address, sizeof *address));
    OK(listen(fd, 16));
    socklen_t length = sizeof *address;
    OK(getsockname(fd, (void *)address, &length));
    return fd;
}

static int client(const struct sockaddr_in *address) {
    int fd = OK(socket(AF_INET, SOCK_STREAM, 0));
    OK(connect(fd, (const void *)address, sizeof *address));
    return fd;
}

TEST(each_connection_serves_an_accepter) {
    pid_t pids[WAITERS];
    struct sockaddr_in address;
    int server = listener(&address);
    START(pids, WAITERS, OK(accept(server, NULL, NULL)));
    for (int i = 0; i < WAITERS; i++) client(&address);
    REAP(pids, WAITERS);
}

TEST(a_listener_that_is_shut_ends_all_accepters) {
    pid_t pids[WAITERS];
    struct sockaddr_in address;
    int server = listener(&address);
    START(pids, WAITERS, CHECK_ERRNO(accept(server, NULL, NULL), EINVAL));
    OK(shutdown(server, SHUT_RD));
    REAP(pids, WAITERS);
}

TEST(each_datagram_serves_a_receiver) {
    pid_t pids[WAITERS];
    OK(socketpair(AF_UNIX, SOCK_DGRAM, 0, fds));
    START(pids, WAITERS, read_one(fds[0]));
    for (int i = 0; i < WAITERS; i++) CHECK_EQ(write(fds[1], "x", 1), 1);
    REAP(pids, WAITERS);
}

// Receives a message and says so, once for each unit of the counter `go`.
static void receive_in_rounds(int from, int go, int done) {
    char byte = 0;
    for (uint64_t unit; byte != 'e' && read(go, &unit, 8) == 8;) {
        CHECK_EQ(read(from, &byte, 1), 1);
        CHECK_EQ(write(done, &byte, 1), 1);
    }
}

TEST(no_receiver_misses_its_turn) {
    enum { ROUNDS = 2000 };
    pid_t pids[WAITERS];
    int done[2], go = OK(eventfd(0, EFD_SEMAPHORE));
    OK(pipe(done));
    OK(socketpair(AF_UNIX, SOCK_DGRAM, 0, fds));
    START(pids, WAITERS, receive_in_rounds(fds[0], go, done[1]));
    for (int round = 1; round <= ROUNDS; round++) {
        CHECK_EQ(write(go, &(uint64_t){WAITERS}, 8), 8);
        for (int i = 0; i < WAITERS; i++) CHECK_EQ(write(fds[1], round < ROUNDS ? "x" : "e", 1), 1);
        for (int i = 0; i < WAITERS; i++) CHECK_EQ(read(done[0], block, 1), 1);
    }
    REAP(pids, WAITERS);
}

TEST(stream_readers_share_what_comes) {
    pid_t pids[WAITERS];
    OK(socketpair(AF_UNIX, SOCK_STREAM, 0, fds));
    START(pids, WAITERS, read_one(fds[0]));
    CHECK_EQ(write(fds[1], block, WAITERS), WAITERS);
    REAP(pids, WAITERS);
}

static int set_of(int fd, uint32_t events) {
    int ep = OK(epoll_create1(0));
    struct epoll_event event = {events, {.fd = fd}};
    OK(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &event));
    return ep;
}

static void count_down(int ep) {
    struct epoll_event event;
    uint64_t n;
    CHECK_EQ(epoll_wait(ep, &event, 1, 8000), 1);
    CHECK_EQ(read(event.data.fd, &n, 8), 8);
}

TEST(each_event_serves_a_waiter_of_a_set) {
    pid_t pids[WAITERS];
    int ep = OK(epoll_create1(0)), counters[WAITERS];
    for (int i = 0; i < WAITERS; i++) {
        struct epoll_event event = {EPOLLIN | EPOLLET, {.fd = counters[i] = OK(eventfd(0, 0))}};
        OK(epoll_ctl(ep, EPOLL_CTL_ADD, counters[i], &event));
    }
    START(pids, WAITERS, count_down(ep));
    for (int i = 0; i < WAITERS; i++) CHECK_EQ(write(counters[i], &(uint64_t){1}, 8), 8);
    REAP(pids, WAITERS);
}

TEST(events_that_come_together_serve_all_waiters_of_a_set) {
    pid_t pids[WAITERS];
    int counter = OK(eventfd(0, EFD_SEMAPHORE)), ep = set_of(counter, EPOLLIN);
    START(pids, WAITERS, count_down(ep));
    CHECK_EQ(write(counter, &(uint64_t){WAITERS}, 8), 8);
    REAP(pids, WAITERS);
}

TEST(an_exclusive_set_without_waiters_leaves_the_event_to_others) {
    int counter = OK(eventfd(0, 0));
    int idle = set_of(counter, EPOLLIN | EPOLLEXCLUSIVE), busy = set_of(counter, EPOLLIN | EPOLLEXCLUSIVE);
    pid_t pid;
    START(&pid, 1, count_down(busy));
    CHECK_EQ(write(counter, &(uint64_t){1}, 8), 8);
    reap(pid);
    struct epoll_event event;
    CHECK_EQ(epoll_wait(idle, &event, 1, 0), 0);
}

TEST(exclusive_sets_and_plain_ones_hear_together) {
    int counter = OK(eventfd(0, EFD_SEMAPHORE));
    int sets[] = {set_of(counter, EPOLLIN | EPOLLEXCLUSIVE), set_of(counter, EPOLLIN)};
    pid_t pids[2];
    for (int i = 0; i < 2; i++) {
        pids[i] = FORK(struct epoll_event event; CHECK_EQ(epoll_wait(sets[i], &event, 1, 8000), 1));
        wait_asleep(pids[i]);
    }
    CHECK_EQ(write(counter, &(uint64_t){1}, 8), 8);
    REAP(pids, 2);
}

// Many threads take from one set of one-shot items: no item is told twice before it is armed again.
enum { ITEMS = 8, TAKES = 2000 };
static int taken_set, counters[ITEMS];
static int owned[ITEMS], takes, doubles;
static void *take_and_arm(void *unused) {
    while (__atomic_load_n(&takes, __ATOMIC_SEQ_CST) < TAKES) {
        struct epoll_event event;
        if (epoll_wait(taken_set, &event, 1, 1000) != 1) continue;
        unsigned i = event.data.u32;
        if (__atomic_exchange_n(&owned[i], 1, __ATOMIC_SEQ_CST)) __atomic_add_fetch(&doubles, 1, __ATOMIC_SEQ_CST);
        __atomic_add_fetch(&takes, 1, __ATOMIC_SEQ_CST);
        // More edges while nobody may hear of them.
        if (write(counters[i], &(uint64_t){1}, 8) != 8) break;
        __atomic_store_n(&owned[i], 0, __ATOMIC_SEQ_CST);
        event.events = EPOLLIN | EPOLLONESHOT;
        OK(epoll_ctl(taken_set, EPOLL_CTL_MOD, counters[i], &event));
    }
    return unused;
}

TEST(one_shot_items_are_told_once) {
    taken_set = OK(epoll_create1(0));
    for (int i = 0; i < ITEMS; i++) {
        counters[i] = OK(eventfd(1, 0));
        struct epoll_event event = {EPOLLIN | EPOLLONESHOT, {.u32 = i}};
        OK(epoll_ctl(taken_set, EPOLL_CTL_ADD, counters[i], &event));
    }
    pthread_t threads[4];
    for (int i = 0; i < 4; i++) threads[i] = start_thread(take_and_arm, NULL);
    for (int i = 0; i < 4; i++) join_thread(threads[i]);
    CHECK_EQ(doubles, 0);
}

TEST(a_changed_mask_counts_at_once) {
    OK(socketpair(AF_UNIX, SOCK_STREAM, 0, fds));
    int ep = set_of(fds[0], EPOLLIN);
    struct epoll_event event, want = {EPOLLOUT, {.fd = fds[0]}};
    CHECK_EQ(epoll_wait(ep, &event, 1, 0), 0);
    OK(epoll_ctl(ep, EPOLL_CTL_MOD, fds[0], &want));
    CHECK_EQ(epoll_wait(ep, &event, 1, 0), 1);
    CHECK_EQ(event.events, EPOLLOUT);
    want.events = 0;
    OK(epoll_ctl(ep, EPOLL_CTL_MOD, fds[0], &want));
    CHECK_EQ(write(fds[1], "x", 1), 1);
    CHECK_EQ(epoll_wait(ep, &event, 1, 0), 0);
    want.events = EPOLLIN | EPOLLET;
    OK(epoll_ctl(ep, EPOLL_CTL_MOD, fds[0], &want));
    CHECK_EQ(epoll_wait(ep, &event, 1, 0), 1);
    CHECK_EQ(event.events, EPOLLIN);
    CHECK_EQ(epoll_wait(ep, &event, 1, 0), 0);
    // The same mask once more is a new look.
    OK(epoll_ctl(ep, EPOLL_CTL_MOD, fds[0], &want));
    CHECK_EQ(epoll_wait(ep, &event, 1, 0), 1);
}

TEST(a_poller_hears_beside_sleeping_readers) {
    pid_t reader, poller;
    OK(pipe(fds));
    START(&reader, 1, read_one(fds[0]));
    START(&poller, 1, struct pollfd p = {fds[0], POLLIN, 0}; CHECK_EQ(poll(&p, 1, 8000), 1));
    CHECK_EQ(write(fds[1], block, 2), 2);
    reap(reader);
    reap(poller);
}

TEST(select_looks_at_the_first_n_only) {
    int pair[2];
    OK(pipe(pair));
    CHECK_EQ(write(pair[1], "x", 1), 1);
    OK(dup2(pair[0], 70));
    OK(dup2(pair[0], 71));
    OK(dup2(pair[0], 130));
    fd_set set;
    FD_ZERO(&set);
    FD_SET(70, &set);
    FD_SET(71, &set);
    FD_SET(130, &set);
    struct timeval now = {0, 0};
    CHECK_EQ(select(71, &set, NULL, NULL, &now), 1);
    CHECK(FD_ISSET(70, &set) && !FD_ISSET(71, &set));
    // What lies beyond the last word looked at is not touched.
    CHECK(FD_ISSET(130, &set));
    FD_SET(71, &set);
    FD_SET(100, &set);
    CHECK_ERRNO(select(131, &set, NULL, NULL, &now), EBADF);
}
