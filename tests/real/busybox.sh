# busybox: its shell and its tools, one static program.
# needs: busybox
exec busybox sh -c '
for tool in echo cat ls; do busybox $tool /dev/null; done
i=0; while [ $i -lt 20 ]; do busybox true; i=$((i + 1)); done; echo $i
busybox seq 5 | busybox awk "{s+=\$1} END {print s}"; echo hello | busybox md5sum; busybox printf "%05d\n" 42
busybox mkdir d; busybox touch d/a d/b; busybox find d | busybox sort; busybox tar -cf - d | busybox tar -tf - | busybox sort; busybox rm -r d
busybox ps -o pid,comm > /dev/null && echo ps; busybox id -u; busybox uname -s; busybox df > /dev/null; busybox free | busybox head -1 > /dev/null; busybox date -u -d @0 +%Y
(trap "echo caught" USR1; busybox kill -USR1 $(busybox sh -c "echo \$PPID"); busybox sleep 0.1); busybox timeout 30 busybox sleep 0.05; echo $?
busybox sleep 5 & busybox kill $!; wait $!; echo $?; echo "a b c" | busybox cut -d" " -f2; busybox dd if=/dev/zero bs=1k count=10 2> /dev/null | busybox wc -c; busybox nproc > /dev/null; exit 3'
