// Terminals: sessions, foreground groups, SIGTTIN, SIGTTOU, SIGINT, window size, hang-up. Each test has its own pty.
#include "../test.h"
#include <pty.h>
#include <sys/ioctl.h>
#include <termios.h>

static int master, slave;

// Makes the calling process the leader of a new session with the slave as its terminal.
static void take_terminal(void) {
    OK(setsid());
    OK(ioctl(slave, TIOCSCTTY, 0));
}

static void open_terminal(void) { OK(openpty(&master, &slave, NULL, NULL, NULL)); }

static void raw(int fd) {
    struct termios t;
    OK(tcgetattr(fd, &t));
    cfmakeraw(&t);
    OK(tcsetattr(fd, TCSANOW, &t));
}

// Input and echo arrive a moment after the write.
static void expect(int fd, const char *text) {
    char got[64] = {0};
    size_t n = 0;
    struct pollfd p = {fd, POLLIN, 0};
    while (n < strlen(text) && poll(&p, 1, 5000) == 1) n += OK(read(fd, got + n, sizeof got - 1 - n));
    CHECK_STR(got, text);
}

static volatile sig_atomic_t runs;
static void count(int number) {
    (void)number;
    runs++;
}

TEST(bytes_pass_both_ways) {
    open_terminal();
    raw(slave);
    OK(write(master, "abc", 3));
    expect(slave, "abc");
    OK(write(slave, "defg", 4));
    expect(master, "defg");
    CHECK(isatty(slave) && isatty(master));
    char name[64];
    CHECK_EQ(ttyname_r(slave, name, sizeof name), 0);
    CHECK(strncmp(name, "/dev/pts/", 9) == 0);
    struct stat st;
    OK(fstat(slave, &st));
    CHECK(S_ISCHR(st.st_mode));
}

TEST(canonical_lines) {
    open_terminal();
    char b[64];
    OK(write(master, "one\ntwo\n", 8));
    CHECK_EQ(read(slave, b, 64), 4);
    CHECK_EQ(read(slave, b, 64), 4);
    OK(write(master, "abX\177c\n", 6));
    CHECK_EQ(read(slave, b, 64), 4);
    CHECK(memcmp(b, "abc\n", 4) == 0);
    OK(write(master, "killed\025ok\n", 10));
    CHECK_EQ(read(slave, b, 64), 3);
    OK(write(master, "part\004", 5));
    CHECK_EQ(read(slave, b, 64), 4);
    OK(write(master, "\004", 1));
    CHECK_EQ(read(slave, b, 64), 0);
    OK(write(master, "cr\r", 3));
    CHECK_EQ(read(slave, b, 64), 3);
    CHECK_EQ(b[2], '\n');
}

TEST(echo_and_output_processing) {
    open_terminal();
    OK(write(master, "hi\n", 3));
    expect(master, "hi\r\n");
    OK(write(slave, "x\n", 2));
    expect(master, "x\r\n");
    OK(write(master, "\001", 1));
    expect(master, "^A");
    OK(tcflush(slave, TCIFLUSH));
    struct termios t;
    OK(tcgetattr(slave, &t));
    t.c_lflag &= ~ECHO;
    OK(tcsetattr(slave, TCSANOW, &t));
    OK(write(master, "quiet\n", 6));
    expect(slave, "quiet\n");
    struct pollfd p = {master, POLLIN, 0};
    CHECK_EQ(poll(&p, 1, 0), 0);
}

TEST(minimum_and_time) {
    open_terminal();
    raw(slave);
    struct termios t;
    OK(tcgetattr(slave, &t));
    t.c_cc[VMIN] = 0;
    t.c_cc[VTIME] = 1;
    OK(tcsetattr(slave, TCSANOW, &t));
    char b[8];
    int64_t start = now_ms();
    CHECK_EQ(read(slave, b, 8), 0);
    CHECK(now_ms() - start >= 90);
    t.c_cc[VTIME] = 0;
    OK(tcsetattr(slave, TCSANOW, &t));
    CHECK_EQ(read(slave, b, 8), 0);
    OK(write(master, "abc", 3));
    struct pollfd p = {slave, POLLIN, 0};
    CHECK_EQ(poll(&p, 1, 5000), 1);
    int waiting;
    WAIT_UNTIL(ioctl(slave, FIONREAD, &waiting) == 0 && waiting == 3);
    OK(ioctl(slave, FIONREAD, &waiting));
    CHECK_EQ(waiting, 3);
    OK(tcflush(slave, TCIFLUSH));
    CHECK_EQ(read(slave, b, 8), 0);
}

TEST(window_size_signals) {
    open_terminal();
    volatile int *ready = shared_page();
    pid_t child = FORK(take_terminal(); handle(SIGWINCH, count, 0); *ready = 1; WAIT_UNTIL(runs == 1); struct winsize size;
                       OK(ioctl(slave, TIOCGWINSZ, &size)); CHECK(size.ws_row == 33 && size.ws_col == 111));
    WAIT_UNTIL(*ready);
    struct winsize size = {33, 111, 0, 0};
    OK(ioctl(master, TIOCSWINSZ, &size));
    OK(ioctl(master, TIOCSWINSZ, &size));
    reap(child);
}

TEST(control_characters_signal_the_foreground) {
    const struct {
        char key;
        int number;
    } keys[] = {{3, SIGINT}, {28, SIGQUIT}};
    for (int i = 0; i < 2; i++) {
        open_terminal();
        volatile int *ready = shared_page();
        pid_t child = FORK(take_terminal(); *ready = 1; pause());
        WAIT_UNTIL(*ready);
        OK(write(master, &keys[i].key, 1));
        CHECK_EQ(WTERMSIG(status_of(child)), keys[i].number);
        close(master);
        close(slave);
    }
    open_terminal();
    volatile int *ready = shared_page();
    pid_t leader = FORK(take_terminal(); int status; pid_t job = FORK(setpgid(0, 0); *ready = 1; pause());
                        setpgid(job, job); OK(tcsetpgrp(slave, job)); CHECK_EQ(waitpid(job, &status, WUNTRACED), job);
                        CHECK(WIFSTOPPED(status) && WSTOPSIG(status) == SIGTSTP); kill(job, SIGKILL); status_of(job));
    WAIT_UNTIL(*ready);
    sleep_ms(5);
    for (int i = 0; i < 1000 && waitpid(leader, NULL, WNOHANG) == 0; i++) {
        OK(write(master, "\032", 1));
        usleep(2000);
    }
    CHECK_ERRNO(waitpid(leader, NULL, WNOHANG), ECHILD);
}

// A background job of a session on the terminal runs `act`; the way in which it stopped or ended.
static int background_job(void (*act)(void)) {
    open_terminal();
    volatile int *result = shared_page();
    reap(FORK(take_terminal(); int status = 0; pid_t job = FORK(OK(setpgid(0, 0)); act()); setpgid(job, job);
              CHECK_EQ(waitpid(job, &status, WUNTRACED), job); *result = status; kill(job, SIGKILL)));
    return *result;
}

static void read_terminal(void) {
    char b;
    if (read(slave, &b, 1) < 0) _exit(errno);
}
static void read_terminal_ignoring(void) {
    signal(SIGTTIN, SIG_IGN);
    read_terminal();
}
static void write_terminal(void) { OK(write(slave, "x", 1)); }
static void write_terminal_tostop(void) {
    struct termios t;
    signal(SIGTTOU, SIG_IGN);
    OK(tcgetattr(slave, &t));
    t.c_lflag |= TOSTOP;
    OK(tcsetattr(slave, TCSANOW, &t));
    signal(SIGTTOU, SIG_DFL);
    write_terminal();
}
static void set_attributes(void) {
    struct termios t;
    OK(tcgetattr(slave, &t));
    OK(tcsetattr(slave, TCSANOW, &t));
}
static void take_foreground(void) { OK(tcsetpgrp(slave, getpgrp())); }
static void take_foreground_blocked(void) {
    block_signal(SIGTTOU);
    take_foreground();
    CHECK_EQ(tcgetpgrp(slave), getpgrp());
}

TEST(background_read_stops) {
    int status = background_job(read_terminal);
    CHECK(WIFSTOPPED(status) && WSTOPSIG(status) == SIGTTIN);
}
TEST(background_read_ignoring_fails) { CHECK_EQ(WEXITSTATUS(background_job(read_terminal_ignoring)), EIO); }
TEST(background_write_passes) { CHECK_EQ(background_job(write_terminal), 0); }
TEST(background_write_stops_with_tostop) {
    int status = background_job(write_terminal_tostop);
    CHECK(WIFSTOPPED(status) && WSTOPSIG(status) == SIGTTOU);
}
TEST(background_tcsetattr_stops) {
    int status = background_job(set_attributes);
    CHECK(WIFSTOPPED(status) && WSTOPSIG(status) == SIGTTOU);
}
TEST(background_tcsetpgrp_stops) {
    int status = background_job(take_foreground);
    CHECK(WIFSTOPPED(status) && WSTOPSIG(status) == SIGTTOU);
}
TEST(background_tcsetpgrp_blocked_passes) { CHECK_EQ(background_job(take_foreground_blocked), 0); }

TEST(controlling_terminal_rules) {
    open_terminal();
    reap(FORK(OK(setsid()); CHECK_ERRNO(open("/dev/tty", O_RDWR), ENXIO); OK(ioctl(slave, TIOCSCTTY, 0));
              int tty = OK(open("/dev/tty", O_RDWR)); CHECK_EQ(tcgetsid(slave), getpid());
              CHECK_EQ(tcgetpgrp(tty), getpid()); CHECK_ERRNO(tcsetpgrp(tty, 1), EPERM);
              CHECK_ERRNO(tcsetpgrp(tty, -1), EINVAL);
              signal(SIGHUP, SIG_IGN); OK(ioctl(tty, TIOCNOTTY)); CHECK_ERRNO(open("/dev/tty", O_RDWR), ENXIO)));
    CHECK_ERRNO(ioctl(slave, TIOCSCTTY, 0), EPERM);
    CHECK_ERRNO(tcgetpgrp(slave), ENOTTY);
}

TEST(opening_gives_a_leader_its_terminal) {
    open_terminal();
    char name[64];
    CHECK_EQ(ttyname_r(slave, name, sizeof name), 0);
    reap(FORK(OK(setsid()); OK(open(name, O_RDWR | O_NOCTTY)); CHECK_ERRNO(open("/dev/tty", O_RDWR), ENXIO);
              OK(open(name, O_RDWR)); OK(open("/dev/tty", O_RDWR))));
}

TEST(hang_up_when_the_master_closes) {
    open_terminal();
    volatile int *ready = shared_page();
    pid_t child = FORK(close(master); take_terminal(); handle(SIGHUP, count, 0); *ready = 1; WAIT_UNTIL(runs == 1); char b;
                       CHECK_EQ(read(slave, &b, 1), 0); CHECK_ERRNO(write(slave, &b, 1), EIO); struct pollfd p = {slave, POLLIN, 0};
                       CHECK_EQ(poll(&p, 1, 0), 1); CHECK(p.revents & POLLHUP));
    close(slave);
    WAIT_UNTIL(*ready);
    close(master);
    reap(child);
}

TEST(master_sees_the_last_close) {
    open_terminal();
    OK(write(slave, "bye", 3));
    close(slave);
    char b[8];
    CHECK_EQ(read(master, b, 8), 3);
    CHECK_ERRNO(read(master, b, 8), EIO);
    struct pollfd p = {master, POLLIN, 0};
    CHECK_EQ(poll(&p, 1, 0), 1);
    CHECK(p.revents & POLLHUP);
}

TEST(leader_exit_hangs_up_the_foreground) {
    open_terminal();
    volatile int *ready = shared_page();
    pid_t leader = FORK(take_terminal(); pid_t job = FORK(setpgid(0, 0); handle(SIGHUP, count, 0); ready[0] = 1;
                                                          WAIT_UNTIL(runs == 1); ready[1] = 1);
                        setpgid(job, job); OK(tcsetpgrp(slave, job)); WAIT_UNTIL(ready[0]));
    reap(leader);
    WAIT_UNTIL(ready[1]);
}

TEST(orphaned_stopped_group_gets_hup_and_cont) {
    volatile int *told = shared_page();
    pid_t middle = FORK(OK(setsid()); pid_t job = FORK(OK(setpgid(0, 0)); handle(SIGHUP, count, 0); raise(SIGSTOP);
                                                       WAIT_UNTIL(runs == 1); *told = 1);
                        int status; CHECK_EQ(waitpid(job, &status, WUNTRACED), job));
    reap(middle);
    WAIT_UNTIL(*told);
}

static void hang_up_by_call(void) {
    take_terminal();
    signal(SIGHUP, count);
    OK(vhangup());
    CHECK_EQ(runs, 1);
    CHECK_ERRNO(open("/dev/tty", O_RDWR), ENXIO);
    char byte;
    CHECK_EQ(read(slave, &byte, 1), 0);
    CHECK_ERRNO(write(slave, "x", 1), EIO);
    // Nothing is left to hang up.
    OK(vhangup());
    OK(setuid(65534));
    CHECK_ERRNO(vhangup(), EPERM);
}

TEST(vhangup_ends_a_terminal) {
    if (geteuid() != 0) SKIP("not root");
    open_terminal();
    pid_t leader = FORK(hang_up_by_call());
    reap(leader);
}

// termios_locked: what is not zero cannot be changed.
TEST(modes_can_be_locked) {
    open_terminal();
    struct { unsigned iflag, oflag, cflag, lflag; unsigned char line, cc[19]; } lock, none = {0};
    memset(&lock, 1, sizeof lock);
    OK(ioctl(slave, TIOCGLCKTRMIOS, &lock));
    CHECK(memcmp(&lock, &none, sizeof none) == 0);
    CHECK_ERRNO(ioctl(slave, TIOCGLCKTRMIOS, 8), EFAULT);
    lock.lflag = ECHO;
    lock.cc[VINTR] = 1;
    OK(ioctl(master, TIOCSLCKTRMIOS, &lock));
    struct termios t;
    OK(tcgetattr(slave, &t));
    t.c_lflag &= ~(ECHO | ICANON);
    t.c_cc[VINTR] = 'x';
    t.c_cc[VQUIT] = 'y';
    OK(tcsetattr(slave, TCSANOW, &t));
    OK(tcgetattr(slave, &t));
    CHECK_EQ(t.c_lflag & (ECHO | ICANON), ECHO);
    CHECK_EQ(t.c_cc[VINTR], 3);
    CHECK_EQ(t.c_cc[VQUIT], 'y');
    OK(ioctl(slave, TIOCSLCKTRMIOS, &none));
    t.c_lflag &= ~ECHO;
    OK(tcsetattr(slave, TCSANOW, &t));
    OK(tcgetattr(slave, &t));
    CHECK_EQ(t.c_lflag & ECHO, 0);
    OK(setresuid(1, 1, 1));
    CHECK_ERRNO(ioctl(slave, TIOCSLCKTRMIOS, &lock), EPERM);
    OK(ioctl(slave, TIOCGLCKTRMIOS, &lock));
}

TEST(pseudo_terminal_numbers) {
    int fd = OK(posix_openpt(O_RDWR | O_NOCTTY)), number = -1;
    OK(grantpt(fd));
    OK(ioctl(fd, TIOCGPTN, &number));
    CHECK(number >= 0);
    char name[64];
    CHECK_EQ(ptsname_r(fd, name, sizeof name), 0);
    CHECK_ERRNO(open(name, O_RDWR | O_NOCTTY), EIO);
    OK(unlockpt(fd));
    OK(open(name, O_RDWR | O_NOCTTY));
    CHECK_ERRNO(ioctl(fd, 0x5499, 0), ENOTTY);
}

TEST(packet_mode_tells) {
    open_terminal();
    int on = 1;
    OK(ioctl(master, TIOCPKT, &on));
    OK(write(slave, "x", 1));
    char b[8];
    CHECK_EQ(read(master, b, 8), 2);
    CHECK(b[0] == TIOCPKT_DATA && b[1] == 'x');
}
