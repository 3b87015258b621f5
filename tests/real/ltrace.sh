# ltrace: calls of libraries, by breakpoints.
# needs: ltrace gcc
# limit: 60
set -u
printf '#include <stdio.h>\n#include <stdlib.h>\n#include <string.h>\nint main(void) { char *s = strdup("text"); printf("%%zu\\n", strlen(s)); puts(s); free(s); return atoi("3"); }\n' > a.c
gcc -O0 -fno-builtin -no-pie -Wl,-z,lazy -w a.c -o a
ltrace -o log ./a; echo "code $?"; grep -oE '^[a-z]+\(|\+\+\+.*' log
