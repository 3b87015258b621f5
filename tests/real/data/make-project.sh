# Writes a C project of N files into the current directory: a Makefile, a header, and a program that says what it adds up.
set -eu
count=$1
{
    printf 'CFLAGS = -O1 -Wall\nOBJECTS ='
    for ((i = 0; i < count; i++)); do printf ' part%d.o' $i; done
    printf ' main.o\nprogram: $(OBJECTS)\n\t$(CC) -o $@ $(OBJECTS)\n%%.o: %%.c parts.h\n\t$(CC) $(CFLAGS) -c -o $@ $<\n'
    printf 'clean:\n\trm -f program *.o\n'
} > Makefile
{
    for ((i = 0; i < count; i++)); do echo "int part$i(int value);"; done
} > parts.h
for ((i = 0; i < count; i++)); do
    cat > part$i.c <<C
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include "parts.h"
static int table$i[64];
static void fill(void) {
    for (int i = 0; i < 64; i++) table$i[i] = i * $i + (i ^ $i);
}
int part$i(int value) {
    char text[64];
    fill();
    snprintf(text, sizeof text, "%d", value + table$i[value & 63]);
    return atoi(text) + (int)strlen(text);
}
C
done
{
    echo '#include <stdio.h>'
    echo '#include "parts.h"'
    echo 'int main(void) {'
    echo '    int sum = 0;'
    for ((i = 0; i < count; i++)); do echo "    sum = part$i(sum) % 100003;"; done
    echo '    printf("sum %d\n", sum);'
    echo '    return 0;'
    echo '}'
} > main.c
