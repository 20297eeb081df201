-- name: insert_run
-- A new pending run. Refused by durably_runs_idempotency and durably_runs_pending_key.
INSERT INTO durably_runs (id, job_name, labels, idempotency_key, concurrency_key, created_at, updated_at)
VALUES (:id, :job_name, :labels, :idempotency_key, :concurrency_key, :now, :now)
RETURNING *, :input AS input, NULL AS output;

-- name: insert_payload
INSERT INTO durably_payloads (run_id, input)
VALUES (:id, :input);

-- name: insert_label
INSERT INTO durably_run_labels (run_id, key, value)
VALUES (:run_id, :key, :value);

-- name: find_idempotent
-- The run that an idempotency key stands for.
SELECT id
FROM durably_runs
WHERE job_name = :job_name
  AND idempotency_key = :idempotency_key;

-- name: claim
-- Lease the oldest run that may run: pending, or leased by an owner whose lease has run out. A run
-- with a concurrency key may not while another holds that key, whatever its job. Only known jobs.
UPDATE durably_runs
SET status = 'leased',
    lease_owner = :worker_id,
    lease_expires_at = :now + :lease_ms,
    lease_generation = lease_generation + 1,
    attempt = attempt + 1,
    started_at = coalesce(started_at, :now),
    updated_at = :now
WHERE id = (
  SELECT min(id)
  FROM (
    SELECT * FROM (
      SELECT candidate.id
      FROM durably_runs AS candidate
      WHERE candidate.status = 'pending'
        AND candidate.job_name IN (SELECT value FROM json_each(:job_names))
        AND NOT EXISTS (
          SELECT 1
          FROM durably_runs AS holder
          WHERE holder.concurrency_key = candidate.concurrency_key
            AND holder.lease_owner IS NOT NULL
            AND holder.lease_expires_at > :now
        )
      ORDER BY candidate.id
      LIMIT 1
    )
    UNION ALL
    SELECT * FROM (
      SELECT candidate.id
      FROM durably_runs AS candidate
      WHERE candidate.status = 'leased'
        AND candidate.lease_expires_at <= :now
        AND candidate.job_name IN (SELECT value FROM json_each(:job_names))
        AND NOT EXISTS (
          SELECT 1
          FROM durably_runs AS holder
          WHERE holder.concurrency_key = candidate.concurrency_key
            AND holder.lease_owner IS NOT NULL
            AND holder.lease_expires_at > :now
        )
      ORDER BY candidate.id
      LIMIT 1
    )
  )
)
RETURNING
  *,
  (SELECT input FROM durably_payloads WHERE run_id = durably_runs.id) AS input,
  NULL AS output;

-- name: expire_leases
-- Every owner is known to be dead: its leases end now, and the next claim takes the runs over.
UPDATE durably_runs
SET lease_expires_at = :now
WHERE status IN ('leased', 'cancelled')
  AND lease_owner IS NOT NULL
  AND lease_expires_at > :now;

-- name: renew_lease
-- The holder lives. A cancelled run whose code has not stopped yet holds its key the same way.
UPDATE durably_runs
SET lease_expires_at = :now + :lease_ms
WHERE id = :run_id
  AND status IN ('leased', 'cancelled')
  AND lease_generation = :generation
  AND lease_owner IS NOT NULL
RETURNING status;

-- name: save_notes
-- What rides along with each write of the holder: step count, progress, and a renewed lease.
UPDATE durably_runs
SET current_step_index = max(current_step_index, :step_index),
    completed_step_count = completed_step_count + :completed_steps,
    progress = coalesce(:progress, progress),
    lease_expires_at = :now + :lease_ms,
    updated_at = :now
WHERE id = :run_id
  AND status = 'leased'
  AND lease_generation = :generation;

-- name: finish_run
-- The holder's last write: completed or failed.
UPDATE durably_runs
SET status = :status,
    error = :error,
    error_type = :error_type,
    error_traceback = :error_traceback,
    failed_step_name = :failed_step_name,
    progress = coalesce(:progress, progress),
    lease_owner = NULL,
    lease_expires_at = NULL,
    completed_at = :now,
    updated_at = :now
WHERE id = :run_id
  AND status = 'leased'
  AND lease_generation = :generation;

-- name: save_output
UPDATE durably_payloads
SET output = :output
WHERE run_id = :run_id;

-- name: release_run
-- The code of a cancelled run has stopped: its concurrency key is free from here on.
UPDATE durably_runs
SET lease_owner = NULL,
    lease_expires_at = NULL,
    updated_at = :now
WHERE id = :run_id
  AND status = 'cancelled'
  AND lease_generation = :generation;

-- name: cancel_run
UPDATE durably_runs
SET status = 'cancelled',
    completed_at = :now,
    updated_at = :now
WHERE id = :run_id
  AND status IN ('pending', 'leased')
RETURNING lease_owner;

-- name: delete_run
-- Steps, logs, labels and payload go with it.
DELETE FROM durably_runs
WHERE id = :run_id
  AND status IN ('completed', 'failed', 'cancelled')
  AND (lease_owner IS NULL OR lease_expires_at <= :now);

-- name: get_run
SELECT run.*, payload.input, payload.output
FROM durably_runs AS run
JOIN durably_payloads AS payload ON payload.run_id = run.id
WHERE run.id = :run_id;

-- name: get_run_status
SELECT status, lease_generation
FROM durably_runs
WHERE id = :run_id;

-- name: get_runs
-- Newest first; ids sort by creation, so pages are stable.
SELECT run.*, payload.input, payload.output
FROM durably_runs AS run
JOIN durably_payloads AS payload ON payload.run_id = run.id
WHERE (:job_names IS NULL OR run.job_name IN (SELECT value FROM json_each(:job_names)))
  AND (:statuses IS NULL OR run.status IN (SELECT value FROM json_each(:statuses)))
ORDER BY run.id DESC
LIMIT :limit OFFSET :offset;

-- name: get_run_summaries
-- As get_runs, without what may be large.
SELECT run.*, NULL AS input, NULL AS output
FROM durably_runs AS run
WHERE (:job_names IS NULL OR run.job_name IN (SELECT value FROM json_each(:job_names)))
  AND (:statuses IS NULL OR run.status IN (SELECT value FROM json_each(:statuses)))
ORDER BY run.id DESC
LIMIT :limit OFFSET :offset;
