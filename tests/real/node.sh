# Node: worker threads, child processes, timers, streams, http to itself.
# needs: node
# limit: 120
exec node "$REAL/data/test.mjs"
