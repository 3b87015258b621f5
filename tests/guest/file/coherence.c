// What one thread or process does to names and attributes shows to all others at once, whatever they looked up before.
#include "../test.h"
#include <dirent.h>

#ifndef RENAME_EXCHANGE
#define RENAME_EXCHANGE 2
#endif

static bool exists(const char *path) {
    struct stat st;
    return lstat(path, &st) == 0;
}

static ino_t ino_of(const char *path) {
    struct stat st;
    OK(stat(path, &st));
    return st.st_ino;
}

static bool is_listed(const char *directory, const char *name) {
    DIR *dir = opendir(directory);
    if (!dir) FAIL("opendir %s: errno %d", directory, errno);
    bool found = false;
    for (struct dirent *entry; (entry = readdir(dir));) found |= strcmp(entry->d_name, name) == 0;
    closedir(dir);
    return found;
}

// Two parties, threads or processes, that take turns: the first one acts, the second one looks.
static struct {
    int turn;
    void (*looks[8])(void);
} *play;

static void look(void) {
    for (int i = 0; play->looks[i]; i++) {
        WAIT_UNTIL(__atomic_load_n(&play->turn, __ATOMIC_ACQUIRE) == 2 * i + 1);
        play->looks[i]();
        __atomic_store_n(&play->turn, 2 * i + 2, __ATOMIC_RELEASE);
    }
}

static void *look_in_thread(void *unused) {
    look();
    return unused;
}

static void let_look(void) {
    int turn = __atomic_add_fetch(&play->turn, 1, __ATOMIC_ACQ_REL);
    WAIT_UNTIL(__atomic_load_n(&play->turn, __ATOMIC_ACQUIRE) == turn + 1);
}

// The same in a thread and in a process of its own.
static void with_both(void (*act)(void), int count, void (**looks)(void)) {
    play = shared_page();
    for (int i = 0; i < count; i++) play->looks[i] = looks[i];
    pthread_t thread = start_thread(look_in_thread, NULL);
    act();
    join_thread(thread);
    play->turn = 0;
    pid_t child = FORK(look());
    act();
    reap(child);
}
#define WITH_BOTH(act, ...)                                                                                            \
    do {                                                                                                               \
        void (*looks_[])(void) = {__VA_ARGS__};                                                                        \
        with_both(act, sizeof looks_ / sizeof *looks_, looks_);                                                        \
    } while (0)

static void look_absent(void) {
    CHECK(!exists("d/f"));
    CHECK_ERRNO(open("d/f", O_RDONLY), ENOENT);
    CHECK(!is_listed("d", "f"));
}
static void look_present(void) {
    CHECK(exists("d/f"));
    close(OK(open("d/f", O_RDONLY)));
    CHECK(is_listed("d", "f"));
}
static void come_and_go(void) {
    let_look();
    CHECK(!exists("d/f"));
    write_text("d/f", "1");
    let_look();
    OK(unlink("d/f"));
    let_look();
    OK(mkdir("d/f", 0700));
    let_look();
    OK(rmdir("d/f"));
    let_look();
}
TEST(names_come_and_go) {
    OK(mkdir("d", 0700));
    WITH_BOTH(come_and_go, look_absent, look_present, look_absent, look_present, look_absent);
}

static void look_old(void) {
    CHECK_STR(read_text("a"), "A");
    CHECK(!exists("b"));
}
static void look_moved(void) {
    CHECK(!exists("a"));
    CHECK_STR(read_text("b"), "A");
}
static void look_replaced(void) {
    CHECK(!exists("a"));
    CHECK_STR(read_text("b"), "NEW");
}
static void move(void) {
    write_text("a", "A");
    let_look();
    OK(rename("a", "b"));
    let_look();
    write_text("a", "NEW");
    OK(rename("a", "b"));
    let_look();
    OK(unlink("b"));
}
TEST(names_move) { WITH_BOTH(move, look_old, look_moved, look_replaced); }

static void look_inside(void) {
    CHECK_STR(read_text("d/e/f"), "F");
    CHECK(!exists("x/e/f"));
}
static void look_elsewhere(void) {
    CHECK(!exists("d/e/f") && !exists("d/e") && !exists("d"));
    CHECK_STR(read_text("x/e/f"), "F");
    CHECK(is_listed("x", "e"));
}
static void look_fresh(void) {
    CHECK(exists("d") && !exists("d/e") && !exists("d/e/f"));
    CHECK_STR(read_text("x/e/f"), "F");
}
static void move_directory(void) {
    OK(mkdir("d", 0700));
    OK(mkdir("d/e", 0700));
    write_text("d/e/f", "F");
    let_look();
    OK(rename("d", "x"));
    let_look();
    OK(mkdir("d", 0700));
    let_look();
    OK(unlink("x/e/f"));
    OK(rmdir("x/e"));
    OK(rmdir("x"));
    OK(rmdir("d"));
}
TEST(directories_move) { WITH_BOTH(move_directory, look_inside, look_elsewhere, look_fresh); }

static void look_one(void) { CHECK_STR(read_text("link"), "1"); }
static void look_two(void) { CHECK_STR(read_text("link"), "2"); }
static void look_dangling(void) {
    CHECK(exists("link"));
    CHECK_ERRNO(open("link", O_RDONLY), ENOENT);
}
static void turn_link(void) {
    write_text("one", "1");
    write_text("two", "2");
    OK(symlink("one", "link"));
    let_look();
    OK(unlink("link"));
    OK(symlink("two", "link"));
    let_look();
    OK(unlink("two"));
    let_look();
    OK(unlink("link"));
}
TEST(links_turn) { WITH_BOTH(turn_link, look_one, look_two, look_dangling); }

static void look_open(void) { CHECK(exists("d/f")); }
static void look_closed(void) {
    struct stat st;
    CHECK_ERRNO(stat("d/f", &st), EACCES);
    CHECK_ERRNO(open("d/f", O_RDONLY), EACCES);
}
static void close_directory(void) {
    let_look();
    OK(chmod("d", 0600));
    let_look();
    OK(chmod("d", 0700));
    let_look();
}
TEST(permission_to_search_goes_and_comes) {
    OK(mkdir("d", 0700));
    write_text("d/f", "F");
    if (geteuid() == 0) {
        OK(chmod(".", 0711));
        OK(chown("d", 1000, 1000));
        OK(syscall(SYS_setresuid, 1000, 1000, 1000));
    }
    WITH_BOTH(close_directory, look_open, look_closed, look_open);
}

TEST(names_of_one_file_share_its_attributes) {
    struct stat one, two;
    write_text("a", "A");
    OK(mkdir("d", 0700));
    OK(stat("a", &one));
    CHECK_EQ(one.st_nlink, 1);
    OK(link("a", "d/b"));
    OK(stat("a", &one));
    OK(stat("d/b", &two));
    CHECK_EQ(one.st_nlink, 2);
    CHECK_EQ(two.st_nlink, 2);
    CHECK_EQ(one.st_ino, two.st_ino);
    OK(chmod("d/b", 0604));
    OK(stat("a", &one));
    CHECK_EQ(one.st_mode & 07777, 0604);
    OK(truncate("a", 1000));
    OK(stat("d/b", &two));
    CHECK_EQ(two.st_size, 1000);
    int fd = OK(open("d/b", O_WRONLY | O_APPEND));
    CHECK_EQ(write(fd, "more", 4), 4);
    OK(stat("a", &one));
    CHECK_EQ(one.st_size, 1004);
    OK(unlink("a"));
    OK(fstat(fd, &two));
    CHECK_EQ(two.st_nlink, 1);
    OK(unlink("d/b"));
    OK(fstat(fd, &two));
    CHECK_EQ(two.st_nlink, 0);
}

TEST(a_name_made_anew_is_another_file) {
    write_text("f", "old");
    int fd = OK(open("f", O_RDONLY));
    struct stat old, new;
    OK(fstat(fd, &old));
    OK(unlink("f"));
    write_text("f", "newer");
    OK(stat("f", &new));
    CHECK(old.st_ino != new.st_ino);
    CHECK_EQ(new.st_size, 5);
    char text[8] = {0};
    CHECK_EQ(pread(fd, text, sizeof text, 0), 3);
    CHECK_STR(text, "old");
    CHECK_STR(read_text("f"), "newer");
}

TEST(many_names_of_a_directory) {
    enum { COUNT = 400 };
    char name[32];
    OK(mkdir("d", 0700));
    // The same last bytes and the same first ones, and names too long for small caches.
    static const char *const forms[] = {"d/%d-with-the-same-end", "d/with-the-same-start-%d",
                                        "d/a-name-that-is-longer-than-what-is-usual-in-a-directory-%d"};
    for (int form = 0; form < 3; form++) {
        char path[128];
        for (int i = 0; i < COUNT; i++) {
            snprintf(path, sizeof path, forms[form], i);
            CHECK(!exists(path));
            snprintf(name, sizeof name, "%d", i);
            write_text(path, name);
        }
        for (int i = 0; i < COUNT; i += 2) {
            snprintf(path, sizeof path, forms[form], i);
            CHECK(exists(path));
            OK(unlink(path));
        }
        for (int round = 0; round < 2; round++)
            for (int i = 0; i < COUNT; i++) {
                snprintf(path, sizeof path, forms[form], i);
                CHECK_EQ(exists(path), i % 2);
                snprintf(name, sizeof name, "%d", i);
                if (i % 2) CHECK_STR(read_text(path), name);
            }
    }
}

static int is_over;
static void *watch_replaced(void *unused) {
    while (!__atomic_load_n(&is_over, __ATOMIC_ACQUIRE)) {
        int fd = open("current", O_RDONLY);
        if (fd < 0) FAIL("a replaced name was not there: errno %d", errno);
        char c;
        CHECK_EQ(read(fd, &c, 1), 1);
        close(fd);
    }
    return unused;
}
TEST(a_name_that_is_replaced_is_always_there) {
    write_text("current", "0");
    pthread_t thread = start_thread(watch_replaced, NULL);
    for (int64_t end = now_ms() + 300; now_ms() < end;) {
        write_text("next", "1");
        OK(rename("next", "current"));
    }
    __atomic_store_n(&is_over, 1, __ATOMIC_RELEASE);
    join_thread(thread);
}

static ino_t inos[2];
static void *watch_exchanged(void *unused) {
    while (!__atomic_load_n(&is_over, __ATOMIC_ACQUIRE)) {
        struct stat st;
        if (stat("one", &st) < 0) FAIL("an exchanged name was not there: errno %d", errno);
        CHECK(st.st_ino == inos[0] || st.st_ino == inos[1]);
    }
    return unused;
}
TEST(names_that_are_exchanged_are_always_there) {
    write_text("one", "1");
    write_text("two", "2");
    inos[0] = ino_of("one");
    inos[1] = ino_of("two");
    if (renameat2(AT_FDCWD, "one", AT_FDCWD, "two", RENAME_EXCHANGE) < 0) SKIP("no RENAME_EXCHANGE here");
    pthread_t thread = start_thread(watch_exchanged, NULL);
    for (int64_t end = now_ms() + 300; now_ms() < end;)
        OK(renameat2(AT_FDCWD, "one", AT_FDCWD, "two", RENAME_EXCHANGE));
    __atomic_store_n(&is_over, 1, __ATOMIC_RELEASE);
    join_thread(thread);
    OK(renameat2(AT_FDCWD, "one", AT_FDCWD, "two", RENAME_EXCHANGE));
    CHECK(ino_of("one") != ino_of("two"));
}

TEST(a_list_of_names_starts_anew) {
    OK(mkdir("d", 0700));
    write_text("d/a", "");
    DIR *dir = opendir("d");
    CHECK(dir);
    while (readdir(dir)) {
    }
    write_text("d/b", "");
    OK(unlink("d/a"));
    rewinddir(dir);
    int count = 0;
    for (struct dirent *entry; (entry = readdir(dir));) {
        CHECK(strcmp(entry->d_name, "a") != 0);
        count += strcmp(entry->d_name, "b") == 0;
    }
    CHECK_EQ(count, 1);
    closedir(dir);
}

TEST(a_directory_of_the_image_is_read_from_any_place) {
    DIR *dir = opendir("/usr");
    CHECK(dir);
    enum { MOST = 200 };
    static struct {
        long at;
        char name[256];
    } seen[MOST];
    int count = 0;
    for (;;) {
        long at = telldir(dir);
        struct dirent *entry = readdir(dir);
        if (!entry || count == MOST) break;
        seen[count].at = at;
        strcpy(seen[count++].name, entry->d_name);
    }
    CHECK(count > 4);
    for (int i = count - 1; i >= 0; i--) {
        seekdir(dir, seen[i].at);
        struct dirent *entry = readdir(dir);
        CHECK(entry);
        CHECK_STR(entry->d_name, seen[i].name);
    }
    closedir(dir);
}

TEST(positions_that_no_entry_told_do_no_harm) {
    static const char *const paths[] = {"/usr", "/usr/bin", "."};
    static const off_t offsets[] = {1, 3, 1 << 20, 1LL << 40, 0x7fffffffffffffff};
    for (size_t p = 0; p < sizeof paths / sizeof *paths; p++)
        for (size_t o = 0; o < sizeof offsets / sizeof *offsets; o++) {
            int fd = OK(open(paths[p], O_RDONLY | O_DIRECTORY));
            char buffer[4096];
            if (lseek(fd, offsets[o], SEEK_SET) >= 0) {
                long got = syscall(SYS_getdents64, fd, buffer, sizeof buffer);
                CHECK(got >= -1 && got <= (long)sizeof buffer);
            }
            close(fd);
            CHECK(is_listed(paths[p], ".."));
        }
}
