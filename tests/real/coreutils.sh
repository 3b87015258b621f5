# Coreutils: copies, links, times, sums, sorting, text.
set -eu
mkdir -p a/b/c; echo hello > a/b/c/file; ln -s b/c/file a/link; ln a/b/c/file a/hard
cp -a a copy; diff -r a copy && echo same
stat -c '%n %F %h %a' a/link a/hard a/b
mv copy moved; rm -r a; ls -R moved
touch -d '2020-02-02 02:02:02' moved/hard; stat -c %y moved/hard; ls -l --time-style=+%s moved/hard | cut -d' ' -f6
seq 100 | shuf --random-source=<(yes) | sort -n | uniq -c | awk '{s += $1 * $2} END {print s}'
head -c 100000 /dev/zero | tr '\0' 'x' | sha256sum
head -c 5000000 /dev/zero | md5sum
split -b 30000 -d <(head -c 100000 /dev/zero) part.; ls part.*; cat part.* | wc -c
dd if=/dev/zero of=sparse bs=1 count=1 seek=1000000 status=none; stat -c %s sparse; truncate -s 10 sparse; wc -c sparse
cp --sparse=always sparse other; cmp sparse other && echo equal
df . > /dev/null; du -s moved > /dev/null; sync; nproc > /dev/null; uname -s; id -un; whoami; tty || true
env -i A=1 env; printenv HOME > /dev/null; date -u -d @86400 +%F; basename /x/y.z .z; dirname /x/y
mkfifo fifo; (echo through > fifo) & cat fifo; wait
chmod 600 moved/hard; test -r moved/hard; install -m 755 moved/hard installed; stat -c %a installed
timeout 0.1 sleep 5 || echo "timeout $?"
timeout -s KILL 0.1 sleep 5 || echo "killed $?"
nice -n 5 nice; nohup true 2> /dev/null; mktemp -d x.XXXX > /dev/null
readlink -f moved/link | sed 's,.*/,,'; realpath --relative-to=. moved/b/c
od -An -tx1 <<< abc; base64 <<< hello; cksum <<< hello; factor 1234567890; numfmt --to=iec 123456789
paste <(seq 3) <(seq 4 6) | expand; join <(seq 5) <(seq 3 7); comm -12 <(seq 5) <(seq 3 7); tac <<< $'1\n2'; fold -w 3 <<< abcdef
ls -la /dev/null | cut -c1-10; test -c /dev/null && echo device; stat -f -c %T /proc
chown 1000:1000 installed; stat -c %u:%g installed; rmdir moved 2> /dev/null || echo not empty
