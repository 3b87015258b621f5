// Network namespaces: network_namespaces(7).
#include "../test.h"

#include <arpa/inet.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>

static struct sockaddr_in local(int port) {
    return (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
}

static int flags_of(const char *name) {
    struct ifreq request = {0};
    int fd = OK(socket(AF_INET, SOCK_DGRAM, 0));
    strcpy(request.ifr_name, name);
    OK(ioctl(fd, SIOCGIFFLAGS, &request));
    close(fd);
    return request.ifr_flags;
}

static void set_up(bool is_up) {
    struct ifreq request = {.ifr_flags = is_up ? IFF_UP : 0};
    int fd = OK(socket(AF_INET, SOCK_DGRAM, 0));
    strcpy(request.ifr_name, "lo");
    OK(ioctl(fd, SIOCSIFFLAGS, &request));
    close(fd);
}

static int try_connect(void) {
    int fd = OK(socket(AF_INET, SOCK_STREAM, 0));
    struct sockaddr_in to = local(9);
    int result = connect(fd, (void *)&to, sizeof to), error = errno;
    close(fd);
    errno = error;
    return result;
}

TEST(loopback_is_down_at_first) {
    OK(unshare(CLONE_NEWNET));
    CHECK_EQ(flags_of("lo") & (IFF_UP | IFF_LOOPBACK | IFF_RUNNING), IFF_LOOPBACK);
    CHECK_ERRNO(try_connect(), ENETUNREACH);
    int fd = OK(socket(AF_INET, SOCK_STREAM, 0));
    struct sockaddr_in at = local(0);
    // As long as there is no address at all, any will do.
    OK(bind(fd, (void *)&at, sizeof at));
    close(fd);
    fd = OK(socket(AF_INET, SOCK_STREAM, 0));
    struct ifreq request = {.ifr_name = "lo"};
    CHECK_ERRNO(ioctl(fd, SIOCGIFADDR, &request), EADDRNOTAVAIL);
    strcpy(request.ifr_name, "eth0");
    CHECK_ERRNO(ioctl(fd, SIOCGIFFLAGS, &request), ENODEV);
    set_up(true);
    CHECK_EQ(flags_of("lo") & (IFF_UP | IFF_RUNNING), IFF_UP | IFF_RUNNING);
    CHECK_ERRNO(try_connect(), ECONNREFUSED);
    OK(bind(fd, (void *)&at, sizeof at));
    set_up(false);
    CHECK_EQ(flags_of("lo") & (IFF_UP | IFF_RUNNING), 0);
    // It keeps its address.
    close(fd);
    fd = OK(socket(AF_INET, SOCK_STREAM, 0));
    OK(bind(fd, (void *)&at, sizeof at));
}

TEST(datagrams_need_it_too) {
    OK(unshare(CLONE_NEWNET));
    int fd = OK(socket(AF_INET, SOCK_DGRAM, 0));
    struct sockaddr_in to = local(9);
    CHECK_ERRNO(sendto(fd, "x", 1, 0, (void *)&to, sizeof to), ENETUNREACH);
    set_up(true);
    CHECK_EQ(OK(sendto(fd, "x", 1, 0, (void *)&to, sizeof to)), 1);
}

TEST(ports_are_its_own) {
    int outer = OK(socket(AF_INET, SOCK_STREAM, 0));
    struct sockaddr_in at = local(0);
    socklen_t length = sizeof at;
    OK(bind(outer, (void *)&at, sizeof at));
    OK(getsockname(outer, (void *)&at, &length));
    OK(listen(outer, 1));
    OK(unshare(CLONE_NEWNET));
    set_up(true);
    int inner = OK(socket(AF_INET, SOCK_STREAM, 0));
    CHECK_ERRNO(connect(inner, (void *)&at, sizeof at), ECONNREFUSED);
    close(inner);
    inner = OK(socket(AF_INET, SOCK_STREAM, 0));
    OK(bind(inner, (void *)&at, sizeof at));
    OK(listen(inner, 1));
    // A socket stays where it was made: only the inner one is in the table of the reader.
    int count = 0;
    for (char *line = strchr(read_text("/proc/net/tcp"), '\n'); line && line[1]; line = strchr(line + 1, '\n')) count++;
    CHECK_EQ(count, 1);
}

TEST(abstract_names_are_its_own) {
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    int n = snprintf(name.sun_path + 1, 64, "guest-net-%d", getpid());
    socklen_t length = offsetof(struct sockaddr_un, sun_path) + 1 + n;
    int outer = OK(socket(AF_UNIX, SOCK_STREAM, 0));
    OK(bind(outer, (void *)&name, length));
    OK(listen(outer, 1));
    OK(unshare(CLONE_NEWNET));
    int inner = OK(socket(AF_UNIX, SOCK_STREAM, 0));
    CHECK_ERRNO(connect(inner, (void *)&name, length), ECONNREFUSED);
    // Files are everybody's.
    OK(bind(OK(socket(AF_UNIX, SOCK_STREAM, 0)), (void *)&name, length));
}

static int request(int fd, int kind, int flags, const void *body, size_t length) {
    struct {
        struct nlmsghdr header;
        char body[128];
    } message = {.header = {.nlmsg_len = NLMSG_LENGTH(length), .nlmsg_type = kind, .nlmsg_flags = flags | NLM_F_REQUEST | NLM_F_ACK}};
    memcpy(message.body, body, length);
    OK(send(fd, &message, message.header.nlmsg_len, 0));
    char answer[4096];
    OK(recv(fd, answer, sizeof answer, 0));
    struct nlmsghdr *header = (void *)answer;
    CHECK_EQ(header->nlmsg_type, NLMSG_ERROR);
    return -((struct nlmsgerr *)NLMSG_DATA(header))->error;
}

struct address {
    struct ifaddrmsg head;
    struct rtattr attribute;
    unsigned char address[4];
};

TEST(netlink_changes_it) {
    OK(unshare(CLONE_NEWNET));
    int fd = OK(socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE));
    struct address address = {{AF_INET, 8, IFA_F_PERMANENT, RT_SCOPE_HOST, 1}, {8, IFA_LOCAL}, {127, 0, 0, 1}};
    CHECK_EQ(request(fd, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, &address, sizeof address), 0);
    CHECK_EQ(request(fd, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, &address, sizeof address), EEXIST);
    struct ifinfomsg link = {.ifi_index = 1, .ifi_flags = IFF_UP, .ifi_change = IFF_UP};
    CHECK_EQ(request(fd, RTM_NEWLINK, 0, &link, sizeof link), 0);
    CHECK(flags_of("lo") & IFF_UP);
    CHECK_ERRNO(try_connect(), ECONNREFUSED);
    CHECK_EQ(request(fd, RTM_DELADDR, 0, &address, sizeof address), 0);
    CHECK_ERRNO(try_connect(), ENETUNREACH);
    CHECK_EQ(request(fd, RTM_DELADDR, 0, &address, sizeof address), EADDRNOTAVAIL);
    link.ifi_index = 77;
    CHECK_EQ(request(fd, RTM_NEWLINK, 0, &link, sizeof link), ENODEV);
}

TEST(rights_are_the_owners) {
    int outer = OK(socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE));
    OK(unshare(CLONE_NEWUSER));
    struct ifinfomsg link = {.ifi_index = 1, .ifi_flags = IFF_UP, .ifi_change = IFF_UP};
    CHECK_EQ(request(outer, RTM_NEWLINK, 0, &link, sizeof link), EPERM);
    int fd = OK(socket(AF_INET, SOCK_STREAM, 0));
    struct sockaddr_in at = local(80);
    CHECK_ERRNO(bind(fd, (void *)&at, sizeof at), EACCES);
    OK(unshare(CLONE_NEWNET));
    fd = OK(socket(AF_INET, SOCK_STREAM, 0));
    set_up(true);
    OK(bind(fd, (void *)&at, sizeof at));
}
