# The compiler, the assembler and the linker: static, dynamic, threads, a library, C++ when it is there.
# needs: gcc
# limit: 120
set -eu
printf '#include <stdio.h>\n#include <math.h>\nint main(int c, char **v) { printf("%%d %%.3f\\n", c, sqrt(c)); return 5; }\n' > a.c
for flags in "-O0" "-O2 -static" "-O2 -fPIE -pie" "-no-pie -g" "-O3 -flto"; do gcc $flags a.c -o a -lm; ./a x y || echo "code $?"; done
printf 'int answer(void) { return 42; }\n' > lib.c
printf '#include <stdio.h>\nint answer(void);\nint main(void) { printf("%%d\\n", answer()); }\n' > use.c
gcc -shared -fPIC lib.c -o libanswer.so; gcc use.c -L. -lanswer -o use; LD_LIBRARY_PATH=. ./use; ./use 2> /dev/null || echo "no library: $?"
gcc -c lib.c; ar rcs libanswer.a lib.o; gcc use.c libanswer.a -o use; ./use; nm libanswer.a | grep -c answer
gcc -S -O1 lib.c -o - | grep -c 42; echo 'int x = ;' > bad.c; gcc -c bad.c 2> /dev/null || echo "error $?"; strip use; ./use; objdump -d use | head -3 | wc -l
printf '#include <pthread.h>\n#include <stdio.h>\nstatic void *f(void *x) { return x; }\nint main(void) { long s = 0; for (long i = 0; i < 50; i++) { pthread_t t; void *r; pthread_create(&t, 0, f, (void *)i); pthread_join(t, &r); s += (long)r; } printf("%%ld\\n", s); }\n' > t.c
gcc -pthread t.c -o t; ./t
if command -v g++ > /dev/null; then printf '#include <iostream>\n#include <stdexcept>\nint main() { try { throw std::runtime_error("thrown"); } catch (std::exception &e) { std::cout << e.what() << std::endl; } }\n' > e.cc; g++ e.cc -o e; ./e; else echo thrown; fi
