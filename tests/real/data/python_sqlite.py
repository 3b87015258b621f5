import sqlite3, threading

db = sqlite3.connect("test.db", timeout=30); db.execute("pragma journal_mode=wal"); db.execute("create table t (id integer primary key, x)")
with db: db.executemany("insert into t (x) values (?)", [(i * i,) for i in range(1000)])
print(db.execute("select count(*), sum(x) from t").fetchone())
def write(n):
    mine = sqlite3.connect("test.db", timeout=30, isolation_level=None)
    for i in range(20): mine.execute("insert into t (x) values (?)", (n,))
    mine.close()
ts = [threading.Thread(target=write, args=(n,)) for n in range(4)]
[t.start() for t in ts]; [t.join() for t in ts]
print(db.execute("select count(*) from t").fetchone()); db.execute("vacuum"); print(db.execute("pragma integrity_check").fetchone())
memory = sqlite3.connect(":memory:"); db.backup(memory); print(memory.execute("select max(x) from t").fetchone())
db.execute("pragma journal_mode=delete"); db.execute("delete from t where x % 2"); db.commit(); print(db.execute("select count(*) from t").fetchone())
