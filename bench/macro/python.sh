# The start of an interpreter with the imports of a usual program.
"$TIMED" python3-imports 3 /usr/bin/python3 -c 'import json, re, os, subprocess, asyncio, http.client, sqlite3, decimal, email.message'
