#!/bin/sh
# sqlite3 from its own shell: in memory and on files, in all journal modes.
for mode in delete truncate persist memory wal; do
    sqlite3 "$mode.db" "
pragma journal_mode=$mode;
create table t(a integer primary key, b text, c real);
with recursive n(i) as (select 1 union all select i+1 from n where i < 2000)
insert into t select i, 'row ' || i, i / 7.0 from n;
create index b on t(b);
select count(*), sum(a), round(sum(c), 3) from t;
begin; delete from t where a > 10; rollback;
select count(*) from t where b glob 'row 1*';
update t set b = upper(b) where a % 3 = 0;
select b from t order by a limit 4;
vacuum;
pragma integrity_check;"
    ls | sed "s/^/$mode: /" | sort
    rm -f "$mode".db*
done
printf '%s\n' '.mode csv' 'create table x(a,b);' 'insert into x values(1,"two, three"),(4,NULL);' \
    'select * from x;' '.dump' | sqlite3 :memory:
sqlite3 bad.db 'select * from nowhere' 2>&1
echo "status $?"
sqlite3 c.db 'create table t(a); insert into t values(0)'
for i in 1 2 3 4; do
    (for j in 1 2 3 4 5; do sqlite3 -cmd '.timeout 60000' c.db 'update t set a = a + 1'; done) &
done
wait
sqlite3 c.db 'select a from t'
