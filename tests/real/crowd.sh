# Many at once: 200 threads in one process, 500 processes, deep pipelines, a tree of shells.
# needs: /usr/bin/python3
# limit: 120
set -eu
/usr/bin/python3 -c '
import threading
b = threading.Barrier(200); n = []
def run(): b.wait(); n.append(1)
ts = [threading.Thread(target=run) for _ in range(200)]
[t.start() for t in ts]; [t.join() for t in ts]; print(len(n))'
for i in {1..500}; do sleep 100 & done; jobs -p | wc -l; kill $(jobs -p); wait || true
line="echo x"; for i in {1..60}; do line="$line | cat"; done; eval "$line"
bash -c 'tree() { if [ $1 -gt 0 ]; then (tree $(($1 - 1))) & (tree $(($1 - 1))) & wait; else echo leaf; fi; }; tree 6' | wc -l
seq 1 300 | xargs -P 20 -n 1 sh -c 'exit 0' && echo all
