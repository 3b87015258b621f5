# The sqlite3 shell: journal modes, two processes at once, a dump and its restore.
# needs: sqlite3
# limit: 120
set -eu
sqlite3 a.db 'create table t (a integer primary key, b text); with recursive n(x) as (select 1 union all select x + 1 from n where x < 5000) insert into t select x, hex(x * 7) from n;'
sqlite3 a.db 'select count(*), sum(length(b)) from t; pragma integrity_check;'
sqlite3 a.db 'pragma journal_mode=wal;'
for i in 1 2 3 4; do (for k in {1..20}; do sqlite3 -cmd '.timeout 20000' a.db "insert into t (b) values ('$i-$k');"; done) & done; wait
sqlite3 a.db 'select count(*) from t; pragma journal_mode=truncate;'
sqlite3 a.db .dump | sqlite3 b.db; sqlite3 b.db 'select count(*), max(a) from t; create index i on t (b); explain query plan select * from t where b = 1; vacuum;'
sqlite3 b.db "begin; delete from t; rollback; select count(*) from t; attach 'a.db' as o; select count(*) from o.t join t using (a);"
printf '1,x\n2,y\n' > in.csv; sqlite3 c.db -cmd '.mode csv' 'create table c (n, s)' '.import in.csv c' 'select * from c'
