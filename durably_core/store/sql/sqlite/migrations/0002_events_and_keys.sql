-- The log of events: every change of a run, numbered in the order of the commits, so that a reader
-- can go on from the number that it saw last. Self-contained: it tells of runs that are gone.
CREATE TABLE durably_events (
  sequence    INTEGER NOT NULL PRIMARY KEY,    -- the newest row is never deleted, so numbers are never used twice
  type        TEXT    NOT NULL,
  run_id      TEXT    NOT NULL,
  job_name    TEXT    NOT NULL,
  labels      TEXT    NOT NULL,
  data        TEXT    NOT NULL,                -- JSON object; no inputs and outputs: the run has them
  created_at  INTEGER NOT NULL
);

-- What an idempotency key stands for: the run that was triggered with it, or into which its trigger
-- was coalesced.
CREATE TABLE durably_idempotency_keys (
  job_name    TEXT    NOT NULL,
  key         TEXT    NOT NULL CHECK (key <> ''),
  run_id      TEXT    NOT NULL REFERENCES durably_runs (id) ON DELETE CASCADE,
  input_hash  TEXT,                            -- of what was triggered with it; NULL: not known
  expires_at  INTEGER,                         -- NULL: for as long as the run exists
  PRIMARY KEY (job_name, key)
) WITHOUT ROWID;
CREATE INDEX durably_idempotency_keys_by_run ON durably_idempotency_keys (run_id);
CREATE INDEX durably_idempotency_keys_by_expiry ON durably_idempotency_keys (expires_at)
  WHERE expires_at IS NOT NULL;

INSERT INTO durably_idempotency_keys (job_name, key, run_id)
SELECT job_name, idempotency_key, id
FROM durably_runs
WHERE idempotency_key IS NOT NULL;
DROP INDEX durably_runs_idempotency;

-- Claims since a step was last finished: what tells a run that kills its workers from one that gets on.
ALTER TABLE durably_runs ADD COLUMN attempts_since_step INTEGER NOT NULL DEFAULT 0;
ALTER TABLE durably_runs ADD COLUMN retriggered_from TEXT;

-- At most one run of a job waits to begin with the same concurrency key. One that had begun and was
-- left by its worker waits beside it, and goes first.
DROP INDEX durably_runs_pending_key;
CREATE UNIQUE INDEX durably_runs_waiting_key ON durably_runs (job_name, concurrency_key)
  WHERE status = 'pending' AND attempt = 0 AND concurrency_key IS NOT NULL;

-- Claims take the oldest waiting run of each job that a worker knows, however many wait for others.
CREATE INDEX durably_runs_pending ON durably_runs (job_name, id) WHERE status = 'pending';

-- Retention deletes what ended first.
CREATE INDEX durably_runs_by_end ON durably_runs (completed_at) WHERE completed_at IS NOT NULL;
