# A file of 1 KB over loopback, 20 connections kept alive; requests a second.
# needs: nginx ab
cd "$(mktemp -d)"
chmod 755 .
mkdir -p www logs
head -c 1024 /dev/zero | tr '\0' x > www/file
port=$((20000 + RANDOM % 10000))
cat > nginx.conf <<CONF
worker_processes 1; daemon off; pid $PWD/pid; error_log $PWD/logs/error;
events { worker_connections 256; }
http { access_log off; client_body_temp_path $PWD/b; proxy_temp_path $PWD/p; fastcgi_temp_path $PWD/f;
  uwsgi_temp_path $PWD/u; scgi_temp_path $PWD/s; keepalive_requests 1000000;
  server { listen 127.0.0.1:$port; root $PWD/www; } }
CONF
nginx -p "$PWD" -c "$PWD/nginx.conf" 2> logs/start &
server=$!
for i in {1..200}; do (exec 3<> /dev/tcp/127.0.0.1/$port) 2> /dev/null && break; sleep 0.05; done
ab -q -k -c 20 -n 40000 "http://127.0.0.1:$port/file" | sed -n 's/^Requests per second: *\([0-9.]*\).*/nginx-1k \1 req\/s/p'
kill $server
wait $server || true
