# javac, then a threaded program: locks, pools, files, sockets, processes, garbage.
# needs: javac java
# limit: 180
set -eu
cp "$REAL/data/Threads.java" .
javac Threads.java
java -Xmx256m Threads
java -Xint -Xmx64m -XX:+UseSerialGC Threads | tail -1
