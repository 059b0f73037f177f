/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by the files of the SQLite adapter, and by them only. */
#pragma once

#include <sqlite3.h>

#include "base/assert.h"
#include "vault/store_priv.h"

#define STORE_RECORD_COLUMNS "kind,number,slot,changed,due,state,version,body,id,at,key"

/* Statements on the fixed tables. */
/* clang-format off */
#define STORE_STATEMENTS(X)                                                                        \
    X(BEGIN, "BEGIN IMMEDIATE")                                                                    \
    X(READ_BEGIN, "BEGIN")                                                                         \
    X(COMMIT, "COMMIT")                                                                            \
    X(META_GET, "SELECT v FROM meta WHERE k=?1")                                                   \
    X(META_SET, "INSERT INTO meta(k,v) VALUES(?1,?2) ON CONFLICT(k) DO UPDATE SET v=excluded.v")   \
    X(META_ADD, "UPDATE meta SET v=v+?2 WHERE k=?1")                                               \
    X(CLASS_ALL, "SELECT id,domain,name,format,deterministic,period,ordered,spec FROM class")      \
    X(CLASS_ADD, "INSERT INTO class VALUES(?1,?2,?3,?4,?5,?6,?7,?8)")                              \
    X(CLASS_PERIOD, "UPDATE class SET period=?2 WHERE id=?1")                                      \
    X(CLASS_DISORDER, "UPDATE class SET ordered=0 WHERE id=?1")                                    \
    X(CLASS_DELETE, "DELETE FROM class WHERE id=?1")                                               \
    X(SEQUENCE_PUT, "INSERT INTO sequence VALUES(?1,?2,?3,?4,?5,?6)"                               \
                    " ON CONFLICT(id) DO UPDATE SET next=excluded.next")                           \
    X(SEQUENCE_ALL, "SELECT id,class,idx,room,next,mac FROM sequence")                             \
    X(SEQUENCE_DELETE, "DELETE FROM sequence WHERE class=?1")                                      \
    X(DOMAIN_ADD, "INSERT INTO domain VALUES(?1,?2,?3)")                                           \
    X(DOMAIN_NEXT, "SELECT id,slot,name FROM domain WHERE id>=?1 ORDER BY id LIMIT 1")             \
    X(DOMAIN_USED, "SELECT EXISTS(SELECT 1 FROM subject WHERE domain=?1)")                         \
    X(SUBJECT_ADD, "INSERT INTO subject VALUES(?1,?2,?3,?4)")                                      \
    X(SUBJECT_GET, "SELECT rid,domain,created FROM subject WHERE slot=?1")                         \
    X(SUBJECT_DELETE, "DELETE FROM subject WHERE slot=?1")                                         \
    X(SUBJECT_LAST, "SELECT ifnull(max(slot),0) FROM subject")                                     \
    X(ENDED_PUT, "INSERT OR IGNORE INTO ended VALUES(?1)")                                         \
    X(ENDED_NEXT, "SELECT slot FROM ended WHERE slot>?1 ORDER BY slot LIMIT 1")                    \
    X(ENDED_FORGET, "DELETE FROM ended")                                                           \
    X(NAME_GET, "SELECT slot FROM subject_name WHERE mac=?1")                                      \
    X(NAME_PUT, "INSERT INTO subject_name VALUES(?1,?2)"                                           \
                " ON CONFLICT(mac) DO UPDATE SET slot=excluded.slot")                              \
    X(NAME_DELETE, "DELETE FROM subject_name WHERE slot=?1")                                       \
    X(NAME_FORGET, "DELETE FROM subject_name WHERE mac=?1 AND slot=?2")                            \
    X(NAME_COUNT, "SELECT count(*) FROM subject_name WHERE slot=?1")                               \
    X(AGG_ADD, "INSERT INTO agg VALUES(?1,?2,?3,?4)"                                               \
               " ON CONFLICT(class,created_day,due_day) DO UPDATE SET n=n+excluded.n")             \
    X(AGG_TRIM, "DELETE FROM agg WHERE class=?1 AND created_day=?2 AND due_day=?3 AND n=0")        \
    X(AGG_ALL, "SELECT created_day,due_day,n FROM agg WHERE class=?1")                             \
    X(FLOW_ADD, "INSERT INTO flow VALUES(?1,?2,?3,?4)"                                             \
                " ON CONFLICT(class,day,reason) DO UPDATE SET n=n+excluded.n")                     \
    X(FLOW_SUMS, "SELECT reason,sum(n) FROM flow WHERE class=?1 AND day>=?2 AND day<?3"            \
                 " GROUP BY reason")                                                               \
    X(FLOW_EACH, "SELECT day,reason,n FROM flow WHERE class=?1 AND day>=?2 AND day<?3"             \
                 " ORDER BY day,reason")                                                           \
    X(EVENT_PUT, "INSERT INTO subject_event VALUES(?1,?2,?3,?4,?5,0) ON CONFLICT(slot,name)"       \
                 " DO UPDATE SET at=excluded.at,recorded=excluded.recorded,"                       \
                 "corrections=excluded.corrections")                                               \
    X(EVENT_GET, "SELECT at,corrections FROM subject_event WHERE slot=?1 AND name=?2")             \
    X(EVENT_NEXT, "SELECT name,at,recorded,corrections FROM subject_event WHERE slot=?1"           \
                  " AND name>?2 ORDER BY name LIMIT 1")                                            \
    X(EVENTS_MOVE, "INSERT OR REPLACE INTO subject_event SELECT ?2,name,at,recorded,corrections,"  \
                   "pending FROM subject_event WHERE slot=?1")                                     \
    X(EVENTS_DELETE, "DELETE FROM subject_event WHERE slot=?1")                                    \
    X(EVENT_MARK, "SELECT ifnull(max(pending),0) FROM subject_event WHERE slot=?1")                \
    X(EVENT_SET_PENDING, "UPDATE subject_event SET pending=1+(SELECT max(pending) FROM"            \
                         " subject_event WHERE slot=?1) WHERE slot=?1 AND name=?2")                \
    X(EVENT_SETTLE, "UPDATE subject_event SET pending=0 WHERE slot=?1 AND pending<=?2"             \
                    " AND pending>0")                                                              \
    X(EVENT_PENDING, "SELECT slot FROM subject_event WHERE pending>0 AND slot>?1 ORDER BY slot"    \
                     " LIMIT 1")                                                                   \
    X(STARTED_ADD, "INSERT INTO started VALUES(?1,?2,?3)"                                          \
                   " ON CONFLICT(class,day) DO UPDATE SET n=n+excluded.n")                         \
    X(STARTED_TRIM, "DELETE FROM started WHERE class=?1 AND day=?2 AND n=0")                       \
    X(UNSTARTED, "SELECT ifnull(sum(n),0),ifnull(min(day),0) FROM(SELECT a.created_day day,sum(a.n)" \
                 "-ifnull((SELECT s.n FROM started s WHERE s.class=?1 AND s.day=a.created_day),0)n" \
                 " FROM agg a WHERE a.class=?1 GROUP BY a.created_day)WHERE n>0")                  \
    X(ERASURE_ADD, "INSERT OR REPLACE INTO erasure VALUES(?1,?2,?3,?4,?5,?6,?7,?8)")               \
    X(ERASURE_DELETE, "DELETE FROM erasure WHERE slot=?1")                                         \
    X(ERASURE_NEXT, "SELECT slot,id,subject,seq,cutoff,begun,domain,note FROM erasure WHERE seq>?1" \
                    " ORDER BY seq LIMIT 1")                                                       \
    X(ERASURE_BEFORE, "SELECT slot,id,subject,seq,cutoff,begun,domain,note FROM erasure"           \
                      " WHERE seq<?1 ORDER BY seq DESC LIMIT 1")                                   \
    X(SWEPT_ADD, "INSERT INTO swept VALUES(?1,?2,?3)"                                              \
                 " ON CONFLICT(slot,class) DO UPDATE SET n=n+excluded.n")                          \
    X(SWEPT_ALL, "SELECT class,n FROM swept WHERE slot=?1")                                        \
    X(SWEPT_DELETE, "DELETE FROM swept WHERE slot=?1")                                             \
    X(RECEIPT_PUT, "INSERT OR REPLACE INTO receipt VALUES(?1,?2,?3,?4)")                           \
    X(RECEIPT_GET, "SELECT body FROM receipt WHERE id=?1")                                         \
    X(RECEIPT_NEXT, "SELECT seq,id,begun FROM receipt WHERE seq>?1 ORDER BY seq LIMIT 1")          \
    X(RECEIPT_BEFORE, "SELECT seq,id,begun FROM receipt WHERE seq<?1 ORDER BY seq DESC LIMIT 1")   \
    X(RECEIPT_COUNT, "SELECT count(*) FROM receipt WHERE begun>=?1 AND begun<?2")                  \
    X(RECEIPT_LAST, "SELECT seq,id,begun FROM receipt WHERE begun>=?1 AND begun<?2"                \
                    " ORDER BY begun DESC,seq DESC LIMIT 1 OFFSET ?3")                             \
    X(PURGE_COUNT, "INSERT INTO purge_run VALUES(?1,?2,?3,?4,?5) ON CONFLICT(run,class) DO UPDATE" \
                   " SET purged=purged+excluded.purged,batches=batches+excluded.batches,"          \
                   "delay=max(delay,excluded.delay)")                                              \
    X(PURGE_NEXT, "SELECT run,class,purged,batches,delay FROM purge_run"                           \
                  " WHERE (run,class)>(?1,?2) ORDER BY run,class LIMIT 1")                         \
    X(PURGE_FORGET, "DELETE FROM purge_run WHERE run<?1")                                          \
    X(FORESEEN_PUT, "INSERT OR REPLACE INTO purge_foreseen VALUES(?1,?2,?3,?4,?5,?6)")             \
    X(FORESEEN_GET, "SELECT at,leapt,created,purged,due FROM purge_foreseen WHERE class=?1")       \
    X(FORESEEN_ALLOW, "UPDATE purge_foreseen SET created=created-?2 WHERE class=?1")               \
    X(PAUSE_PUT, "INSERT OR IGNORE INTO purge_pause VALUES(?1,?2,?3,?4,?5)")                       \
    X(PAUSE_DELETE, "DELETE FROM purge_pause WHERE class=?1")                                      \
    X(PAUSE_NEXT, "SELECT class,why,at,due,forecast FROM purge_pause WHERE class>?1"               \
                  " ORDER BY class LIMIT 1")                                                       \
    X(PART_PUT, "INSERT INTO part VALUES(?1,?2,?3,?4,0,?5)")                                       \
    X(PART_GET, "SELECT slot,target,begun,newer,ended,note FROM part WHERE slot=?1")               \
    X(PART_NEXT, "SELECT slot,target,begun,newer,ended,note FROM part WHERE slot>?1"               \
                 " ORDER BY slot LIMIT 1")                                                         \
    X(PART_AT, "SELECT slot,target,begun,newer,ended,note FROM part"                               \
               " WHERE (slot=?1 OR target=?1) AND ended=0 LIMIT 1")                                \
    X(PART_END, "UPDATE part SET ended=1 WHERE slot=?1")                                           \
    X(PART_DELETE, "DELETE FROM part WHERE slot=?1")                                               \
    X(PART_SCOPE_PUT, "INSERT OR REPLACE INTO part_scope VALUES(?1,?2)")                           \
    X(PART_SCOPE_GET, "SELECT classes FROM part_scope WHERE slot=?1")                              \
    X(PART_SCOPE_DELETE, "DELETE FROM part_scope WHERE slot=?1")                                   \
    X(PART_COUNT, "SELECT count(*) FROM part")                                                     \
    X(KEPT_PUT, "INSERT OR REPLACE INTO kept VALUES(?1,?2,?3,?4,?5,?6,?7,?8,0)")                   \
    X(KEPT_ADD, "UPDATE kept SET n=n+?3,next=min(next,?4),until=max(until,?5)"                     \
                " WHERE slot=?1 AND class=?2")                                                     \
    X(KEPT_NEXT, "SELECT slot,class,code,law,until,next,cutoff,rule,n FROM kept"                   \
                 " WHERE (slot,class)>(?1,?2) ORDER BY slot,class LIMIT 1")                        \
    X(KEPT_SUM, "SELECT count(*),sum(n),min(next) FROM kept WHERE class=?1 AND n>0")               \
    X(KEPT_DELETE, "DELETE FROM kept WHERE slot=?1")                                               \
    X(KEPT_FORGET, "DELETE FROM kept WHERE slot=?1 AND class=?2")                                  \
    X(KEPT_TRIM, "DELETE FROM kept WHERE slot=?1 AND n=0")                                         \
    X(NAMES_MOVE, "UPDATE subject_name SET slot=?2 WHERE slot=?1")                                 \
    X(HOLD_ADD, "INSERT INTO hold(id,slot,subject,class,code,ground,owner,set_at,set_by,review,"   \
                "lifted_at,lifted_by,why) VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,0,'','')"          \
                " ON CONFLICT(id) DO NOTHING")                                                     \
    X(HOLD_LIFT, "UPDATE hold SET lifted_at=?2,lifted_by=?3,why=?4 WHERE id=?1 AND lifted_at=0")   \
    X(HOLD_NEXT, "SELECT number,id,slot,subject,class,code,ground,owner,set_at,set_by,review,"     \
                 "lifted_at,lifted_by,why FROM hold WHERE number>?1 ORDER BY number LIMIT 1")      \
    X(HOLD_OPEN, "SELECT slot,class FROM hold WHERE lifted_at=0")                                  \
    X(HOLD_FOLLOW, "UPDATE hold SET slot=?2,subject=?3 WHERE slot=?1 AND lifted_at=0")             \
    X(HOLD_COUNT, "SELECT count(*) FROM hold WHERE lifted_at=0")                                   \
    X(HOLD_ON, "SELECT EXISTS(SELECT 1 FROM hold WHERE lifted_at=0 AND slot=?1 AND class=?2)")     \
    X(RESTRICT_ADD, "INSERT INTO restriction(id,slot,subject,ground,set_at,set_by,review,notice,"  \
                    "lifted_at,lifted_by) VALUES(?1,?2,?3,?4,?5,?6,?7,0,0,'')"                     \
                    " ON CONFLICT(id) DO NOTHING")                                                 \
    X(RESTRICT_LIFT, "UPDATE restriction SET lifted_at=?2,lifted_by=?3,notice=?4"                  \
                     " WHERE slot=?1 AND lifted_at=0")                                            \
    X(RESTRICT_LIFT_ONE, "UPDATE restriction SET lifted_at=?2,lifted_by=?3,notice=?4"              \
                         " WHERE slot=?1 AND lifted_at=0 AND id=?5")                               \
    X(RESTRICT_ID, "SELECT id FROM restriction WHERE number=?1 AND slot=?2 AND lifted_at=0")       \
    X(RESTRICT_COPY, "INSERT INTO restriction(id,slot,subject,ground,set_at,set_by,review,notice,"  \
                     "lifted_at,lifted_by) SELECT randomblob(16),?2,?3,ground,set_at,set_by,review," \
                     "notice,0,'' FROM restriction WHERE slot=?1 AND lifted_at=0 AND number<>?4")   \
    X(RESTRICT_NEXT, "SELECT number,slot,subject,ground,set_at,set_by,review,notice,lifted_at,"    \
                     "lifted_by FROM restriction WHERE number>?1 ORDER BY number LIMIT 1")         \
    X(RESTRICT_OPEN, "SELECT slot,ground FROM restriction WHERE lifted_at=0")                      \
    X(RESTRICT_ON, "SELECT ground FROM restriction WHERE lifted_at=0 AND slot=?1")                 \
    X(RESTRICT_COUNT, "SELECT count(*) FROM(SELECT slot FROM restriction WHERE lifted_at=0"        \
                      " UNION SELECT slot FROM waiting UNION SELECT slot FROM kept)")              \
    X(WAITING_ADD, "INSERT INTO waiting VALUES(?1,?2,?3,?4,?5,?6) ON CONFLICT(slot) DO UPDATE"     \
                   " SET note=excluded.note WHERE length(waiting.note)=0")                         \
    X(WAITING_NEXT, "SELECT slot,id,subject,domain,asked,note FROM waiting WHERE slot>?1"          \
                    " ORDER BY slot LIMIT 1")                                                      \
    X(WAITING_DELETE, "DELETE FROM waiting WHERE slot=?1")                                         \
    X(WAITING_COUNT, "SELECT count(*) FROM waiting")                                               \
    X(OBJECT_ADD, "INSERT INTO objection(slot,subject,hash,purpose,set_at,set_by,withdrawn_at,"    \
                  "withdrawn_by) VALUES(?1,?2,?3,?4,?5,?6,0,'')")                                  \
    X(OBJECT_END, "UPDATE objection SET withdrawn_at=?3,withdrawn_by=?4"                           \
                  " WHERE slot=?1 AND hash=?2 AND withdrawn_at=0")                                 \
    X(OBJECT_END_ALL, "UPDATE objection SET withdrawn_at=?2,withdrawn_by=?3"                       \
                      " WHERE slot=?1 AND withdrawn_at=0")                                         \
    X(OBJECT_COPY, "INSERT INTO objection(slot,subject,hash,purpose,set_at,set_by,withdrawn_at,"    \
                   "withdrawn_by) SELECT ?2,?3,hash,purpose,set_at,set_by,0,'' FROM objection"      \
                   " WHERE slot=?1 AND withdrawn_at=0")                                             \
    X(OBJECT_NAME, "UPDATE objection SET purpose=?2 WHERE hash=?1 AND purpose=''")                 \
    X(OBJECT_NEXT, "SELECT number,slot,subject,hash,purpose,set_at,set_by,withdrawn_at,"           \
                   "withdrawn_by FROM objection WHERE number>?1 ORDER BY number LIMIT 1")          \
    X(OBJECT_OPEN, "SELECT slot,hash,purpose FROM objection WHERE withdrawn_at=0")                 \
    X(OBJECT_OF, "SELECT slot,hash,purpose FROM objection WHERE withdrawn_at=0 AND slot=?1")       \
    X(OBJECT_ON, "SELECT coalesce(max(number),0) FROM objection WHERE withdrawn_at=0 AND slot=?1"  \
                 " AND hash=?2")                                                                   \
    X(OBJECT_COUNT, "SELECT count(*) FROM objection WHERE withdrawn_at=0")                         \
    X(CONSENT_ADD, "INSERT INTO consent(slot,subject,hash,purpose,withdrawn,at,recorded,channel,"  \
                   "version,set_by,ended,done) VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,0,0)")        \
    X(CONSENT_NAME, "UPDATE consent SET purpose=?2 WHERE hash=?1 AND purpose=''")                  \
    X(CONSENT_UNNAMED, "SELECT EXISTS(SELECT 1 FROM consent WHERE purpose=''"                      \
                       " UNION ALL SELECT 1 FROM objection WHERE purpose='')")                     \
    X(CONSENT_END, "UPDATE consent SET ended=?2 WHERE slot=?1 AND hash=?3 AND ended=0")            \
    X(CONSENT_END_ALL, "UPDATE consent SET ended=?2 WHERE slot=?1 AND ended=0")                    \
    X(CONSENT_DONE, "UPDATE consent SET done=?2 WHERE number=?1 AND done=0 AND ended=0")           \
    X(CONSENT_NEXT, "SELECT number,slot,subject,purpose,withdrawn,at,recorded,channel,version,"    \
                    "set_by,ended,done FROM consent WHERE number>?1 ORDER BY number LIMIT 1")      \
    X(CONSENT_PENDING, "SELECT number,slot,subject,purpose,withdrawn,at,recorded,channel,version," \
                       "set_by,ended,done FROM consent WHERE ended=0 AND withdrawn=1 AND done=0"   \
                       " AND number>?1 ORDER BY number LIMIT 1")                                   \
    X(CONSENT_ON, "SELECT withdrawn FROM consent WHERE slot=?1 AND ?2=1 AND hash=?3 AND ended=0")  \
    X(CONSENT_OPEN, "SELECT slot,hash,purpose FROM consent WHERE ended=0 AND withdrawn=1"          \
                    " AND (slot=?1 OR ?1=0)")                                                      \
    X(CONSENT_COUNT, "SELECT count(*) FROM consent WHERE ended=0 AND withdrawn=1")                 \
    X(CONSENT_SUM, "SELECT coalesce(sum(n) FILTER(WHERE withdrawn=0),0),"                          \
                   "coalesce(sum(n) FILTER(WHERE withdrawn=1),0),"                                 \
                   "coalesce(sum(n) FILTER(WHERE withdrawn=1 AND done=0),0)"                       \
                   " FROM consent_sum WHERE purpose=?1")                                           \
    X(CONSENT_COPY, "INSERT INTO consent(slot,subject,hash,purpose,withdrawn,at,recorded,channel," \
                    "version,set_by,ended,done) SELECT ?2,?3,hash,purpose,withdrawn,at,recorded,"  \
                    "channel,version,set_by,0,done FROM consent WHERE slot=?1 AND ended=0")        \
    X(RECORDS_FOLLOW, "UPDATE record SET slot=?2,version=version+1 WHERE slot=?1"                  \
                      " AND kind IN (1,5) AND NOT (kind=1 AND number=?3)")                         \
    X(CANARY_PUT, "INSERT OR IGNORE INTO canary VALUES(?1)")                                       \
    X(CANARY_NEXT, "SELECT slot FROM canary WHERE slot>?1 ORDER BY slot LIMIT 1")                  \
    X(INCIDENT_ADD, "INSERT INTO incident(at,kind,caller,subject,request,closed)"                  \
                    " VALUES(?1,?2,?3,?4,?5,0)")                                                   \
    X(INCIDENT_CLOSE, "UPDATE incident SET closed=?2 WHERE caller=?1 AND closed=0")                \
    X(INCIDENT_NEXT, "SELECT id,at,kind,caller,subject,request,closed FROM incident WHERE id>?1"   \
                     " ORDER BY id LIMIT 1")                                                       \
    X(RULE_ADD, "INSERT INTO rule_version VALUES(?1,?2,?3,?4,?5,?6,?7)")                           \
    X(RULE_NEXT, "SELECT class,version,since,today,timing,config,body FROM rule_version"           \
                 " WHERE (class,version)>(?1,?2) ORDER BY class,version LIMIT 1")                  \
    X(RULE_LAST, "SELECT class,version,since,today,timing,config,body FROM rule_version"           \
                 " WHERE class=?1 ORDER BY version DESC LIMIT 1")                                  \
    X(RULE_APPLIED_GET, "SELECT version FROM rule_applied WHERE class=?1")                         \
    X(RULE_APPLIED_PUT, "INSERT INTO rule_applied VALUES(?1,?2)"                                   \
                        " ON CONFLICT(class) DO UPDATE SET version=excluded.version")              \
    X(SEEN_PUT, "INSERT INTO seen VALUES(?1,?2,?3)"                                                \
                " ON CONFLICT(quota,subject) DO UPDATE SET until=excluded.until")                  \
    X(SEEN_TRIM, "DELETE FROM seen WHERE until<=?1")                                               \
    X(SEEN_ALL, "SELECT quota,subject,until FROM seen WHERE until>?1 ORDER BY until")              \
    X(RECORD_NUMBER, "INSERT INTO record_last VALUES(?1,1)"                                        \
                     " ON CONFLICT(kind) DO UPDATE SET number=number+1 RETURNING number")          \
    X(RECORD_ADD, "INSERT INTO record(" STORE_RECORD_COLUMNS ")"                                   \
                  " VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11)")                                   \
    X(RECORD_CHANGE, "UPDATE record SET slot=?3,changed=?4,due=?5,state=?6,version=?7,body=?8"     \
                     " WHERE kind=?1 AND number=?2")                                               \
    X(RECORD_FORGET, "DELETE FROM record WHERE rowid IN(SELECT rowid FROM record WHERE kind=?1"    \
                     " AND changed<?3 AND ?2>>state&1 ORDER BY number LIMIT ?4)")                  \
    X(RECORD_GET, "SELECT " STORE_RECORD_COLUMNS " FROM record WHERE kind=?1 AND number=?2")       \
    X(RECORD_BY_ID, "SELECT " STORE_RECORD_COLUMNS " FROM record WHERE kind=?1 AND id=?2")         \
    X(RECORD_BY_KEY, "SELECT " STORE_RECORD_COLUMNS " FROM record WHERE kind=?1 AND key=?2")       \
    X(RECORD_LAST, "SELECT " STORE_RECORD_COLUMNS " FROM record WHERE kind=?1"                     \
                   " ORDER BY number DESC LIMIT 1")                                                \
    X(RECORD_NEXT, "SELECT " STORE_RECORD_COLUMNS " FROM record WHERE kind=?1 AND number>?3"       \
                   " AND ?2>>state&1 ORDER BY number LIMIT 1")                                     \
    X(RECORD_NEXT_OF, "SELECT " STORE_RECORD_COLUMNS " FROM record WHERE slot=?4 AND slot>0"       \
                      " AND kind=?1 AND number>?3 AND ?2>>state&1 ORDER BY number LIMIT 1")        \
    X(RECORD_NEXT_DUE, "SELECT " STORE_RECORD_COLUMNS " FROM record WHERE kind=?1"                 \
                       " AND (due,number)>(?3,?4) AND due<=?2 AND due>0"                           \
                       " ORDER BY due,number LIMIT 1") /* the first bound is where it begins */    \
    X(RECORD_NEXT_MADE, "SELECT " STORE_RECORD_COLUMNS " FROM record WHERE kind=?1 AND at<?2"      \
                        " AND (at,number)>(?3,?4) ORDER BY at,number LIMIT 1")                     \
    X(RECORD_COUNT, "SELECT state,count(*) FROM record WHERE kind=?1 GROUP BY state")              \
    X(RECORD_COUNT_DUE, "SELECT count(*) FROM record WHERE kind=?1 AND due>0 AND due<=?2")         \
    X(RENEWED_PUT, "INSERT OR REPLACE INTO renewed VALUES(?1,?2,?3,?4,?5)")                        \
    X(RENEWED_GET, "SELECT old,old_salt,new,new_salt FROM renewed WHERE class=?1 AND old=?2")      \
    X(RENEWED_OF, "SELECT old,old_salt,new,new_salt FROM renewed WHERE class=?1 AND new=?2")       \
    X(RENEWED_NEXT, "SELECT old,old_salt,new,new_salt FROM renewed WHERE class=?1 AND old>?2"      \
                    " ORDER BY old LIMIT 1")                                                       \
    X(RENEWED_FORGET, "DELETE FROM renewed WHERE class=?1 AND old IN(SELECT old FROM renewed"      \
                      " WHERE class=?1 ORDER BY old LIMIT ?2)")                                    \
    X(RENEWED_ANY, "SELECT EXISTS(SELECT 1 FROM renewed)")

/* What binds values of a class, one statement for all people whom it binds. */
#define SQL_HELD_WHOLE                                                                             \
    "SELECT EXISTS(SELECT 1 FROM hold WHERE lifted_at=0 AND slot=0 AND class IN(0,$))"
#define SQL_HELD                                                                                   \
    "SELECT count(*),coalesce(sum(v.due<=?1),0) FROM(SELECT DISTINCT slot FROM hold"               \
    " WHERE lifted_at=0 AND class IN(0,$)) h CROSS JOIN val_$ v ON v.subj=h.slot"
#define SQL_RESTRICTED                                                                             \
    "SELECT count(*) FROM(SELECT slot FROM restriction WHERE lifted_at=0 UNION SELECT slot"        \
    " FROM waiting UNION SELECT slot FROM kept WHERE class=$) r"                                   \
    " WHERE EXISTS(SELECT 1 FROM val_$ WHERE subj=r.slot)"

/* Statements on the tables of a class: random, deterministic; $ stands for the class id. */
#define STORE_CLASS_STATEMENTS(X)                                                                  \
    X(ROW_ADD, "INSERT INTO val_$(id,subj,created,due,salt,ct) VALUES(?1,?2,?3,?4,?5,?6)",         \
               "INSERT INTO val_$(id,tok,subj,created,due,ct,rev) VALUES(?1,?2,?3,?4,?5,?6,?7)")   \
    X(ROW_GET, "SELECT subj,created,due,salt,ct,rev,start FROM val_$ WHERE id=?1", NULL)                 \
    X(ROWS_OF, "SELECT subj,created,due,salt,ct,rev,start,id,0 FROM val_$ WHERE subj=?1",          \
               "SELECT v.subj,v.created,v.due,d.salt,v.ct,v.rev,v.start,v.id,v.tok"                        \
               " FROM val_$ v CROSS JOIN det_$ d ON d.tok=v.tok WHERE v.subj=?1")                  \
    X(ROW_AFTER, "SELECT subj,created,due,salt,ct,rev,start,id,0 FROM val_$ WHERE subj=?1 AND id>?2"     \
                 " ORDER BY id LIMIT 1",                                                           \
                 "SELECT v.subj,v.created,v.due,d.salt,v.ct,v.rev,v.start,v.id,v.tok"                      \
                 " FROM val_$ v CROSS JOIN det_$ d ON d.tok=v.tok WHERE v.subj=?1 AND v.id>?2"     \
                 " ORDER BY v.id LIMIT 1")                                                         \
    X(ROW_MOVE, "UPDATE val_$ SET subj=?2,rev=?3,ct=?4 WHERE id=?1",                               \
                "UPDATE val_$ SET subj=?2,rev=?3,ct=?4 WHERE id=?1")                               \
    X(OWNERS, NULL, "SELECT v.subj,v.created,v.due,d.salt,v.ct,v.rev,v.start,v.id,v.tok"                   \
                    " FROM det_$ d CROSS JOIN val_$ v ON v.tok=d.tok WHERE d.tok=?1")              \
    X(OWNER_GET, NULL, "SELECT v.subj,v.created,v.due,d.salt,v.ct,v.rev,v.start,v.id,v.tok"                \
                       " FROM det_$ d CROSS JOIN val_$ v ON v.tok=d.tok"                           \
                       " WHERE d.tok=?1 AND v.subj=?2 ORDER BY v.due DESC LIMIT 1")                \
    X(SHARED_FIND, NULL, "SELECT tok,salt FROM det_$ WHERE fp=?1")                                 \
    X(SHARED_ADD, NULL, "INSERT INTO det_$(tok,salt,fp) VALUES(?1,?2,?3)")                         \
    X(SHARED_REVISE, NULL, "UPDATE det_$ SET fp=?2 WHERE tok=?1")                                  \
    X(REVISE, "UPDATE val_$ SET rev=?2,ct=?3 WHERE id=?1",                                         \
              "UPDATE val_$ SET rev=?2,ct=?3 WHERE id=?1")                                         \
    X(START, "UPDATE val_$ SET start=?2 WHERE id=?1", "UPDATE val_$ SET start=?2 WHERE id=?1")     \
    X(ROW_AT, "SELECT subj,created,due,salt,ct,rev,start,id,0 FROM val_$ WHERE id=?1",             \
              "SELECT v.subj,v.created,v.due,d.salt,v.ct,v.rev,v.start,v.id,v.tok"                 \
              " FROM val_$ v CROSS JOIN det_$ d ON d.tok=v.tok WHERE v.id=?1")                     \
    X(TIMERS, "SELECT id,subj,created,due,start FROM val_$ WHERE id>?1 ORDER BY id LIMIT ?2",      \
              "SELECT id,subj,created,due,start FROM val_$ WHERE id>?1 ORDER BY id LIMIT ?2")      \
    X(TIMERS_OF, "SELECT id,subj,created,due,start FROM val_$ WHERE subj=?3 AND id>?1"             \
                 " ORDER BY id LIMIT ?2",                                                          \
                 "SELECT id,subj,created,due,start FROM val_$ WHERE subj=?3 AND id>?1"             \
                 " ORDER BY id LIMIT ?2")                                                          \
    X(RETIME, "UPDATE val_$ SET due=?2,start=?3,rev=?4,ct=?5 WHERE id=?1",                         \
              "UPDATE val_$ SET due=?2,start=?3,rev=?4,ct=?5 WHERE id=?1")                         \
    X(SHARED_DELETE, NULL, "DELETE FROM det_$ WHERE tok=?1")                                       \
    X(SHARED_TRIM, NULL, "DELETE FROM det_$ WHERE tok=?1"                                          \
                         " AND NOT EXISTS(SELECT 1 FROM val_$ WHERE tok=?1)")                      \
    X(COUNT, "SELECT count(*) FROM val_$ WHERE subj=?1 AND due>?2",                                \
             "SELECT count(*) FROM val_$ WHERE subj=?1 AND due>?2")                                \
    X(HELD_WHOLE, SQL_HELD_WHOLE, SQL_HELD_WHOLE)                                                  \
    X(HELD, SQL_HELD, SQL_HELD)                                                                    \
    X(RESTRICTED, SQL_RESTRICTED, SQL_RESTRICTED)                                                  \
    X(ROWS_ALL, "SELECT created,due FROM val_$", "SELECT created,due FROM val_$")                  \
    X(OWNERS_ALL, "SELECT DISTINCT subj FROM val_$ ORDER BY subj",                                 \
                  "SELECT DISTINCT subj FROM val_$ ORDER BY subj")                                 \
    X(HAS, "SELECT EXISTS(SELECT 1 FROM val_$ WHERE subj=?1)",                                     \
           "SELECT EXISTS(SELECT 1 FROM val_$ WHERE subj=?1)")                                     \
    X(LAST, "SELECT id,due FROM val_$ ORDER BY id DESC LIMIT 1",                                   \
            "SELECT id,due FROM val_$ ORDER BY id DESC LIMIT 1")                                   \
    X(DELETE_OF, "DELETE FROM val_$ WHERE id IN(SELECT id FROM val_$ WHERE subj=?1 LIMIT ?2)"      \
                 " RETURNING id,subj,created,due,start",                                                  \
                 "DELETE FROM val_$ WHERE id IN(SELECT id FROM val_$ WHERE subj=?1 LIMIT ?2)"      \
                 " RETURNING tok,subj,created,due,start")                                                \
    X(DUE_AFTER, "SELECT id,subj,due FROM val_$ WHERE id>?1 ORDER BY id LIMIT ?2",                 \
                 "SELECT id,subj,due FROM val_$ WHERE id>?1 ORDER BY id LIMIT ?2")                 \
    X(DUE_SAME, "SELECT id,subj,due FROM val_$ WHERE due=?3 AND id>?1 ORDER BY id LIMIT ?2",       \
                "SELECT id,subj,due FROM val_$ WHERE due=?3 AND id>?1 ORDER BY id LIMIT ?2")       \
    X(DUE_LATER, "SELECT id,subj,due FROM val_$ WHERE due>?1 AND due<=?3 ORDER BY due,id LIMIT ?2", \
                 "SELECT id,subj,due FROM val_$ WHERE due>?1 AND due<=?3 ORDER BY due,id LIMIT ?2") \
    X(DELETE_ROW, "DELETE FROM val_$ WHERE id=?1 RETURNING id,subj,created,due,start",                    \
                  "DELETE FROM val_$ WHERE id=?1 RETURNING tok,subj,created,due,start")                  \
    X(DELETE_DUE, "DELETE FROM val_$ WHERE id IN(SELECT id FROM(SELECT id,due FROM val_$"          \
                  " ORDER BY id LIMIT 500) WHERE due<=?1 LIMIT ?2)"                                \
                  " RETURNING id,subj,created,due,start",                                                 \
                  "DELETE FROM val_$ WHERE id IN(SELECT id FROM(SELECT id,due FROM val_$"          \
                  " ORDER BY id LIMIT 500) WHERE due<=?1 LIMIT ?2)"                                \
                  " RETURNING tok,subj,created,due,start")                                               \
    X(DELETE_DUE_INDEX, "DELETE FROM val_$ WHERE id IN(SELECT id FROM val_$ WHERE due<=?1"         \
                        " ORDER BY due LIMIT ?2) RETURNING id,subj,created,due,start",                    \
                        "DELETE FROM val_$ WHERE id IN(SELECT id FROM val_$ WHERE due<=?1"         \
                        " ORDER BY due LIMIT ?2) RETURNING tok,subj,created,due,start")                  \
    X(NUMBERS, "SELECT id FROM val_$ WHERE id<?1 ORDER BY id DESC LIMIT ?2",                       \
               "SELECT tok FROM det_$ WHERE tok<?1 ORDER BY tok DESC LIMIT ?2")                    \
    X(OWNERS_AFTER, NULL, "SELECT id,subj FROM val_$ WHERE tok=?1 AND (subj,id)>(?2,?3)"           \
                          " ORDER BY subj,id LIMIT ?4")                                            \
    X(RENEW, "UPDATE val_$ SET id=?2,salt=?3,rev=?4,ct=?5 WHERE id=?1",                            \
             "UPDATE val_$ SET tok=?2,rev=?4,ct=?5 WHERE id=?1")                                   \
    X(RENEWED_TRIM, "DELETE FROM renewed WHERE class=$ AND new=?1",                                \
                    "DELETE FROM renewed WHERE class=$ AND new=?1"                                 \
                    " AND NOT EXISTS(SELECT 1 FROM val_$ WHERE tok=?1)")                           \
    X(RENEWED_EACH, "SELECT old,NOT EXISTS(SELECT 1 FROM val_$ WHERE id=r.new)"                    \
                    " FROM renewed r WHERE r.class=$",                                             \
                    "SELECT old,NOT EXISTS(SELECT 1 FROM val_$ WHERE tok=r.new)"                   \
                    " FROM renewed r WHERE r.class=$")                                             \
    X(RENEWED_LEFT, "SELECT count(*) FROM renewed WHERE class=$ AND new=?1"                        \
                    " AND NOT EXISTS(SELECT 1 FROM val_$ WHERE id=?1)",                            \
                    "SELECT count(*) FROM renewed WHERE class=$ AND new=?1"                        \
                    " AND NOT EXISTS(SELECT 1 FROM val_$ WHERE tok=?1)")                           \
    X(RENEWED_DROP, "DELETE FROM renewed WHERE class=$ AND old=?1"                                 \
                    " AND NOT EXISTS(SELECT 1 FROM val_$ WHERE id=renewed.new)",                   \
                    "DELETE FROM renewed WHERE class=$ AND old=?1"                                 \
                    " AND NOT EXISTS(SELECT 1 FROM val_$ WHERE tok=renewed.new)")
/* clang-format on */

enum store_statement {
#define X(name, sql) STORE_##name,
    STORE_STATEMENTS(X)
#undef X
        STORE_STATEMENT_COUNT
};

enum store_class_statement {
#define X(name, random, deterministic) STORE_##name,
    STORE_CLASS_STATEMENTS(X)
#undef X
        STORE_CLASS_STATEMENT_COUNT
};

/* Rows of a random class that wait to be inserted by one statement: a fifth cheaper than one by
 * one. They are inserted before any other statement on the class's table runs, and before the
 * commit. */
enum { STORE_PENDING_ROWS = 16, STORE_PENDING_BYTES = 1024 };

struct store_pending {
    size_t count;
    struct store_row rows[STORE_PENDING_ROWS]; /* sealed: into bytes */
    uint8_t bytes[STORE_PENDING_ROWS][STORE_PENDING_BYTES];
};

/* What a connection has for one class. */
struct store_class_statements {
    sqlite3_stmt *at[STORE_CLASS_STATEMENT_COUNT];
    sqlite3_stmt *add_many;
    struct store_pending *pending;
};

struct store {
    sqlite3 *db;
    sqlite3_stmt *held; /* stands on a row; keeps a reader's snapshot until the next statement */
    bool reading;       /* between store_read_begin() and store_read_end() */
    bool looked;        /* ... and a look-up was made: the next one wants a transaction */
    bool begun;         /* ... which was begun */
    bool failed;
    int wal_pages;
    atomic_uint *commits;                               /* NULL: nobody asks */
    const struct store_class *waiting[CLASSES_MAX + 1]; /* classes that have pending rows */
    size_t waiting_count;
    sqlite3_stmt *statements[STORE_STATEMENT_COUNT];
    struct store_class_statements *classes[CLASSES_MAX + 1];
};

/* A connection to a file that is there, configured. */
enum err store__connect(const char *path, enum store_role role, struct store **ret_store,
                        struct errmsg *msg) MUST_CHECK;
/* The name of the file layer that writers open with; once, before any connection. */
const char *store__log_layer(void);
/* Translate SQLite's result and remember that something failed. */
enum err store__error(struct store *s, int rc);
/* Say what SQLite has found wrong with the file, and what to do when it is damaged. */
#define STORE_REMEDY "restore a backup with `lethe restore`"
enum err store__say(enum err e, const char *path, const char *what, struct errmsg *msg);
/* A statement ready to be bound; NULL (and store_failed) when it cannot be prepared. Whatever row
 * was held before is let go. */
sqlite3_stmt *store__get(struct store *s, enum store_statement which);
sqlite3_stmt *store__get_class(struct store *s, const struct store_class *c,
                               enum store_class_statement which);
/* The same without regard to pending rows, and the one that inserts STORE_PENDING_ROWS of them. */
sqlite3_stmt *store__get_insert(struct store *s, const struct store_class *c);
sqlite3_stmt *store__get_insert_many(struct store *s, const struct store_class *c);
/* What this connection has for a class; made at first use. */
struct store_class_statements *store__class(struct store *s, const struct store_class *c);
void store__class_free(struct store *s, uint16_t id);
/* Insert what is pending, of one class or of all, or forget it. */
enum err store__flush_class(struct store *s, const struct store_class *c);
enum err store__flush(struct store *s);
void store__forget_pending(struct store *s);
/* Run a statement that returns no row (NULL: it could not be prepared). */
enum err store__run(struct store *s, sqlite3_stmt *stmt);
/* The same of a statement whose only parameter is a key slot. */
enum err store__run_slot(struct store *s, enum store_statement which, uint64_t slot);
/* Step to a row and hold it; NOT_FOUND when there is none. */
enum err store__row(struct store *s, sqlite3_stmt *stmt);
/* The same, and the number in its first column. */
enum err store__number(struct store *s, sqlite3_stmt *stmt, uint64_t *ret);
/* Run text that is not kept, class id put in for $ (0: none in it). */
enum err store__exec(struct store *s, const char *sql, unsigned class_id);

/* Binding cannot fail but by a mistake of ours: nothing is copied. */
static inline void bind_int(sqlite3_stmt *stmt, int at, int64_t n)
{
    REQUIRE(sqlite3_bind_int64(stmt, at, n) == SQLITE_OK);
}

static inline void bind_blob(sqlite3_stmt *stmt, int at, const void *bytes, size_t len)
{
    REQUIRE(sqlite3_bind_blob64(stmt, at, bytes, len, SQLITE_STATIC) == SQLITE_OK);
}

static inline void bind_text(sqlite3_stmt *stmt, int at, const char *text)
{
    REQUIRE(sqlite3_bind_text(stmt, at, text, -1, SQLITE_STATIC) == SQLITE_OK);
}

static inline uint64_t column_u64(sqlite3_stmt *stmt, int at)
{
    return (uint64_t)sqlite3_column_int64(stmt, at);
}

/* A column of exactly `len` bytes; false when it has another length. */
static inline bool column_bytes(sqlite3_stmt *stmt, int at, void *to, size_t len)
{
    const void *from = sqlite3_column_blob(stmt, at);

    if (from == NULL || sqlite3_column_bytes(stmt, at) != (int)len)
        return false;
    memcpy(to, from, len);
    return true;
}

/* A column's text and a NUL; false when there is none, or it does not fit. */
static inline bool column_text(sqlite3_stmt *stmt, int at, char *to, size_t size)
{
    const char *text = (const char *)sqlite3_column_text(stmt, at);
    const int len = sqlite3_column_bytes(stmt, at);

    if (text == NULL || len < 0 || (size_t)len >= size)
        return false;
    memcpy(to, text, (size_t)len);
    to[len] = '\0';
    return true;
}
