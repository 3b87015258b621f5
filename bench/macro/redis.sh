# GET over loopback, 20 clients; requests a second.
# needs: redis-server redis-benchmark
cd "$(mktemp -d)"
port=$((20000 + RANDOM % 10000))
redis-server --port $port --save '' --appendonly no --daemonize no > log 2>&1 &
server=$!
for i in {1..200}; do redis-cli -p $port ping 2> /dev/null | grep -q PONG && break; sleep 0.05; done
redis-benchmark -p $port -t get -n 50000 -c 20 --csv | sed -n 's/^"GET","\([0-9.]*\)".*/redis-get \1 req\/s/p'
kill $server
wait $server || true
