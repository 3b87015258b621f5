// poll(2), select(2), epoll(7), eventfd(2), inotify(7).
#include "../test.h"
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/select.h>
#include <sys/socket.h>

static int fds[2];

static int epoll_of(int fd, uint32_t events) {
    int ep = OK(epoll_create1(EPOLL_CLOEXEC));
    struct epoll_event event = {events, {.u64 = 0x1122334455667788}};
    OK(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &event));
    return ep;
}

static struct epoll_event got[8];

TEST(eventfd_counts) {
    int fd = OK(eventfd(3, EFD_NONBLOCK));
    uint64_t n;
    CHECK_EQ(read(fd, &n, 8), 8);
    CHECK_EQ(n, 3);
    CHECK_ERRNO(read(fd, &n, 8), EAGAIN);
    n = UINT64_MAX;
    CHECK_ERRNO(write(fd, &n, 8), EINVAL);
    n = UINT64_MAX - 1;
    CHECK_EQ(write(fd, &n, 8), 8);
    n = 1;
    CHECK_ERRNO(write(fd, &n, 8), EAGAIN);
    CHECK_ERRNO(read(fd, &n, 7), EINVAL);
    struct pollfd p = {fd, POLLIN | POLLOUT, 0};
    CHECK_EQ(poll(&p, 1, 0), 1);
    CHECK_EQ(p.revents, POLLIN);
    int sem = OK(eventfd(2, EFD_SEMAPHORE | EFD_NONBLOCK));
    for (int i = 0; i < 2; i++) {
        CHECK_EQ(read(sem, &n, 8), 8);
        CHECK_EQ(n, 1);
    }
    CHECK_ERRNO(read(sem, &n, 8), EAGAIN);
    CHECK_ERRNO(eventfd(0, 4), EINVAL);
}

TEST(level_triggered) {
    OK(pipe(fds));
    int ep = epoll_of(fds[0], EPOLLIN);
    CHECK_EQ(epoll_wait(ep, got, 8, 0), 0);
    OK(write(fds[1], "ab", 2));
    for (int i = 0; i < 3; i++) {
        CHECK_EQ(epoll_wait(ep, got, 8, 1000), 1);
        CHECK_EQ(got[0].events, EPOLLIN);
        CHECK(got[0].data.u64 == 0x1122334455667788);
    }
    char both[2];
    OK(read(fds[0], both, 2));
    CHECK_EQ(epoll_wait(ep, got, 8, 0), 0);
}

static void *look_often(void *ep) {
    struct epoll_event mine[8];
    for (int i = 0; i < 20000; i++) {
        int count = epoll_wait((int)(intptr_t)ep, mine, 8, 0);
        if (count != 3) return (void *)(intptr_t)(count + 1000);
        if (mine[0].data.u64 == mine[1].data.u64) return (void *)2000;
    }
    return NULL;
}

static void *poll_often(void *ep) {
    struct pollfd p = {(int)(intptr_t)ep, POLLIN, 0};
    for (int i = 0; i < 20000; i++)
        if (poll(&p, 1, 0) != 1) return (void *)(intptr_t)(i + 1);
    return NULL;
}

TEST(all_see_what_stays_ready) {
    int ep = OK(epoll_create1(EPOLL_CLOEXEC)), outer = epoll_of(ep, EPOLLIN);
    for (int i = 0; i < 3; i++) {
        struct epoll_event event = {EPOLLIN, {.u64 = i}};
        OK(epoll_ctl(ep, EPOLL_CTL_ADD, OK(eventfd(1, 0)), &event));
    }
    void *inner = (void *)(intptr_t)ep, *outside = (void *)(intptr_t)outer;
    pthread_t threads[] = {start_thread(look_often, inner), start_thread(look_often, inner),
                           start_thread(poll_often, inner), start_thread(poll_often, outside)};
    for (int i = 0; i < 4; i++) CHECK_EQ((intptr_t)join_thread(threads[i]), 0);
}

TEST(edge_triggered) {
    OK(pipe(fds));
    int ep = epoll_of(fds[0], EPOLLIN | EPOLLET);
    OK(write(fds[1], "a", 1));
    CHECK_EQ(epoll_wait(ep, got, 8, 1000), 1);
    CHECK_EQ(epoll_wait(ep, got, 8, 0), 0);
    OK(write(fds[1], "b", 1));
    CHECK_EQ(epoll_wait(ep, got, 8, 1000), 1);
    CHECK_EQ(epoll_wait(ep, got, 8, 0), 0);
}

TEST(one_shot) {
    OK(pipe(fds));
    int ep = epoll_of(fds[0], EPOLLIN | EPOLLONESHOT);
    OK(write(fds[1], "a", 1));
    CHECK_EQ(epoll_wait(ep, got, 8, 1000), 1);
    CHECK_EQ(epoll_wait(ep, got, 8, 0), 0);
    struct epoll_event event = {EPOLLIN | EPOLLONESHOT, {.u32 = 5}};
    OK(epoll_ctl(ep, EPOLL_CTL_MOD, fds[0], &event));
    CHECK_EQ(epoll_wait(ep, got, 8, 1000), 1);
    CHECK_EQ(got[0].data.u32, 5);
}

TEST(control_errors) {
    OK(pipe(fds));
    int ep = epoll_of(fds[0], EPOLLIN);
    struct epoll_event event = {EPOLLIN, {0}};
    CHECK_ERRNO(epoll_ctl(ep, EPOLL_CTL_ADD, fds[0], &event), EEXIST);
    CHECK_ERRNO(epoll_ctl(ep, EPOLL_CTL_MOD, fds[1], &event), ENOENT);
    CHECK_ERRNO(epoll_ctl(ep, EPOLL_CTL_DEL, fds[1], NULL), ENOENT);
    CHECK_ERRNO(epoll_ctl(ep, EPOLL_CTL_ADD, ep, &event), EINVAL);
    CHECK_ERRNO(epoll_ctl(ep, EPOLL_CTL_ADD, 999, &event), EBADF);
    CHECK_ERRNO(epoll_ctl(fds[0], EPOLL_CTL_ADD, fds[1], &event), EINVAL);
    CHECK_ERRNO(epoll_ctl(ep, 99, fds[1], &event), EINVAL);
    write_text("f", "");
    CHECK_ERRNO(epoll_ctl(ep, EPOLL_CTL_ADD, OK(open("f", O_RDONLY)), &event), EPERM);
    CHECK_ERRNO(epoll_wait(ep, got, 0, 0), EINVAL);
    CHECK_ERRNO(epoll_wait(fds[0], got, 1, 0), EINVAL);
    CHECK_ERRNO(epoll_create1(1), EINVAL);
    CHECK_ERRNO(epoll_create(0), EINVAL);
    OK(epoll_ctl(ep, EPOLL_CTL_DEL, fds[0], NULL));
}

TEST(closed_file_leaves_the_set) {
    OK(pipe(fds));
    int ep = epoll_of(fds[0], EPOLLIN), copy = OK(dup(fds[0]));
    OK(write(fds[1], "a", 1));
    close(fds[0]);
    CHECK_EQ(epoll_wait(ep, got, 8, 0), 1);
    close(copy);
    CHECK_EQ(epoll_wait(ep, got, 8, 0), 0);
}

TEST(nested_sets_and_loops) {
    OK(pipe(fds));
    int inner = epoll_of(fds[0], EPOLLIN), outer = epoll_of(inner, EPOLLIN);
    CHECK_EQ(epoll_wait(outer, got, 8, 0), 0);
    OK(write(fds[1], "a", 1));
    CHECK_EQ(epoll_wait(outer, got, 8, 1000), 1);
    struct pollfd p = {outer, POLLIN, 0};
    CHECK_EQ(poll(&p, 1, 0), 1);
    struct epoll_event event = {EPOLLIN, {0}};
    CHECK_ERRNO(epoll_ctl(inner, EPOLL_CTL_ADD, outer, &event), ELOOP);
}

TEST(hang_up_is_always_told) {
    OK(socketpair(AF_UNIX, SOCK_STREAM, 0, fds));
    int ep = epoll_of(fds[0], EPOLLRDHUP);
    OK(shutdown(fds[1], SHUT_WR));
    CHECK_EQ(epoll_wait(ep, got, 8, 1000), 1);
    CHECK_EQ(got[0].events, EPOLLRDHUP);
    close(fds[1]);
    CHECK_EQ(epoll_wait(ep, got, 8, 1000), 1);
    CHECK_EQ(got[0].events, EPOLLRDHUP | EPOLLHUP);
}

TEST(fair_among_many) {
    enum { N = 20 };
    int ep = OK(epoll_create1(0)), seen[N] = {0};
    for (int i = 0; i < N; i++) {
        struct epoll_event event = {EPOLLIN, {.u32 = i}};
        OK(epoll_ctl(ep, EPOLL_CTL_ADD, OK(eventfd(1, 0)), &event));
    }
    for (int i = 0; i < N; i += 5) {
        CHECK_EQ(epoll_wait(ep, got, 5, 0), 5);
        for (int j = 0; j < 5; j++) seen[got[j].data.u32]++;
    }
    for (int i = 0; i < N; i++) CHECK_EQ(seen[i], 1);
}

static int shared_ep;
static volatile int woken;
static void *wait_once(void *unused) {
    struct epoll_event event;
    if (epoll_wait(shared_ep, &event, 1, 5000) == 1) {
        uint64_t n;
        if (read(event.data.fd, &n, 8) == 8) __atomic_add_fetch(&woken, 1, __ATOMIC_SEQ_CST);
    }
    return unused;
}

TEST(threads_share_a_set) {
    int fd = OK(eventfd(0, EFD_SEMAPHORE));
    struct epoll_event event = {EPOLLIN, {.fd = fd}};
    shared_ep = OK(epoll_create1(0));
    OK(epoll_ctl(shared_ep, EPOLL_CTL_ADD, fd, &event));
    pthread_t threads[4];
    for (int i = 0; i < 4; i++) threads[i] = start_thread(wait_once, NULL);
    for (int i = 0; i < 4; i++) {
        uint64_t one = 1;
        OK(write(fd, &one, 8));
    }
    for (int i = 0; i < 4; i++) join_thread(threads[i]);
    CHECK_EQ(woken, 4);
}

TEST(epoll_pwait2_takes_nanoseconds) {
    int ep = OK(epoll_create1(0));
    struct timespec t = {0, 3000000};
    int64_t start = now_ns();
    long n = syscall(441, ep, got, 8, &t, NULL, 0);
    if (n < 0 && errno == ENOSYS) SKIP("no epoll_pwait2");
    CHECK_EQ(n, 0);
    CHECK(now_ns() - start >= 3000000);
}

TEST(poll_special_values) {
    OK(pipe(fds));
    struct pollfd p[3] = {{-1, POLLIN, 99}, {999, POLLIN, 0}, {fds[0], POLLIN, 0}};
    CHECK_EQ(poll(p, 3, -1), 1);
    CHECK_EQ(p[0].revents, 0);
    CHECK_EQ(p[1].revents, POLLNVAL);
    CHECK_ERRNO(poll((void *)8, 1, 0), EFAULT);
    write_text("f", "");
    struct pollfd file = {OK(open("f", O_RDONLY)), POLLIN | POLLOUT, 0};
    CHECK_EQ(poll(&file, 1, 0), 1);
    CHECK_EQ(file.revents, POLLIN | POLLOUT);
}

TEST(select_sets) {
    OK(pipe(fds));
    fd_set in, out;
    FD_ZERO(&in);
    FD_ZERO(&out);
    FD_SET(fds[0], &in);
    FD_SET(fds[1], &out);
    struct timeval zero = {0, 0};
    CHECK_EQ(select(fds[1] + 1, &in, &out, NULL, &zero), 1);
    CHECK(!FD_ISSET(fds[0], &in) && FD_ISSET(fds[1], &out));
    OK(write(fds[1], "x", 1));
    FD_SET(fds[0], &in);
    CHECK_EQ(select(fds[1] + 1, &in, &out, NULL, NULL), 2);
    FD_SET(50, &in);
    CHECK_ERRNO(select(51, &in, NULL, NULL, &zero), EBADF);
    CHECK_ERRNO(select(-1, &in, NULL, NULL, &zero), EINVAL);
    struct timeval bad = {-1, 0};
    CHECK_ERRNO(select(0, NULL, NULL, NULL, &bad), EINVAL);
}

// Reads inotify events into "mask name;" text.
static const char *changes(int fd) {
    static char text[4096];
    char buffer[8192] __attribute__((aligned(8)));
    text[0] = 0;
    ssize_t n = read(fd, buffer, sizeof buffer);
    for (char *at = buffer; n > 0 && at < buffer + n;) {
        struct inotify_event *event = (void *)at;
        char one[300];
        snprintf(one, sizeof one, "%x %s;", event->mask, event->len ? event->name : "-");
        strcat(text, one);
        at += sizeof *event + event->len;
    }
    return text;
}

TEST(inotify_on_a_directory) {
    int fd = OK(inotify_init1(IN_NONBLOCK));
    OK(inotify_add_watch(fd, ".", IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_CLOSE_WRITE));
    CHECK_ERRNO(read(fd, got, sizeof got), EAGAIN);
    write_text("a", "x");
    CHECK_STR(changes(fd), "100 a;8 a;");
    OK(rename("a", "b"));
    CHECK_STR(changes(fd), "40 a;80 b;");
    OK(mkdir("d", 0700));
    OK(unlink("b"));
    CHECK_STR(changes(fd), "40000100 d;200 b;");
    struct pollfd p = {fd, POLLIN, 0};
    CHECK_EQ(poll(&p, 1, 0), 0);
}

TEST(inotify_on_a_file) {
    int fd = OK(inotify_init1(IN_NONBLOCK));
    write_text("f", "x");
    int watch = OK(inotify_add_watch(fd, "f", IN_MODIFY | IN_ATTRIB | IN_DELETE_SELF | IN_OPEN));
    int file = OK(open("f", O_WRONLY));
    OK(write(file, "y", 1));
    OK(fchmod(file, 0600));
    CHECK_STR(changes(fd), "20 -;2 -;4 -;");
    close(file);
    OK(unlink("f"));
    CHECK_STR(changes(fd), "4 -;400 -;8000 -;");
    CHECK_ERRNO(inotify_rm_watch(fd, watch), EINVAL);
    CHECK_ERRNO(inotify_add_watch(fd, "nothing", IN_OPEN), ENOENT);
    CHECK_ERRNO(inotify_add_watch(0, ".", IN_OPEN), EINVAL);
}
