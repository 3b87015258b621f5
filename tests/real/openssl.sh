# openssl: digests, ciphers, keys, a certificate, a connection over loopback.
# needs: openssl
# limit: 120
set -eu
echo hello > f; openssl dgst -sha256 f; openssl dgst -sha3-512 f | cut -c1-40
openssl enc -aes-256-cbc -pbkdf2 -pass pass:x -in f -out e; openssl enc -d -aes-256-cbc -pbkdf2 -pass pass:x -in e
openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out key 2> /dev/null; openssl dgst -sha256 -sign key -out s f; openssl pkey -in key -pubout -out pub; openssl dgst -sha256 -verify pub -signature s f
openssl req -new -x509 -key key -subj /CN=localhost -days 2 -out cert; openssl x509 -in cert -noout -subject; openssl verify -CAfile cert cert
openssl ecparam -name prime256v1 -genkey -noout -out ec; openssl ec -in ec -noout -text 2> /dev/null | grep -c NIST
port=$((20000 + $$ % 10000)); openssl s_server -quiet -accept 127.0.0.1:$port -cert cert -key key -www > server.log 2>&1 & server=$!
for i in {1..100}; do (exec 3<> /dev/tcp/127.0.0.1/$port) 2> /dev/null && break; sleep 0.05; done
printf 'GET / HTTP/1.0\r\n\r\n' | openssl s_client -quiet -connect 127.0.0.1:$port -CAfile cert 2> /dev/null | head -1 | tr -d '\r'
kill $server; openssl rand 1000 | wc -c; openssl speed -seconds 1 -bytes 64 sha1 2> /dev/null | grep -c '^sha1'
