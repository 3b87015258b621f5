// tcp(7) and udp(7) over loopback, IPv4 and IPv6.
#include "../test.h"
#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

static char block[1 << 20];
static struct sockaddr_in address;

static struct sockaddr_in loopback(int port) {
    return (struct sockaddr_in){AF_INET, htons(port), {htonl(INADDR_LOOPBACK)}, {0}};
}

static int bound(int type) {
    int fd = OK(socket(AF_INET, type, 0));
    struct sockaddr_in any = loopback(0);
    if (type == SOCK_STREAM) OK(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int)));
    OK(bind(fd, (void *)&any, sizeof any));
    socklen_t length = sizeof address;
    OK(getsockname(fd, (void *)&address, &length));
    CHECK(address.sin_port != 0);
    return fd;
}

static int listener(void) {
    int fd = bound(SOCK_STREAM);
    OK(listen(fd, 16));
    return fd;
}

static int client(void) {
    int fd = OK(socket(AF_INET, SOCK_STREAM, 0));
    OK(connect(fd, (void *)&address, sizeof address));
    return fd;
}

static void connected(int fds[2]) {
    int server = listener();
    fds[0] = client();
    fds[1] = OK(accept(server, NULL, NULL));
    close(server);
}

TEST(tcp_both_ways) {
    int fds[2];
    connected(fds);
    OK(write(fds[0], "ping", 4));
    char b[16];
    CHECK_EQ(read(fds[1], b, 16), 4);
    OK(write(fds[1], "pong!", 5));
    CHECK_EQ(read(fds[0], b, 16), 5);
    struct sockaddr_in one, two;
    socklen_t length = sizeof one;
    OK(getpeername(fds[0], (void *)&one, &length));
    OK(getsockname(fds[1], (void *)&two, &length));
    CHECK(one.sin_port == two.sin_port && one.sin_addr.s_addr == two.sin_addr.s_addr);
}

static int unread(int fd) {
    int count;
    OK(ioctl(fd, FIONREAD, &count));
    return count;
}

// What is sent with more to come waits until it fills a segment, more comes without a promise, or for 200 ms.
TEST(tcp_more_to_come) {
    int fds[2], off = 0, on = 1;
    char got[100];
    connected(fds);
    CHECK_EQ(send(fds[0], "abc", 3, MSG_MORE), 3);
    CHECK_ERRNO(recv(fds[1], got, 100, MSG_DONTWAIT), EAGAIN);
    struct pollfd in = {.fd = fds[1], .events = POLLIN};
    CHECK_EQ(poll(&in, 1, 20), 0);
    CHECK_EQ(unread(fds[1]), 0);
    CHECK_EQ(send(fds[0], "de", 2, 0), 2);
    CHECK_EQ(recv(fds[1], got, 100, 0), 5);
    CHECK(memcmp(got, "abcde", 5) == 0);
    CHECK_EQ(send(fds[0], "xyz", 3, MSG_MORE), 3);
    int64_t start = now_ms();
    CHECK_EQ(recv(fds[1], got, 100, 0), 3);
    CHECK(now_ms() - start >= 100);
    // Whole segments go.
    for (int i = 0; i < 20; i++) CHECK_EQ(send(fds[0], block, 2000, MSG_MORE), 2000);
    WAIT_UNTIL(unread(fds[1]) > 30000);
    CHECK(unread(fds[1]) < 40000);
    OK(shutdown(fds[0], SHUT_WR));
    WAIT_UNTIL(unread(fds[1]) == 40000);
    connected(fds);
    OK(setsockopt(fds[0], IPPROTO_TCP, TCP_CORK, &on, sizeof on));
    CHECK_EQ(write(fds[0], "abc", 3), 3);
    CHECK_EQ(unread(fds[1]), 0);
    OK(setsockopt(fds[0], IPPROTO_TCP, TCP_CORK, &off, sizeof off));
    WAIT_UNTIL(unread(fds[1]) == 3);
    CHECK_EQ(send(fds[0], "abc", 3, MSG_MORE), 3);
    OK(setsockopt(fds[0], IPPROTO_TCP, TCP_NODELAY, &on, sizeof on));
    WAIT_UNTIL(unread(fds[1]) == 6);
    CHECK_EQ(send(fds[0], "abc", 3, MSG_MORE), 3);
    CHECK_EQ(unread(fds[1]), 6);
    close(fds[0]);
    CHECK_EQ(recv(fds[1], got, 100, MSG_WAITALL), 9);
}

TEST(tcp_half_close) {
    int fds[2];
    connected(fds);
    OK(write(fds[0], "last", 4));
    OK(shutdown(fds[0], SHUT_WR));
    CHECK_ERRNO(send(fds[0], "x", 1, MSG_NOSIGNAL), EPIPE);
    char b[16];
    CHECK_EQ(read(fds[1], b, 16), 4);
    CHECK_EQ(read(fds[1], b, 16), 0);
    OK(write(fds[1], "reply", 5));
    close(fds[1]);
    CHECK_EQ(recv(fds[0], b, 16, MSG_WAITALL), 5);
    CHECK_EQ(read(fds[0], b, 16), 0);
}

TEST(tcp_refused) {
    int fd = bound(SOCK_STREAM);
    close(fd);
    fd = OK(socket(AF_INET, SOCK_STREAM, 0));
    CHECK_ERRNO(connect(fd, (void *)&address, sizeof address), ECONNREFUSED);
    fd = OK(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));
    if (connect(fd, (void *)&address, sizeof address) < 0 && errno == EINPROGRESS) {
        struct pollfd p = {fd, POLLOUT, 0};
        CHECK_EQ(poll(&p, 1, 5000), 1);
        CHECK(p.revents & POLLERR);
        int error;
        socklen_t length = sizeof error;
        OK(getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length));
        CHECK_EQ(error, ECONNREFUSED);
    }
}

TEST(tcp_reset) {
    int fds[2];
    connected(fds);
    struct linger linger = {1, 0};
    OK(setsockopt(fds[0], SOL_SOCKET, SO_LINGER, &linger, sizeof linger));
    close(fds[0]);
    char b;
    struct pollfd p = {fds[1], POLLIN, 0};
    CHECK_EQ(poll(&p, 1, 5000), 1);
    CHECK_ERRNO(read(fds[1], &b, 1), ECONNRESET);
    CHECK_EQ(read(fds[1], &b, 1), 0);
    CHECK_ERRNO(send(fds[1], &b, 1, MSG_NOSIGNAL), EPIPE);
}

TEST(tcp_large_transfer) {
    int fds[2];
    connected(fds);
    for (size_t i = 0; i < sizeof block; i++) block[i] = i * 7 + (i >> 12);
    pid_t child = FORK(close(fds[1]); for (int i = 0; i < 8; i++) {
        size_t sent = 0;
        while (sent < sizeof block) sent += OK(write(fds[0], block + sent, sizeof block - sent));
    });
    close(fds[0]);
    static char got[100000];
    size_t sum = 0;
    for (ssize_t n; (n = read(fds[1], got, sizeof got)) > 0;)
        for (ssize_t i = 0; i < n; i++, sum++)
            if (got[i] != block[sum % sizeof block]) FAIL("byte %zu differs", sum);
    CHECK_EQ(sum, 8 * sizeof block);
    reap(child);
}

TEST(tcp_nonblocking_fills_and_drains) {
    int fds[2];
    connected(fds);
    OK(fcntl(fds[0], F_SETFL, O_NONBLOCK));
    OK(fcntl(fds[1], F_SETFL, O_NONBLOCK));
    char b[16];
    CHECK_ERRNO(read(fds[1], b, 1), EAGAIN);
    size_t sent = 0, got = 0;
    ssize_t n;
    while ((n = write(fds[0], block, sizeof block)) > 0) sent += n;
    CHECK_EQ(errno, EAGAIN);
    struct pollfd p = {fds[0], POLLOUT, 0}, q = {fds[1], POLLIN, 0};
    CHECK_EQ(poll(&q, 1, 1000), 1);
    while (got < sent)
        if ((n = read(fds[1], block, sizeof block)) > 0) got += n;
        else CHECK(errno == EAGAIN && poll(&q, 1, 5000) == 1);
    CHECK_EQ(poll(&p, 1, 5000), 1);
}

TEST(listener_polls_and_accepts_in_order) {
    int server = listener();
    struct pollfd p = {server, POLLIN, 0};
    CHECK_EQ(poll(&p, 1, 0), 0);
    int first = client(), second = client();
    OK(write(first, "1", 1));
    OK(write(second, "2", 1));
    CHECK_EQ(poll(&p, 1, 5000), 1);
    char b;
    CHECK_EQ(read(OK(accept(server, NULL, NULL)), &b, 1), 1);
    CHECK_EQ(b, '1');
    CHECK_EQ(read(OK(accept4(server, NULL, NULL, SOCK_CLOEXEC)), &b, 1), 1);
    CHECK_EQ(b, '2');
    OK(fcntl(server, F_SETFL, O_NONBLOCK));
    CHECK_ERRNO(accept(server, NULL, NULL), EAGAIN);
    CHECK_ERRNO(read(server, &b, 1), ENOTCONN);
}

TEST(address_in_use) {
    listener();
    int fd = OK(socket(AF_INET, SOCK_STREAM, 0));
    CHECK_ERRNO(bind(fd, (void *)&address, sizeof address), EADDRINUSE);
    struct sockaddr_in other = loopback(0);
    other.sin_addr.s_addr = htonl(0x08080808);
    CHECK_ERRNO(bind(fd, (void *)&other, sizeof other), EADDRNOTAVAIL);
    CHECK_ERRNO(bind(fd, (void *)&other, 4), EINVAL);
    OK(bind(fd, (void *)&(struct sockaddr_in){AF_INET, 0, {0}, {0}}, sizeof address));
    CHECK_ERRNO(bind(fd, (void *)&address, sizeof address), EINVAL);
}

TEST(reuse_after_close) {
    int fds[2], server = listener();
    fds[0] = client();
    fds[1] = OK(accept(server, NULL, NULL));
    close(fds[1]);
    close(fds[0]);
    close(server);
    int fd = OK(socket(AF_INET, SOCK_STREAM, 0)), one = 1;
    OK(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one));
    OK(bind(fd, (void *)&address, sizeof address));
    OK(listen(fd, 1));
}

TEST(options) {
    int fd = OK(socket(AF_INET, SOCK_STREAM, 0)), value = 1;
    socklen_t length = sizeof value;
    OK(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &value, sizeof value));
    value = 0;
    OK(getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &value, &length));
    CHECK_EQ(value, 1);
    value = 50000;
    OK(setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &value, sizeof value));
    OK(getsockopt(fd, SOL_SOCKET, SO_SNDBUF, &value, &length));
    CHECK_EQ(value, 100000);
    value = 1;
    OK(setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &value, sizeof value));
    OK(setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &value, sizeof value));
    OK(getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &value, &length));
    CHECK_EQ(value, IPPROTO_TCP);
    CHECK_ERRNO(setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &value, 1), EINVAL);
    CHECK_ERRNO(getsockopt(fd, IPPROTO_TCP, 9999, &value, &length), ENOPROTOOPT);
    struct tcp_info info;
    length = sizeof info;
    OK(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length));
    CHECK_EQ(info.tcpi_state, TCP_CLOSE);
    CHECK_ERRNO(send(fd, "x", 1, MSG_NOSIGNAL), EPIPE);
    CHECK_ERRNO(getpeername(fd, (void *)&address, &length), ENOTCONN);
    CHECK_ERRNO(shutdown(fd, SHUT_RD), ENOTCONN);
}

TEST(udp_borders_and_addresses) {
    int server = bound(SOCK_DGRAM), from_port;
    struct sockaddr_in to = address, from;
    int sender = bound(SOCK_DGRAM);
    from_port = address.sin_port;
    OK(sendto(sender, "abc", 3, 0, (void *)&to, sizeof to));
    OK(sendto(sender, "", 0, 0, (void *)&to, sizeof to));
    OK(sendto(sender, "defgh", 5, 0, (void *)&to, sizeof to));
    char b[16];
    socklen_t length = sizeof from;
    CHECK_EQ(recvfrom(server, b, 16, 0, (void *)&from, &length), 3);
    CHECK_EQ(from.sin_port, from_port);
    CHECK_EQ(read(server, b, 16), 0);
    CHECK_EQ(recv(server, b, 2, MSG_TRUNC), 5);
    CHECK_ERRNO(recv(server, b, 16, MSG_DONTWAIT), EAGAIN);
    CHECK_ERRNO(write(sender, "x", 1), EDESTADDRREQ);
    CHECK_ERRNO(sendto(sender, block, 70000, 0, (void *)&to, sizeof to), EMSGSIZE);
    OK(sendto(sender, block, 60000, 0, (void *)&to, sizeof to));
    CHECK_EQ(recv(server, block, sizeof block, 0), 60000);
}

TEST(udp_connected) {
    int server = bound(SOCK_DGRAM);
    struct sockaddr_in to = address;
    int one = bound(SOCK_DGRAM), other = OK(socket(AF_INET, SOCK_DGRAM, 0));
    OK(connect(one, (void *)&to, sizeof to));
    OK(write(one, "x", 1));
    char b[4];
    struct sockaddr_in from;
    socklen_t length = sizeof from;
    CHECK_EQ(recvfrom(server, b, 4, 0, (void *)&from, &length), 1);
    // A stranger's datagram does not reach a connected socket.
    OK(sendto(other, "s", 1, 0, (void *)&from, sizeof from));
    OK(sendto(server, "reply", 4, 0, (void *)&from, sizeof from));
    CHECK_EQ(read(one, b, 4), 4);
    CHECK_EQ(b[0], 'r');
    close(server);
    OK(write(one, "x", 1));
    struct pollfd p = {one, POLLIN, 0};
    CHECK_EQ(poll(&p, 1, 5000), 1);
    CHECK_ERRNO(read(one, b, 1), ECONNREFUSED);
}

static void expect_datagram(int fd, ssize_t size, int fill) {
    char got[70000];
    CHECK_EQ(recv(fd, got, sizeof got, MSG_DONTWAIT), size);
    for (ssize_t i = 0; i < size; i++) CHECK_EQ(got[i], fill);
    CHECK_ERRNO(recv(fd, got, 1, MSG_DONTWAIT), EAGAIN);
}

TEST(udp_datagrams_in_parts) {
    static char part[40000];
    memset(part, 'x', sizeof part);
    struct sockaddr_in address = {AF_INET, 0, {htonl(INADDR_LOOPBACK)}, {0}};
    socklen_t size = sizeof address;
    int to = OK(socket(AF_INET, SOCK_DGRAM, 0)), from = OK(socket(AF_INET, SOCK_DGRAM, 0)), on = 1, off = 0;
    OK(bind(to, (void *)&address, size));
    OK(getsockname(to, (void *)&address, &size));
    CHECK_EQ(sendto(from, part, 3, MSG_MORE, (void *)&address, size), 3);
    CHECK_ERRNO(recv(to, part, 1, MSG_DONTWAIT), EAGAIN);
    CHECK_EQ(send(from, part, 4, MSG_MORE), 4);
    CHECK_EQ(send(from, part, 0, 0), 0);
    expect_datagram(to, 7, 'x');
    // One that becomes too long is lost as a whole.
    CHECK_EQ(sendto(from, part, sizeof part, MSG_MORE, (void *)&address, size), sizeof part);
    CHECK_ERRNO(send(from, part, sizeof part, 0), EMSGSIZE);
    CHECK_ERRNO(send(from, part, 1, 0), EDESTADDRREQ);
    // The same by an option.
    OK(connect(from, (void *)&address, size));
    OK(setsockopt(from, IPPROTO_UDP, UDP_CORK, &on, sizeof on));
    for (int i = 0; i < 3; i++) CHECK_EQ(send(from, part, 2, 0), 2);
    CHECK_ERRNO(recv(to, part, 1, MSG_DONTWAIT), EAGAIN);
    int value = 5;
    size = sizeof value;
    OK(getsockopt(from, IPPROTO_UDP, UDP_CORK, &value, &size));
    CHECK_EQ(value, 1);
    OK(setsockopt(from, IPPROTO_UDP, UDP_CORK, &off, sizeof off));
    expect_datagram(to, 6, 'x');
    CHECK_EQ(send(from, part, 2, 0), 2);
    expect_datagram(to, 2, 'x');
}

TEST(ipv6_loopback) {
    int server = socket(AF_INET6, SOCK_STREAM, 0);
    if (server < 0 && errno == EAFNOSUPPORT) SKIP("no IPv6");
    struct sockaddr_in6 here = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    if (bind(server, (void *)&here, sizeof here) < 0 && errno == EADDRNOTAVAIL) SKIP("no ::1");
    OK(listen(server, 1));
    socklen_t length = sizeof here;
    OK(getsockname(server, (void *)&here, &length));
    int fd = OK(socket(AF_INET6, SOCK_STREAM, 0));
    OK(connect(fd, (void *)&here, sizeof here));
    int served = OK(accept(server, NULL, NULL));
    OK(write(fd, "6", 1));
    char b;
    CHECK_EQ(read(served, &b, 1), 1);
}

TEST(ipv4_mapped) {
    int server = socket(AF_INET6, SOCK_STREAM, 0);
    if (server < 0) SKIP("no IPv6");
    struct sockaddr_in6 any = {.sin6_family = AF_INET6};
    OK(bind(server, (void *)&any, sizeof any));
    OK(listen(server, 1));
    socklen_t length = sizeof any;
    OK(getsockname(server, (void *)&any, &length));
    address = loopback(ntohs(any.sin6_port));
    client();
    length = sizeof any;
    OK(accept(server, (void *)&any, &length));
    CHECK(IN6_IS_ADDR_V4MAPPED(&any.sin6_addr));
}

TEST(interfaces) {
    struct ifaddrs *list;
    OK(getifaddrs(&list));
    bool found = false;
    for (struct ifaddrs *i = list; i; i = i->ifa_next)
        if (i->ifa_addr && i->ifa_addr->sa_family == AF_INET && strcmp(i->ifa_name, "lo") == 0)
            found |= ((struct sockaddr_in *)i->ifa_addr)->sin_addr.s_addr == htonl(INADDR_LOOPBACK);
    CHECK(found);
    CHECK(if_nametoindex("lo") > 0);
    struct ifreq request = {.ifr_name = "lo"};
    OK(ioctl(OK(socket(AF_INET, SOCK_DGRAM, 0)), SIOCGIFFLAGS, &request));
    CHECK(request.ifr_flags & IFF_UP && request.ifr_flags & IFF_LOOPBACK);
}

TEST(twenty_clients_at_once) {
    int server = listener();
    pid_t serving = FORK(for (int i = 0; i < 20; i++) {
        int fd = OK(accept(server, NULL, NULL));
        FORK(char b[64]; for (ssize_t n; (n = read(fd, b, 64)) > 0;) OK(write(fd, b, n)));
        close(fd);
    } for (int i = 0; i < 20; i++) {
        int status;
        OK(wait(&status));
        CHECK_EQ(status, 0);
    });
    for (int c = 0; c < 20; c++)
        FORK(int fd = client(); for (int i = 0; i < 50; i++) {
            char out[16], in[16];
            int n = snprintf(out, 16, "%d.%d", c, i);
            OK(write(fd, out, n));
            CHECK_EQ(recv(fd, in, n, MSG_WAITALL), n);
            CHECK(memcmp(in, out, n) == 0);
        });
    for (int i = 0; i < 21; i++) {
        int status;
        pid_t pid = OK(wait(&status));
        if (status) FAIL("%s ended with 0x%x", pid == serving ? "server" : "client", status);
    }
}
