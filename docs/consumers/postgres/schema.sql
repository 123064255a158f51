-- What consumer.py and ../function/func.py write. As often as one likes.
create table if not exists events (
  source   text not null,       -- with id: what copies of an event have in common
  id       text not null,
  type     text,                -- com.oracle.opera.<module>.<action>
  key      text not null,       -- <hotel>/<module>/<primaryKey>
  subject  text,                -- the primaryKey, where there is one
  created  timestamp,           -- OPERA's own time, without a zone; null where it is none
  received timestamptz,         -- when OHIP answered: may be hours before it is stored here
  value    json not null,       -- byte for byte: jsonb refuses \u0000, which is valid JSON
  primary key (source, id)
);
create index if not exists events_by_key on events (source, key, created desc);

-- The newest event of each reservation, profile, block. By OPERA's time, because events can
-- arrive late; where that has no more than seconds, by the id.
create or replace view state as
select distinct on (source, key) * from events where subject is not null
order by source, key, created desc nulls last,
  case when id ~ '^[0-9]{1,100}$' then id::numeric end desc nulls last, id desc;

-- Where to read on: in the same transaction as the events before that.
create table if not exists offsets (
  topic text, partition integer, next bigint not null, primary key (topic, partition)
);

-- Records that cannot be stored as events, and why. Somebody should look at them.
create table if not exists rejects (
  place text primary key,       -- topic (or stream), partition, offset
  why text not null, key bytea, value bytea, at timestamptz not null default now()
);
