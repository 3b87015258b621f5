# redis over loopback: commands, persistence (fork), the benchmark in one sandbox with the server.
# needs: redis-server redis-cli redis-benchmark
# limit: 120
port=$((20000 + $$ % 10000))
redis-server --port $port --dir "$PWD" --save '' --appendonly yes --unixsocket "$PWD/sock" > log 2>&1 &
server=$!
for i in {1..200}; do redis-cli -p $port ping 2> /dev/null | grep -q PONG && break; sleep 0.05; done
r() { redis-cli -p $port "$@"; }
r set key value; r get key; r incr n; r incrby n 41; r rpush list a b c; r lrange list 0 -1; r hset h f 1 g 2; r eval 'return redis.call("get", "key")' 0
redis-cli -s sock ping
r bgsave > /dev/null; for i in {1..200}; do r lastsave > /dev/null; r info persistence | grep -q 'rdb_bgsave_in_progress:0' && break; sleep 0.05; done; test -s dump.rdb && echo saved
redis-benchmark -p $port -n 5000 -c 20 -q -t set,get,lpush,lpop,mset > bench.log 2>&1; tr '\r' '\n' < bench.log | grep -c 'requests per second, p50'
r dbsize > /dev/null; r shutdown nosave; wait $server; echo "server $?"
