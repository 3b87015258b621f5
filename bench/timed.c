// `timed NAME N COMMAND... [::: COMMAND...]...` runs each command N times, by turns, with its output thrown away, and
// prints for each "NAME milliseconds ms", the median. Scripts run it inside a sandbox, so that the sandbox's own start
// is not counted.
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1e3 + t.tv_nsec / 1e6;
}

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double run_once(char **command) {
    double start = now_ms();
    pid_t pid = fork();
    if (pid == 0) {
        int null = open("/dev/null", O_RDWR);
        dup2(null, 0);
        dup2(null, 1);
        execvp(command[0], command);
        _exit(127);
    }
    int status;
    if (waitpid(pid, &status, 0) != pid || status != 0) {
        fprintf(stderr, "%s ended with status 0x%x\n", command[0], status);
        exit(1);
    }
    return now_ms() - start;
}

enum { COMMANDS = 8, RUNS = 100 };

int main(int argc, char **argv) {
    int count = argc > 3 ? atoi(argv[2]) : 0, commands = 0;
    if (count < 1 || count > RUNS) return 2;
    char **command[COMMANDS] = {argv + 3};
    for (int i = 3; i < argc; i++) {
        if (strcmp(argv[i], ":::") != 0) continue;
        argv[i] = NULL;
        if (++commands == COMMANDS) return 2;
        command[commands] = argv + i + 1;
    }
    static double results[COMMANDS][RUNS];
    for (int i = 0; i < count; i++)
        for (int turn = 0; turn <= commands; turn++) {
            int which = (turn + i) % (commands + 1);
            results[which][i] = run_once(command[which]);
        }
    for (int i = 0; i <= commands; i++) {
        qsort(results[i], count, sizeof **results, by_value);
        printf("%s %.2f ms\n", argv[1], results[i][count / 2]);
    }
}
