-- A run is a row of durably_runs; what it was given and what it returned lie beside it, because a
-- row of durably_runs is rewritten at every step and must stay small.
--
--   durably_runs 1 ── 1 durably_payloads   input and output
--                1 ── n durably_run_labels  for filters
--                1 ── n durably_steps       checkpoints, and the failures before them
--                1 ── n durably_logs
--
-- Every *_at is a count of milliseconds since 1970-01-01 UTC. JSON is TEXT.

CREATE TABLE durably_runs (
  id                    TEXT    NOT NULL PRIMARY KEY,      -- ULID: sorts by time of creation
  job_name              TEXT    NOT NULL,
  status                TEXT    NOT NULL DEFAULT 'pending'
                        CHECK (status IN ('pending', 'leased', 'completed', 'failed', 'cancelled')),
  labels                TEXT    NOT NULL DEFAULT '{}',
  idempotency_key       TEXT    CHECK (idempotency_key <> ''),
  concurrency_key       TEXT    CHECK (concurrency_key <> ''),
  current_step_index    INTEGER NOT NULL DEFAULT 0,
  completed_step_count  INTEGER NOT NULL DEFAULT 0,
  progress              TEXT,
  error                 TEXT,
  error_type            TEXT,
  error_traceback       TEXT,
  failed_step_name      TEXT,
  attempt               INTEGER NOT NULL DEFAULT 0,
  -- A cancelled run keeps its lease until its code has really stopped, and its concurrency key with it.
  lease_owner           TEXT,
  lease_expires_at      INTEGER,
  lease_generation      INTEGER NOT NULL DEFAULT 0,        -- fencing token: +1 at each claim, never reset
  started_at            INTEGER,
  completed_at          INTEGER,
  created_at            INTEGER NOT NULL,
  updated_at            INTEGER NOT NULL,
  CHECK ((lease_owner IS NULL) = (lease_expires_at IS NULL)),
  CHECK (status <> 'leased' OR lease_owner IS NOT NULL),
  CHECK (status NOT IN ('pending', 'completed', 'failed') OR lease_owner IS NULL),
  CHECK ((completed_at IS NOT NULL) = (status IN ('completed', 'failed', 'cancelled'))),
  CHECK ((error IS NOT NULL) = (status = 'failed'))
);

-- Claims take the oldest id of a status; lists page through them backwards.
CREATE INDEX durably_runs_by_status ON durably_runs (status, id);
CREATE INDEX durably_runs_by_job ON durably_runs (job_name, id);

-- One run per job and idempotency key.
CREATE UNIQUE INDEX durably_runs_idempotency ON durably_runs (job_name, idempotency_key)
  WHERE idempotency_key IS NOT NULL;

-- At most one run of a job waits with the same concurrency key.
CREATE UNIQUE INDEX durably_runs_pending_key ON durably_runs (job_name, concurrency_key)
  WHERE status = 'pending' AND concurrency_key IS NOT NULL;

-- Who holds a concurrency key, across all jobs.
CREATE INDEX durably_runs_key_holders ON durably_runs (concurrency_key)
  WHERE concurrency_key IS NOT NULL AND lease_owner IS NOT NULL;

CREATE TABLE durably_payloads (
  run_id  TEXT NOT NULL PRIMARY KEY REFERENCES durably_runs (id) ON DELETE CASCADE,
  input   TEXT NOT NULL,
  output  TEXT
) WITHOUT ROWID;

CREATE TABLE durably_run_labels (
  run_id  TEXT NOT NULL REFERENCES durably_runs (id) ON DELETE CASCADE,
  key     TEXT NOT NULL,
  value   TEXT NOT NULL,
  PRIMARY KEY (run_id, key)
) WITHOUT ROWID;
CREATE INDEX durably_run_labels_by_value ON durably_run_labels (key, value, run_id);

-- Steps and logs are written at every step, so each is one tree, clustered by run, and has no foreign
-- key, whose check would cost a look-up each time. Whoever deletes a run deletes them with it.
CREATE TABLE durably_steps (
  run_id           TEXT    NOT NULL,
  name             TEXT    NOT NULL,
  -- 0 is the checkpoint, 1 and up are the failures before it. The primary key admits one checkpoint
  -- per step: a finished step is finished once.
  failure          INTEGER NOT NULL CHECK (failure >= 0),
  step_index       INTEGER NOT NULL,
  status           TEXT    NOT NULL CHECK (status IN ('completed', 'failed', 'cancelled')),
  output           TEXT,
  error            TEXT,
  error_type       TEXT,
  error_traceback  TEXT,
  started_at       INTEGER NOT NULL,
  completed_at     INTEGER NOT NULL,
  CHECK ((status = 'completed') = (failure = 0)),
  CHECK ((error IS NOT NULL) = (status = 'failed')),
  PRIMARY KEY (run_id, name, failure)
) WITHOUT ROWID;

CREATE TABLE durably_logs (
  run_id      TEXT    NOT NULL,
  id          TEXT    NOT NULL,                            -- ULID: sorts by time of writing
  step_name   TEXT,
  level       TEXT    NOT NULL CHECK (level IN ('info', 'warn', 'error')),
  message     TEXT    NOT NULL,
  data        TEXT,
  created_at  INTEGER NOT NULL,
  PRIMARY KEY (run_id, id)
) WITHOUT ROWID;
