-- The tables of SQLite's schema (see there what each is for), all migrations in one. What differs, and why:
--
-- * No CHECK is missing and none is added: what is valid in one is valid in the other.
-- * Ids and keys sort by their bytes (COLLATE "C"), as in SQLite, whatever the database's language.
-- * Counts of milliseconds and numbers of events are BIGINT: PostgreSQL's INTEGER ends at two billion.
-- * Rows of durably_runs are rewritten at every step: a quarter of each page stays free for that, and no
--   column that a step changes is in an index, so that no index is written at a step.
-- * Events are numbered by a sequence, and not by the order of the rows: see durably_newest_event.

CREATE TABLE durably_runs (
  id                    TEXT COLLATE "C" NOT NULL PRIMARY KEY,
  job_name              TEXT COLLATE "C" NOT NULL,
  status                TEXT COLLATE "C" NOT NULL DEFAULT 'pending'
                        CHECK (status IN ('pending', 'leased', 'completed', 'failed', 'cancelled')),
  labels                TEXT NOT NULL DEFAULT '{}',
  idempotency_key       TEXT COLLATE "C" CHECK (idempotency_key <> ''),
  concurrency_key       TEXT COLLATE "C" CHECK (concurrency_key <> ''),
  current_step_index    INTEGER NOT NULL DEFAULT 0,
  completed_step_count  INTEGER NOT NULL DEFAULT 0,
  progress              TEXT,
  error                 TEXT,
  error_type            TEXT,
  error_traceback       TEXT,
  failed_step_name      TEXT,
  attempt               INTEGER NOT NULL DEFAULT 0,
  lease_owner           TEXT,
  lease_expires_at      BIGINT,
  lease_generation      BIGINT NOT NULL DEFAULT 0,
  started_at            BIGINT,
  completed_at          BIGINT,
  created_at            BIGINT NOT NULL,
  updated_at            BIGINT NOT NULL,
  attempts_since_step   INTEGER NOT NULL DEFAULT 0,
  retriggered_from      TEXT,
  CHECK ((lease_owner IS NULL) = (lease_expires_at IS NULL)),
  CHECK (status <> 'leased' OR lease_owner IS NOT NULL),
  CHECK (status NOT IN ('pending', 'completed', 'failed') OR lease_owner IS NULL),
  CHECK ((completed_at IS NOT NULL) = (status IN ('completed', 'failed', 'cancelled'))),
  CHECK ((error IS NOT NULL) = (status = 'failed'))
) WITH (fillfactor = 75);

CREATE INDEX durably_runs_by_status ON durably_runs (status, id);
CREATE INDEX durably_runs_by_job ON durably_runs (job_name, id);
CREATE UNIQUE INDEX durably_runs_waiting_key ON durably_runs (job_name, concurrency_key)
  WHERE status = 'pending' AND attempt = 0 AND concurrency_key IS NOT NULL;
CREATE INDEX durably_runs_key_holders ON durably_runs (concurrency_key)
  WHERE concurrency_key IS NOT NULL AND lease_owner IS NOT NULL;
CREATE INDEX durably_runs_pending ON durably_runs (job_name, id) WHERE status = 'pending';
CREATE INDEX durably_runs_by_end ON durably_runs (completed_at, id) WHERE completed_at IS NOT NULL;

CREATE TABLE durably_payloads (
  run_id  TEXT COLLATE "C" NOT NULL PRIMARY KEY REFERENCES durably_runs (id) ON DELETE CASCADE,
  input   TEXT NOT NULL,
  output  TEXT
);

CREATE TABLE durably_run_labels (
  run_id  TEXT COLLATE "C" NOT NULL REFERENCES durably_runs (id) ON DELETE CASCADE,
  key     TEXT COLLATE "C" NOT NULL,
  value   TEXT COLLATE "C" NOT NULL,
  PRIMARY KEY (run_id, key)
);
CREATE INDEX durably_run_labels_by_value ON durably_run_labels (key, value, run_id);

CREATE TABLE durably_steps (
  run_id           TEXT COLLATE "C" NOT NULL,
  name             TEXT COLLATE "C" NOT NULL,
  failure          INTEGER NOT NULL CHECK (failure >= 0),
  step_index       INTEGER NOT NULL,
  status           TEXT NOT NULL CHECK (status IN ('completed', 'failed', 'cancelled')),
  output           TEXT,
  error            TEXT,
  error_type       TEXT,
  error_traceback  TEXT,
  started_at       BIGINT NOT NULL,
  completed_at     BIGINT NOT NULL,
  CHECK ((status = 'completed') = (failure = 0)),
  CHECK ((error IS NOT NULL) = (status = 'failed')),
  PRIMARY KEY (run_id, name, failure)
);

CREATE TABLE durably_logs (
  run_id      TEXT COLLATE "C" NOT NULL,
  id          TEXT COLLATE "C" NOT NULL,
  step_name   TEXT,
  level       TEXT NOT NULL CHECK (level IN ('info', 'warn', 'error')),
  message     TEXT NOT NULL,
  data        TEXT,
  created_at  BIGINT NOT NULL,
  PRIMARY KEY (run_id, id)
);

CREATE TABLE durably_idempotency_keys (
  job_name    TEXT COLLATE "C" NOT NULL,
  key         TEXT COLLATE "C" NOT NULL CHECK (key <> ''),
  run_id      TEXT COLLATE "C" NOT NULL REFERENCES durably_runs (id) ON DELETE CASCADE,
  input_hash  TEXT,
  expires_at  BIGINT,
  PRIMARY KEY (job_name, key)
);
CREATE INDEX durably_idempotency_keys_by_run ON durably_idempotency_keys (run_id);
CREATE INDEX durably_idempotency_keys_by_expiry ON durably_idempotency_keys (expires_at)
  WHERE expires_at IS NOT NULL;

CREATE TABLE durably_commands (
  id          TEXT COLLATE "C" NOT NULL PRIMARY KEY,
  answer      TEXT NOT NULL,
  created_at  BIGINT NOT NULL
);
CREATE INDEX durably_commands_by_age ON durably_commands (created_at);

CREATE SEQUENCE durably_event_numbers;

CREATE TABLE durably_events (
  sequence    BIGINT NOT NULL PRIMARY KEY DEFAULT nextval('durably_event_numbers'),
  type        TEXT NOT NULL,
  run_id      TEXT COLLATE "C" NOT NULL,
  job_name    TEXT NOT NULL,
  labels      TEXT NOT NULL,
  data        TEXT NOT NULL,
  created_at  BIGINT NOT NULL
);

-- Up to which number events were deleted. A transaction that was undone leaves a gap in the numbers, so the
-- lowest that is there does not tell.
CREATE TABLE durably_pruned_events (
  sequence  BIGINT NOT NULL
);
INSERT INTO durably_pruned_events VALUES (0);

-- Many write at a time, and who takes a lower number may commit later: a reader that has gone on to the
-- higher one would never see it. So a writer says, before it takes its numbers, that lower ones than its own
-- are all given: by a shared lock, which ends with its transaction, on the last number that there was. What
-- comes after the lowest of those locks may still get company; what comes before can't.
CREATE FUNCTION durably_announce_events(realm BIGINT) RETURNS VOID
LANGUAGE sql VOLATILE AS $$
  SELECT pg_advisory_xact_lock_shared(realm + CASE WHEN is_called THEN last_value ELSE 0 END)
  FROM durably_event_numbers
$$;

-- "last" is looked at before the locks: who announces itself later takes a higher number. And events are to be
-- looked for in a statement that begins after this one has ended: who had a lock before and has none now, has
-- committed by then.
CREATE FUNCTION durably_newest_event(realm BIGINT, OUT newest BIGINT, OUT last BIGINT)
LANGUAGE plpgsql VOLATILE AS $$
BEGIN
  SELECT CASE WHEN is_called THEN last_value ELSE 0 END INTO last FROM durably_event_numbers;
  SELECT min((classid::BIGINT << 32 | objid::BIGINT) - realm) INTO newest
  FROM pg_locks
  WHERE locktype = 'advisory'
    AND objsubid = 1
    AND mode = 'ShareLock'
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND (classid::BIGINT << 32 | objid::BIGINT) >= realm
    AND (classid::BIGINT << 32 | objid::BIGINT) < realm + (1::BIGINT << 43);
  newest := least(newest, last);
END
$$;
