// unix(7): stream, datagram and seqpacket sockets, names, descriptors and credentials in messages.
#include "../test.h"
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>

static int pair[2];
static char block[300000];

static struct sockaddr_un name_of(const char *path) {
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    strcpy(name.sun_path, path);
    return name;
}

static int listener(const char *path, int type) {
    struct sockaddr_un name = name_of(path);
    int fd = OK(socket(AF_UNIX, type, 0));
    OK(bind(fd, (struct sockaddr *)&name, sizeof name));
    if (type != SOCK_DGRAM) OK(listen(fd, 8));
    return fd;
}

static int connect_to(const char *path, int type) {
    struct sockaddr_un name = name_of(path);
    int fd = OK(socket(AF_UNIX, type, 0));
    if (connect(fd, (struct sockaddr *)&name, sizeof name) < 0) {
        int error = errno;
        close(fd);
        errno = error;
        return -1;
    }
    return fd;
}

TEST(stream_pair) {
    OK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair));
    CHECK_EQ(fcntl(pair[0], F_GETFD), FD_CLOEXEC);
    OK(write(pair[0], "abc", 3));
    OK(write(pair[0], "def", 3));
    char b[16];
    CHECK_EQ(recv(pair[1], b, 2, MSG_PEEK), 2);
    CHECK_EQ(read(pair[1], b, 16), 6);
    CHECK(memcmp(b, "abcdef", 6) == 0);
    CHECK_ERRNO(recv(pair[1], b, 1, MSG_DONTWAIT), EAGAIN);
    OK(shutdown(pair[0], SHUT_WR));
    CHECK_EQ(read(pair[1], b, 1), 0);
    OK(write(pair[1], "x", 1));
    CHECK_EQ(read(pair[0], b, 1), 1);
    close(pair[0]);
    CHECK_ERRNO(send(pair[1], "x", 1, MSG_NOSIGNAL), EPIPE);
}

TEST(datagram_keeps_borders) {
    OK(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair));
    OK(write(pair[0], "abc", 3));
    OK(write(pair[0], "", 0));
    OK(write(pair[0], "defgh", 5));
    char b[16];
    CHECK_EQ(read(pair[1], b, 16), 3);
    CHECK_EQ(read(pair[1], b, 16), 0);
    CHECK_EQ(recv(pair[1], b, 2, MSG_TRUNC), 5);
    struct iovec v = {b, 2};
    struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1};
    OK(write(pair[0], "xyz", 3));
    CHECK_EQ(recvmsg(pair[1], &m, 0), 2);
    CHECK_EQ(m.msg_flags, MSG_TRUNC);
}

TEST(seqpacket) {
    OK(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair));
    OK(write(pair[0], "one", 3));
    OK(write(pair[0], "two!", 4));
    char b[16];
    CHECK_EQ(read(pair[1], b, 16), 3);
    CHECK_EQ(read(pair[1], b, 16), 4);
    close(pair[0]);
    CHECK_EQ(read(pair[1], b, 16), 0);
}

TEST(names_in_the_filesystem) {
    int server = listener("sock", SOCK_STREAM);
    struct stat st;
    OK(stat("sock", &st));
    CHECK(S_ISSOCK(st.st_mode));
    CHECK_ERRNO(open("sock", O_RDWR), ENXIO);
    struct sockaddr_un name = name_of("sock");
    CHECK_ERRNO(bind(OK(socket(AF_UNIX, SOCK_STREAM, 0)), (void *)&name, sizeof name), EADDRINUSE);
    int client = OK(connect_to("sock", SOCK_STREAM)), served = OK(accept4(server, NULL, NULL, SOCK_NONBLOCK));
    CHECK(fcntl(served, F_GETFL) & O_NONBLOCK);
    OK(write(client, "hi", 2));
    char b[8];
    CHECK_EQ(read(served, b, 8), 2);
    socklen_t length = sizeof name;
    OK(getpeername(client, (void *)&name, &length));
    CHECK_STR(name.sun_path, "sock");
    length = sizeof name;
    OK(getsockname(client, (void *)&name, &length));
    CHECK_EQ(length, sizeof(sa_family_t));
    CHECK_ERRNO(connect_to("sock", SOCK_DGRAM), EPROTOTYPE);
    CHECK_ERRNO(connect_to("none", SOCK_STREAM), ENOENT);
    close(server);
    CHECK_ERRNO(connect_to("sock", SOCK_STREAM), ECONNREFUSED);
    write_text("file", "");
    CHECK_ERRNO(connect_to("file", SOCK_STREAM), ECONNREFUSED);
}

TEST(abstract_names) {
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    int n = 1 + snprintf(name.sun_path + 1, 60, "nacre-test-%d", getpid());
    socklen_t length = offsetof(struct sockaddr_un, sun_path) + n;
    int server = OK(socket(AF_UNIX, SOCK_STREAM, 0)), client = OK(socket(AF_UNIX, SOCK_STREAM, 0));
    OK(bind(server, (void *)&name, length));
    OK(listen(server, 1));
    OK(connect(client, (void *)&name, length));
    CHECK_ERRNO(bind(OK(socket(AF_UNIX, SOCK_STREAM, 0)), (void *)&name, length), EADDRINUSE);
    close(server);
    CHECK_ERRNO(connect(OK(socket(AF_UNIX, SOCK_STREAM, 0)), (void *)&name, length), ECONNREFUSED);
    struct sockaddr_un automatic = {.sun_family = AF_UNIX};
    int fd = OK(socket(AF_UNIX, SOCK_DGRAM, 0));
    OK(bind(fd, (void *)&automatic, sizeof(sa_family_t)));
    length = sizeof automatic;
    OK(getsockname(fd, (void *)&automatic, &length));
    CHECK_EQ(length, sizeof(sa_family_t) + 6);
    CHECK_EQ(automatic.sun_path[0], 0);
}

TEST(datagrams_by_name) {
    int server = listener("server", SOCK_DGRAM), client = listener("client", SOCK_DGRAM);
    struct sockaddr_un to = name_of("server"), from;
    OK(sendto(client, "question", 8, 0, (void *)&to, sizeof to));
    char b[16];
    socklen_t length = sizeof from;
    CHECK_EQ(recvfrom(server, b, 16, 0, (void *)&from, &length), 8);
    CHECK_STR(from.sun_path, "client");
    OK(sendto(server, "answer", 6, 0, (void *)&from, length));
    CHECK_EQ(read(client, b, 16), 6);
    CHECK_ERRNO(write(client, "x", 1), ENOTCONN);
    OK(connect(client, (void *)&to, sizeof to));
    OK(write(client, "x", 1));
}

static int send_fds(int socket, int count, const int *fds) {
    char control[CMSG_SPACE(sizeof(int) * 8)] = {0};
    struct iovec v = {"x", 1};
    struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1, .msg_control = control,
                       .msg_controllen = CMSG_SPACE(sizeof(int) * count)};
    struct cmsghdr *header = CMSG_FIRSTHDR(&m);
    *header = (struct cmsghdr){.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof(int) * count)};
    memcpy(CMSG_DATA(header), fds, sizeof(int) * count);
    return sendmsg(socket, &m, 0);
}

static int receive_fds(int socket, int *fds, size_t room, int flags, int *message_flags) {
    char control[CMSG_SPACE(sizeof(int) * 8)], byte;
    struct iovec v = {&byte, 1};
    struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1, .msg_control = control, .msg_controllen = room};
    OK(recvmsg(socket, &m, flags));
    *message_flags = m.msg_flags;
    struct cmsghdr *header = CMSG_FIRSTHDR(&m);
    if (!header) return 0;
    int count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    memcpy(fds, CMSG_DATA(header), count * sizeof(int));
    return count;
}

TEST(descriptors_travel) {
    OK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
    write_text("f", "0123456789");
    pid_t child = FORK(int fds[2] = {OK(open("f", O_RDONLY)), OK(open("/dev/null", O_RDONLY))}; OK(lseek(fds[0], 3, SEEK_SET));
                       OK(send_fds(pair[1], 2, fds)));
    int fds[8], flags;
    CHECK_EQ(receive_fds(pair[0], fds, CMSG_SPACE(32), MSG_CMSG_CLOEXEC, &flags), 2);
    reap(child);
    char b[4];
    CHECK_EQ(read(fds[0], b, 4), 4);
    CHECK(memcmp(b, "3456", 4) == 0);
    CHECK_EQ(fcntl(fds[1], F_GETFD), FD_CLOEXEC);
    int bad = 999;
    CHECK_ERRNO(send_fds(pair[1], 1, &bad), EBADF);
}

TEST(descriptors_without_room) {
    OK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
    int send[3] = {0, 0, 0}, fds[8], flags;
    OK(send_fds(pair[1], 3, send));
    CHECK_EQ(receive_fds(pair[0], fds, CMSG_LEN(sizeof(int)), 0, &flags), 1);
    CHECK_EQ(flags & MSG_CTRUNC, MSG_CTRUNC);
    OK(send_fds(pair[1], 3, send));
    char byte;
    CHECK_EQ(read(pair[0], &byte, 1), 1);
    // The right of an unread message ends with the socket.
    int fds2[2];
    OK(pipe(fds2));
    OK(send_fds(pair[1], 1, &fds2[1]));
    close(fds2[1]);
    close(pair[0]);
    close(pair[1]);
    CHECK_EQ(read(fds2[0], &byte, 1), 0);
}

TEST(socket_sent_over_itself) {
    OK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
    OK(send_fds(pair[0], 1, &pair[1]));
    close(pair[0]);
    close(pair[1]);
    OK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
    int fds[8], flags;
    OK(send_fds(pair[0], 1, &pair[0]));
    CHECK_EQ(receive_fds(pair[1], fds, CMSG_SPACE(32), 0, &flags), 1);
    OK(write(fds[0], "x", 1));
    char byte;
    CHECK_EQ(read(pair[1], &byte, 1), 1);
}

TEST(credentials) {
    OK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
    int one = 1;
    OK(setsockopt(pair[0], SOL_SOCKET, SO_PASSCRED, &one, sizeof one));
    pid_t child = FORK(OK(write(pair[1], "x", 1)));
    char control[256], byte;
    struct iovec v = {&byte, 1};
    struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    CHECK_EQ(recvmsg(pair[0], &m, 0), 1);
    struct cmsghdr *header = CMSG_FIRSTHDR(&m);
    CHECK(header && header->cmsg_type == SCM_CREDENTIALS);
    struct ucred credentials;
    memcpy(&credentials, CMSG_DATA(header), sizeof credentials);
    CHECK_EQ(credentials.pid, child);
    CHECK_EQ(credentials.uid, getuid());
    reap(child);
    socklen_t length = sizeof credentials;
    OK(getsockopt(pair[0], SOL_SOCKET, SO_PEERCRED, &credentials, &length));
    CHECK_EQ(credentials.pid, getpid());
}

TEST(options) {
    OK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
    int value;
    socklen_t length = sizeof value;
    OK(getsockopt(pair[0], SOL_SOCKET, SO_TYPE, &value, &length));
    CHECK_EQ(value, SOCK_STREAM);
    OK(getsockopt(pair[0], SOL_SOCKET, SO_DOMAIN, &value, &length));
    CHECK_EQ(value, AF_UNIX);
    OK(getsockopt(pair[0], SOL_SOCKET, SO_ERROR, &value, &length));
    CHECK_EQ(value, 0);
    OK(getsockopt(pair[0], SOL_SOCKET, SO_ACCEPTCONN, &value, &length));
    CHECK_EQ(value, 0);
    CHECK_ERRNO(getsockopt(pair[0], SOL_SOCKET, 9999, &value, &length), ENOPROTOOPT);
    CHECK_ERRNO(getsockopt(0, SOL_SOCKET, SO_TYPE, &value, &length), ENOTSOCK);
    CHECK_ERRNO(socket(AF_UNIX, 99, 0), EINVAL);
    CHECK_ERRNO(socket(999, SOCK_STREAM, 0), EAFNOSUPPORT);
    CHECK_ERRNO(socket(AF_UNIX, SOCK_STREAM, 5), EPROTONOSUPPORT);
    CHECK_ERRNO(listen(pair[0], 1), EINVAL);
    CHECK_ERRNO(accept(pair[0], NULL, NULL), EINVAL);
    int waiting;
    OK(write(pair[1], "abc", 3));
    OK(ioctl(pair[0], FIONREAD, &waiting));
    CHECK_EQ(waiting, 3);
}

TEST(flow_control) {
    OK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair));
    ssize_t sum = 0, n;
    while ((n = write(pair[0], block, 10000)) > 0) sum += n;
    CHECK_EQ(errno, EAGAIN);
    CHECK(sum > 50000);
    struct pollfd p = {pair[0], POLLOUT, 0};
    CHECK_EQ(poll(&p, 1, 0), 0);
    while ((n = read(pair[1], block, sizeof block)) > 0) sum -= n;
    CHECK_EQ(sum, 0);
    CHECK_EQ(poll(&p, 1, 0), 1);
}

TEST(large_transfer_between_processes) {
    OK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
    pid_t child = FORK(close(pair[0]); for (int i = 0; i < 10; i++) CHECK_EQ(write(pair[1], block, sizeof block), sizeof block));
    close(pair[1]);
    size_t sum = 0;
    for (ssize_t n; (n = read(pair[0], block, sizeof block)) > 0;) sum += n;
    CHECK_EQ(sum, 10 * sizeof block);
    reap(child);
    CHECK_EQ(recv(pair[0], block, 1, MSG_WAITALL), 0);
}

TEST(many_messages_at_once) {
    OK(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair));
    struct iovec v[3] = {{"a", 1}, {"bb", 2}, {"ccc", 3}};
    struct mmsghdr out[3], in[4];
    memset(out, 0, sizeof out);
    memset(in, 0, sizeof in);
    for (int i = 0; i < 3; i++) out[i].msg_hdr = (struct msghdr){.msg_iov = &v[i], .msg_iovlen = 1};
    CHECK_EQ(sendmmsg(pair[0], out, 3, 0), 3);
    CHECK_EQ(out[2].msg_len, 3);
    static char got[4][8];
    struct iovec r[4];
    for (int i = 0; i < 4; i++) {
        r[i] = (struct iovec){got[i], 8};
        in[i].msg_hdr = (struct msghdr){.msg_iov = &r[i], .msg_iovlen = 1};
    }
    CHECK_EQ(recvmmsg(pair[1], in, 4, MSG_DONTWAIT, NULL), 3);
    CHECK(in[1].msg_len == 2 && memcmp(got[2], "ccc", 3) == 0);
}

TEST(accept_in_several_processes) {
    int server = listener("sock", SOCK_STREAM);
    for (int i = 0; i < 4; i++)
        FORK(int fd = OK(accept(server, NULL, NULL)); OK(write(fd, "y", 1)));
    for (int i = 0; i < 4; i++) {
        int fd = OK(connect_to("sock", SOCK_STREAM));
        char byte;
        CHECK_EQ(read(fd, &byte, 1), 1);
    }
    for (int i = 0; i < 4; i++) {
        int status;
        OK(wait(&status));
        CHECK_EQ(status, 0);
    }
}
