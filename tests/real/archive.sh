# tar with gzip, bzip2, xz and zstd; long names, links, modes, times.
# needs: tar gzip bzip2 xz zstd
set -eu
mkdir -p src/deep/$(printf 'x%.0s' {1..120}); seq 20000 > src/numbers; ln -s numbers src/link; ln src/numbers src/hard
head -c 300000 /dev/zero > src/zero; chmod 640 src/zero; touch -d @1000000000 src/zero; mkfifo src/fifo
for how in gzip bzip2 xz zstd; do
    tar --sort=name --$how -cf archive.$how src
    mkdir $how; tar -C $how -xpf archive.$how
    (cd $how && find src | sort | md5sum; stat -c '%a %Y %s' src/zero; cmp src/numbers ../src/numbers && readlink src/link)
done
tar -tf archive.gzip | wc -l; tar --sort=name -cf - src | tar -tf - | md5sum
gzip -fk src/numbers; gunzip -c src/numbers.gz | md5sum; xz -T2 -fk src/numbers; xz -dc src/numbers.xz | md5sum
zstd -q -19 src/numbers -o n.zst; zstd -qdc n.zst | md5sum
echo done
