# A project of 30 C files by make, in parallel; the result is run; nothing is made again.
# needs: gcc make
# limit: 240
set -eu
bash "$REAL/data/make-project.sh" 30
make -s -j4
./program
make -q && echo up to date
touch part7.c
make -n | wc -l
make -s
make -s clean
make -s -j1
./program
ls | wc -l
