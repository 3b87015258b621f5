# nginx with workers, asked by ab, curl-like bash and in parallel; reload and stop by signals.
# needs: nginx ab
# limit: 120
port=$((20000 + $$ % 10000))
chmod 755 .; mkdir -p www logs; head -c 1024 /dev/zero | tr '\0' x > www/file; echo index > www/index.html
cat > nginx.conf << CONF
worker_processes 2; daemon off; pid $PWD/pid; error_log $PWD/logs/error;
events { worker_connections 256; }
http { access_log $PWD/logs/access; client_body_temp_path $PWD/b; proxy_temp_path $PWD/p; fastcgi_temp_path $PWD/f; uwsgi_temp_path $PWD/u; scgi_temp_path $PWD/s;
  keepalive_requests 100000; sendfile on; server { listen 127.0.0.1:$port; root $PWD/www; location /again/ { proxy_pass http://127.0.0.1:$port/; } } }
CONF
nginx -p "$PWD" -c "$PWD/nginx.conf" 2> logs/start & server=$!
get() { exec 3<> /dev/tcp/127.0.0.1/$port; printf 'GET %s HTTP/1.0\r\n\r\n' "$1" >&3; cat <&3; exec 3>&-; }
for i in {1..200}; do (exec 3<> /dev/tcp/127.0.0.1/$port) 2> /dev/null && break; sleep 0.05; done
get / | tail -1; get /none | head -1 | tr -d '\r'; get /again/file | tail -c 1024 | md5sum
ab -q -c 20 -n 2000 http://127.0.0.1:$port/file 2>&1 | grep -E '^(Complete|Failed|Document Length)' | tr -s ' '
ab -q -k -c 20 -n 5000 http://127.0.0.1:$port/file 2>&1 | grep -E '^(Complete|Failed|Keep-Alive)' | tr -s ' '
kill -HUP $server; sleep 0.3; get / | tail -1
kill -QUIT $server; wait $server; echo "server $?"; test -s logs/access && echo logged
