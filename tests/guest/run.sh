set -u
mkdir -p build
f=$1; shift
b=build/$(echo ${f%.c}|tr / -)
fl=$(sed -n 's,^// flags: ,,p' $f)
[ $b -nt $f -a $b -nt test.h ] || gcc -std=gnu17 -D_GNU_SOURCE -Wall -Wno-nonnull -Wno-stringop-overflow -Wno-stringop-overread -O1 -g -pthread $fl -o $b $f -lrt -lutil || exit 1
exec ./$b "$@"
