-- name: insert_run
-- A new pending run; nothing where another waits with its concurrency key.
INSERT INTO durably_runs (
  id, job_name, labels, idempotency_key, concurrency_key, retriggered_from, created_at, updated_at
)
VALUES (:id, :job_name, :labels, :idempotency_key, :concurrency_key, :retriggered_from, :now, :now)
ON CONFLICT (job_name, concurrency_key)
  WHERE status = 'pending' AND attempt = 0 AND concurrency_key IS NOT NULL
  DO NOTHING
RETURNING *, :input AS input, NULL AS output;

-- name: insert_payload
INSERT INTO durably_payloads (run_id, input)
VALUES (:id, :input);

-- name: insert_label
INSERT INTO durably_run_labels (run_id, key, value)
VALUES (:run_id, :key, :value);

-- name: replace_trigger
-- A queued trigger takes the place of the one before it, which no one has begun to execute.
UPDATE durably_runs
SET labels = :labels,
    retriggered_from = NULL,
    updated_at = :now
WHERE id = :id;

-- name: replace_input
UPDATE durably_payloads
SET input = :input
WHERE run_id = :id;

-- name: delete_labels
DELETE FROM durably_run_labels
WHERE run_id = :id;

-- name: requeue_expired
-- Runs whose lease has run out wait to be claimed again. The one way back, whoever notices.
UPDATE durably_runs
SET status = 'pending',
    lease_owner = NULL,
    lease_expires_at = NULL,
    updated_at = :now
WHERE status = 'leased'
  AND lease_expires_at <= :expired_at
  AND NOT EXISTS (
    SELECT 1 FROM json_each(:held) AS held
    WHERE held.key = durably_runs.id AND held.value = durably_runs.lease_generation
  )
RETURNING *, NULL AS input, NULL AS output;

-- name: give_up
-- A run of a known job that never gets on.
UPDATE durably_runs
SET status = 'failed',
    error = :error,
    error_type = :error_type,
    error_traceback = '',
    completed_at = :now,
    updated_at = :now
WHERE id = :run_id
  AND status = 'pending';

-- name: find_next
-- The oldest run that may run. One with a concurrency key may not while another holds that key,
-- whatever its job; those in `held` execute here, whatever the clock says. Only known jobs: one look
-- into the index for each.
SELECT min(oldest.id) AS id
FROM (
  SELECT (
    SELECT candidate.id
    FROM durably_runs AS candidate
    WHERE candidate.status = 'pending'
      AND candidate.job_name = known.value
      AND NOT EXISTS (
        SELECT 1
        FROM durably_runs AS holder
        WHERE holder.concurrency_key = candidate.concurrency_key
          AND holder.lease_owner IS NOT NULL
          AND (
            holder.lease_expires_at > :now
            OR EXISTS (
              SELECT 1 FROM json_each(:held) AS held
              WHERE held.key = holder.id AND held.value = holder.lease_generation
            )
          )
      )
    ORDER BY candidate.id
    LIMIT 1
  ) AS id
  FROM json_each(:job_names) AS known
) AS oldest;

-- name: find_next_of
-- The same among the given runs.
SELECT min(candidate.id) AS id
FROM durably_runs AS candidate
WHERE candidate.id IN (SELECT value FROM json_each(:run_ids))
  AND candidate.status = 'pending'
  AND candidate.job_name IN (SELECT value FROM json_each(:job_names))
  AND NOT EXISTS (
    SELECT 1
    FROM durably_runs AS holder
    WHERE holder.concurrency_key = candidate.concurrency_key
      AND holder.lease_owner IS NOT NULL
      AND (
        holder.lease_expires_at > :now
        OR EXISTS (
          SELECT 1 FROM json_each(:held) AS held
          WHERE held.key = holder.id AND held.value = holder.lease_generation
        )
      )
  );

-- name: claim
UPDATE durably_runs
SET status = 'leased',
    lease_owner = :worker_id,
    lease_expires_at = :now + :lease_ms,
    lease_generation = lease_generation + 1,
    attempt = attempt + 1,
    attempts_since_step = attempts_since_step + 1,
    started_at = coalesce(started_at, :now),
    updated_at = :now
WHERE id = :run_id
  AND status = 'pending'
RETURNING
  *,
  (SELECT input FROM durably_payloads WHERE run_id = durably_runs.id) AS input,
  NULL AS output;

-- name: release_cancelled
-- Every owner is known to be dead: no code of a cancelled run executes any more.
UPDATE durably_runs
SET lease_owner = NULL,
    lease_expires_at = NULL,
    updated_at = :now
WHERE status = 'cancelled'
  AND lease_owner IS NOT NULL
RETURNING *, NULL AS input, NULL AS output;

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
    attempts_since_step = CASE WHEN :completed_steps > 0 THEN 0 ELSE attempts_since_step END,
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
  AND lease_generation = :generation
  AND lease_owner IS NOT NULL;

-- name: give_back
-- The holder stops before its run has ended. An attempt that it stopped on purpose counts for nothing.
UPDATE durably_runs
SET status = 'pending',
    attempts_since_step = max(attempts_since_step - :forgiven, 0),
    progress = coalesce(:progress, progress),
    lease_owner = NULL,
    lease_expires_at = NULL,
    updated_at = :now
WHERE id = :run_id
  AND status = 'leased'
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
-- Labels, payload and idempotency keys go with it.
DELETE FROM durably_runs
WHERE id = :run_id
  AND status IN ('completed', 'failed', 'cancelled')
  AND (lease_owner IS NULL OR lease_expires_at <= :now);

-- name: purge_runs
-- A bounded bite of the runs that ended before a moment, those that ended first.
DELETE FROM durably_runs
WHERE id IN (
  SELECT id
  FROM durably_runs
  WHERE completed_at < :before
    AND (lease_owner IS NULL OR lease_expires_at <= :now)
  ORDER BY completed_at, id
  LIMIT :limit
)
RETURNING id, job_name, labels;

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
-- Newest first; ids sort by creation, so pages are stable. :cursor is the last id of the page before.
SELECT run.*, payload.input, payload.output
FROM durably_runs AS run
JOIN durably_payloads AS payload ON payload.run_id = run.id
WHERE (:job_names IS NULL OR run.job_name IN (SELECT value FROM json_each(:job_names)))
  AND (:statuses IS NULL OR run.status IN (SELECT value FROM json_each(:statuses)))
  AND (:labels IS NULL OR NOT EXISTS (
    SELECT 1
    FROM json_each(:labels) AS wanted
    WHERE NOT EXISTS (
      SELECT 1
      FROM durably_run_labels AS label
      WHERE label.run_id = run.id AND label.key = wanted.key AND label.value = wanted.value
    )
  ))
  AND (:cursor IS NULL OR run.id < :cursor)
ORDER BY run.id DESC
LIMIT :limit OFFSET :offset;

-- name: get_run_summaries
-- As get_runs, without what may be large.
SELECT run.*, NULL AS input, NULL AS output
FROM durably_runs AS run
WHERE (:job_names IS NULL OR run.job_name IN (SELECT value FROM json_each(:job_names)))
  AND (:statuses IS NULL OR run.status IN (SELECT value FROM json_each(:statuses)))
  AND (:labels IS NULL OR NOT EXISTS (
    SELECT 1
    FROM json_each(:labels) AS wanted
    WHERE NOT EXISTS (
      SELECT 1
      FROM durably_run_labels AS label
      WHERE label.run_id = run.id AND label.key = wanted.key AND label.value = wanted.value
    )
  ))
  AND (:cursor IS NULL OR run.id < :cursor)
ORDER BY run.id DESC
LIMIT :limit OFFSET :offset;

-- name: get_retriggers
-- The newest hundred runs that repeat another, without what may be large. Newest first.
SELECT run.*, NULL AS input, NULL AS output
FROM durably_runs AS run
WHERE run.retriggered_from = :run_id
ORDER BY run.id DESC
LIMIT 100;

-- name: count_runs
-- By status, with the filters of get_runs.
SELECT run.status, count(*) AS runs
FROM durably_runs AS run
WHERE (:job_names IS NULL OR run.job_name IN (SELECT value FROM json_each(:job_names)))
  AND (:statuses IS NULL OR run.status IN (SELECT value FROM json_each(:statuses)))
  AND (:labels IS NULL OR NOT EXISTS (
    SELECT 1
    FROM json_each(:labels) AS wanted
    WHERE NOT EXISTS (
      SELECT 1
      FROM durably_run_labels AS label
      WHERE label.run_id = run.id AND label.key = wanted.key AND label.value = wanted.value
    )
  ))
GROUP BY run.status;

-- name: get_queues
-- What waits and executes now, by job, with the filters of get_runs.
SELECT
  run.job_name,
  count(*) FILTER (WHERE run.status = 'pending') AS pending,
  count(*) FILTER (WHERE run.status = 'leased') AS leased,
  min(run.created_at) FILTER (WHERE run.status = 'pending') AS oldest_pending_at
FROM durably_runs AS run
WHERE run.status IN ('pending', 'leased')
  AND (:job_names IS NULL OR run.job_name IN (SELECT value FROM json_each(:job_names)))
  AND (:statuses IS NULL OR run.status IN (SELECT value FROM json_each(:statuses)))
  AND (:labels IS NULL OR NOT EXISTS (
    SELECT 1
    FROM json_each(:labels) AS wanted
    WHERE NOT EXISTS (
      SELECT 1
      FROM durably_run_labels AS label
      WHERE label.run_id = run.id AND label.key = wanted.key AND label.value = wanted.value
    )
  ))
-- Not in the order of an index: with statistics SQLite would read all runs for that.
GROUP BY +run.job_name;

-- name: get_outcomes
-- Runs that ended from :since to before :until, by job and stretch of :bucket milliseconds. A percentile is
-- the least duration that so many of those that completed did not exceed.
WITH ended AS (
  SELECT
    run.job_name,
    run.status,
    (run.completed_at - :since) / :bucket AS bucket,
    run.completed_at - run.started_at AS duration
  FROM durably_runs AS run
  WHERE run.completed_at >= :since AND run.completed_at < :until
    AND (:job_names IS NULL OR run.job_name IN (SELECT value FROM json_each(:job_names)))
    AND (:statuses IS NULL OR run.status IN (SELECT value FROM json_each(:statuses)))
    AND (:labels IS NULL OR NOT EXISTS (
      SELECT 1
      FROM json_each(:labels) AS wanted
      WHERE NOT EXISTS (
        SELECT 1
        FROM durably_run_labels AS label
        WHERE label.run_id = run.id AND label.key = wanted.key AND label.value = wanted.value
      )
    ))
), ranked AS (
  SELECT
    *,
    row_number() OVER (PARTITION BY job_name, bucket, status ORDER BY duration) AS place,
    count(*) OVER (PARTITION BY job_name, bucket, status) AS places
  FROM ended
)
SELECT
  job_name,
  bucket,
  count(*) FILTER (WHERE status = 'completed') AS completed,
  count(*) FILTER (WHERE status = 'failed') AS failed,
  count(*) FILTER (WHERE status = 'cancelled') AS cancelled,
  min(duration) FILTER (WHERE status = 'completed' AND place * 100 >= places * 50) AS p50,
  min(duration) FILTER (WHERE status = 'completed' AND place * 100 >= places * 95) AS p95
FROM ranked
GROUP BY job_name, bucket
ORDER BY job_name, bucket;

-- name: count_unknown_jobs
-- Runs that wait for a job that this engine does not have.
SELECT job_name, count(*) AS runs
FROM durably_runs
WHERE status = 'pending'
  AND job_name NOT IN (SELECT value FROM json_each(:job_names))
GROUP BY job_name;
