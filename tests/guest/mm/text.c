// Code of files that the test itself writes: what is mapped is what the file holds, however often it was called before.
#define TEST_MAIN runs_a_copy
#include "../test.h"
#include <setjmp.h>

// More calls than a kernel may need to see before it treats the code in a special way.
enum { MANY = 500, PAGE = 4096 };

// long f(long a, long b, long c): makes call `nr`, then returns its result (`value` < 0) or `value`.
static size_t assemble(unsigned char *code, int nr, int value) {
    static const unsigned char call[] = {0xb8, 0, 0, 0, 0, 0x0f, 0x05, 0x48, 0x3d, 0x01, 0xf0, 0xff, 0xff};
    memcpy(code, call, sizeof call);
    memcpy(code + 1, &nr, 4);
    size_t at = sizeof call;
    if (value >= 0) {
        code[at++] = 0xb8;
        memcpy(code + at, &value, 4);
        at += 4;
    }
    code[at++] = 0xc3;
    return at;
}

// Offset of `value` in the code.
enum { VALUE = 14 };

typedef long function(long, long, long);

// Where files are made: below the root, and in a filesystem in memory.
static const char *paths[] = {"lib", "/dev/shm/guest-text-lib"};

#define EACH_PATH(path)                                                                                                \
    for (size_t path##_i = 0; path##_i < 2; unlink(paths[path##_i]), path##_i++)                                       \
        for (const char *path = paths[path##_i], *once = path; once; once = NULL)

static int make(const char *path, int nr, int value) {
    unsigned char page[2 * PAGE] = {0};
    assemble(page, nr, value);
    unlink(path);
    int fd = OK(open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0755));
    CHECK_EQ(write(fd, page, sizeof page), sizeof page);
    return fd;
}

static void change(int fd, int nr, int value) {
    unsigned char code[64];
    size_t len = assemble(code, nr, value);
    CHECK_EQ(pwrite(fd, code, len, 0), len);
}

static function *map(const char *path) {
    int fd = OK(open(path, O_RDONLY | O_CLOEXEC));
    void *code = mmap(NULL, 2 * PAGE, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);
    CHECK(code != MAP_FAILED);
    close(fd);
    return (function *)code;
}

static unsigned char *map_shared(int fd, int prot) {
    unsigned char *shared = mmap(NULL, PAGE, prot, MAP_SHARED, fd, 0);
    CHECK(shared != MAP_FAILED);
    return shared;
}

static void call_often(function *f, long want) {
    for (int i = 0; i < MANY; i++) CHECK_EQ(f(0, 0, 0), want);
}

static void expect_file(const char *path, int nr, int value) {
    unsigned char want[64], got[64];
    size_t len = assemble(want, nr, value);
    int fd = OK(open(path, O_RDONLY | O_CLOEXEC));
    CHECK_EQ(read(fd, got, len), len);
    CHECK(memcmp(want, got, len) == 0);
    close(fd);
}

TEST(calls_and_reads_agree) {
    EACH_PATH(path) {
        close(make(path, SYS_getpgid, -1));
        function *f = map(path);
        call_often(f, getpgid(0));
        expect_file(path, SYS_getpgid, -1);
        unsigned char want[64], got[64];
        size_t len = assemble(want, SYS_getpgid, -1);
        int pipes[2];
        OK(pipe(pipes));
        CHECK_EQ(write(pipes[1], (void *)f, len), len);
        CHECK_EQ(read(pipes[0], got, len), len);
        CHECK(memcmp(want, got, len) == 0);
    }
}

TEST(written_in_place) {
    EACH_PATH(path) {
        int fd = make(path, SYS_umask, 1);
        function *f = map(path);
        for (int round = 1; round < 6; round++) {
            call_often(f, round);
            change(fd, SYS_umask, round + 1);
            CHECK_EQ(f(0, 0, 0), round + 1);
            CHECK_EQ(*(unsigned char *)f, 0xb8);
            expect_file(path, SYS_umask, round + 1);
        }
        change(fd, SYS_getppid, -1);
        call_often(f, getppid());
    }
}

TEST(written_behind_what_is_called) {
    int fd = make("lib", SYS_umask, 1);
    function *f = map("lib");
    call_often(f, 1);
    CHECK_EQ(pwrite(fd, "mark", 4, 100), 4);
    CHECK(memcmp((char *)f + 100, "mark", 4) == 0);
    call_often(f, 1);
}

TEST(an_unlinked_file_and_its_successor) {
    EACH_PATH(path) {
        int old = make(path, SYS_umask, 1);
        function *f = map(path);
        call_often(f, 1);
        int new = make(path, SYS_umask, 2);
        function *g = map(path);
        call_often(g, 2);
        call_often(f, 1);
        change(old, SYS_umask, 3);
        CHECK_EQ(f(0, 0, 0), 3);
        CHECK_EQ(g(0, 0, 0), 2);
        change(new, SYS_umask, 4);
        CHECK_EQ(f(0, 0, 0), 3);
        CHECK_EQ(g(0, 0, 0), 4);
    }
}

TEST(renamed_over) {
    close(make("lib", SYS_umask, 1));
    function *f = map("lib");
    call_often(f, 1);
    close(make("new", SYS_umask, 2));
    OK(rename("new", "lib"));
    call_often(map("lib"), 2);
    call_often(f, 1);
}

static sigjmp_buf out;
static volatile int caught;

static void on_fault(int number) {
    caught = number;
    siglongjmp(out, 1);
}

// The signal that calling f raises, 0 for none.
static int fault_of(function *f) {
    caught = 0;
    if (sigsetjmp(out, 1) == 0) f(0, 0, 0);
    return caught;
}

TEST(truncated_under_a_mapping) {
    handle(SIGBUS, on_fault, 0);
    EACH_PATH(path) {
        int fd = make(path, SYS_umask, 1);
        function *f = map(path);
        call_often(f, 1);
        OK(ftruncate(fd, 0));
        CHECK_EQ(fault_of(f), SIGBUS);
        OK(ftruncate(fd, PAGE));
        for (int i = 0; i < 32; i++) CHECK_EQ(((unsigned char *)f)[i], 0);
        change(fd, SYS_umask, 2);
        call_often(f, 2);
        int again = OK(open(path, O_WRONLY | O_TRUNC));
        CHECK_EQ(fault_of(f), SIGBUS);
        change(again, SYS_umask, 3);
        call_often(f, 3);
    }
}

TEST(hole_punched) {
    int fd = make(paths[1], SYS_umask, 1);
    function *f = map(paths[1]);
    unlink(paths[1]);
    call_often(f, 1);
    OK(fallocate(fd, 3, 0, PAGE));
    for (int i = 0; i < 32; i++) CHECK_EQ(((unsigned char *)f)[i], 0);
}

TEST(written_through_a_shared_mapping) {
    EACH_PATH(path) {
        int fd = make(path, SYS_umask, 1);
        function *f = map(path);
        call_often(f, 1);
        unsigned char *shared = map_shared(fd, PROT_READ | PROT_WRITE);
        for (int value = 2; value < 5; value++) {
            assemble(shared, SYS_umask, value);
            call_often(f, value);
        }
        OK(munmap(shared, PAGE));
        call_often(f, 4);
        call_often(map(path), 4);
        // A mapping that is made writable later.
        shared = map_shared(fd, PROT_READ);
        function *g = map(path);
        call_often(g, 4);
        OK(mprotect(shared, PAGE, PROT_READ | PROT_WRITE));
        assemble(shared, SYS_umask, 5);
        CHECK_EQ(f(0, 0, 0), 5);
        CHECK_EQ(g(0, 0, 0), 5);
    }
}

TEST(another_process_runs_it) {
    EACH_PATH(path) {
        int fd = make(path, SYS_umask, 1);
        volatile int *told = shared_page();
        told[0] = told[1] = 0;
        function *f = map(path);
        call_often(f, 1);
        pid_t child = FORK({
            while (told[0] == 0) {
                long got = f(0, 0, 0);
                CHECK(got == 1 || told[0] != 0);
                told[1]++;
            }
            while (told[0] == 1) f(0, 0, 0);
            CHECK_EQ(f(0, 0, 0), 2);
            told[1] = -1;
            while (told[0] == 2) f(0, 0, 0);
            CHECK_EQ(f(0, 0, 0), 3);
        });
        WAIT_UNTIL(told[1] > MANY);
        told[0] = 1;
        change(fd, SYS_umask, 2);
        told[0] = 2;
        WAIT_UNTIL(told[1] == -1);
        unsigned char *shared = map_shared(fd, PROT_READ | PROT_WRITE);
        assemble(shared, SYS_umask, 3);
        told[0] = 3;
        reap(child);
        munmap(shared, PAGE);
    }
}

static void *spin(void *argument) {
    volatile long *told = argument;
    function *f = (function *)told[0];
    while (told[1] == 0) {
        long got = f(0, 0, 0);
        if (got < 1 || got > 3) told[2] = got;
    }
    return NULL;
}

TEST(threads_run_while_it_changes) {
    int fd = make("lib", SYS_umask, 1);
    volatile long told[3] = {(long)map("lib"), 0, 0};
    function *f = (function *)told[0];
    pthread_t threads[2];
    for (int i = 0; i < 2; i++) threads[i] = start_thread(spin, (void *)told);
    for (int i = 0; i < 300; i++) {
        int value = 1 + i % 3;
        CHECK_EQ(pwrite(fd, &value, 4, VALUE), 4);
        CHECK_EQ(f(0, 0, 0), value);
        if (i % 50 == 0) call_often(f, value);
    }
    told[1] = 1;
    for (int i = 0; i < 2; i++) join_thread(threads[i]);
    CHECK_EQ(told[2], 0);
}

TEST(changed_behind_a_call_that_sleeps) {
    EACH_PATH(path) {
        int fd = make(path, SYS_read, 1);
        function *f = map(path);
        int empty = OK(open("/dev/null", O_RDONLY));
        for (int i = 0; i < MANY; i++) CHECK_EQ(f(empty, 0, 0), 1);
        int pipes[2];
        OK(pipe(pipes));
        char *page = shared_page();
        pid_t child = FORK(CHECK_EQ(f(pipes[0], (long)page, 1), 2));
        wait_asleep(child);
        change(fd, SYS_read, 2);
        CHECK_EQ(write(pipes[1], "x", 1), 1);
        reap(child);
        CHECK_EQ(page[0], 'x');
    }
}

TEST(forked_and_changed_afterwards) {
    int fd = make("lib", SYS_umask, 1);
    function *f = map("lib");
    call_often(f, 1);
    int pipes[2];
    OK(pipe(pipes));
    pid_t child = FORK({
        char byte;
        CHECK_EQ(read(pipes[0], &byte, 1), 1);
        call_often(f, 2);
        pid_t grandchild = FORK(call_often(f, 2));
        reap(grandchild);
    });
    change(fd, SYS_umask, 2);
    CHECK_EQ(write(pipes[1], "x", 1), 1);
    reap(child);
    call_often(f, 2);
}

TEST(written_or_executed) {
    EACH_PATH(path) {
        close(make(path, SYS_umask, 1));
        function *f = map(path);
        call_often(f, 1);
        for (int value = 2; value < 4; value++) {
            OK(mprotect((void *)f, PAGE, PROT_READ | PROT_WRITE));
            expect_file(path, SYS_umask, 1);
            unsigned char want[64];
            size_t len = assemble(want, SYS_umask, value - 1);
            CHECK(memcmp((void *)f, want, len) == 0);
            assemble((unsigned char *)f, SYS_umask, value);
            OK(mprotect((void *)f, PAGE, PROT_READ | PROT_EXEC));
            call_often(f, value);
        }
        // A copied page is the process's own whatever comes of the file.
        int fd = OK(open(path, O_RDWR));
        change(fd, SYS_umask, 9);
        CHECK_EQ(f(0, 0, 0), 3);
        call_often(map(path), 9);
        call_often(f, 3);
    }
}

static void copy(const char *from, const char *to) {
    unlink(to);
    int in = OK(open(from, O_RDONLY)), out = OK(open(to, O_WRONLY | O_CREAT | O_TRUNC, 0755));
    static char buffer[65536];
    ssize_t n;
    while ((n = OK(read(in, buffer, sizeof buffer))) > 0) CHECK_EQ(write(out, buffer, n), n);
    close(in);
    close(out);
}

static bool runs_a_copy(int argc, char **argv) {
    if (argc < 2 || strcmp(argv[1], "copy") != 0) return false;
    for (int i = 0; i < MANY; i++) CHECK(getppid() > 0);
    // It is told to go on by the end of its input.
    char byte;
    CHECK_EQ(write(1, "r", 1), 1);
    return read(0, &byte, 1) == 0;
}

TEST(a_copied_program) {
    EACH_PATH(path) {
        copy("/proc/self/exe", path);
        for (int i = 0; i < 3; i++) {
            int input[2], output[2];
            OK(pipe2(input, O_CLOEXEC));
            OK(pipe2(output, O_CLOEXEC));
            pid_t child = FORK({
                dup2(input[0], 0);
                dup2(output[1], 1);
                execl(path, path, "copy", NULL);
                _exit(3);
            });
            char byte;
            CHECK_EQ(read(output[0], &byte, 1), 1);
            CHECK_ERRNO(open(path, O_WRONLY), ETXTBSY);
            close(input[1]);
            reap(child);
            for (int j = 0; j < 2; j++) close(output[j]);
            close(input[0]);
        }
        close(OK(open(path, O_WRONLY)));
    }
}
