# Python: threads, processes, subprocess, asyncio, sqlite3, a web server and its client.
# needs: /usr/bin/python3
# each: threads multiprocessing subprocess asyncio sqlite http files signals
exec /usr/bin/python3 "$REAL/data/python_$1.py"
