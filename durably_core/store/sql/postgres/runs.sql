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
-- Runs whose lease has run out wait to be claimed again. The one way back, whoever notices. A row that is
-- locked is being written to just now, by its holder or by another who has noticed: no one waits for that.
UPDATE durably_runs
SET status = 'pending',
    lease_owner = NULL,
    lease_expires_at = NULL,
    updated_at = :now
WHERE id = ANY (ARRAY(
  SELECT id
  FROM durably_runs AS expired
  WHERE status = 'leased'
    AND lease_expires_at <= :expired_at
    AND NOT EXISTS (
      SELECT 1 FROM json_each_text(:held::json) AS held
      WHERE held.key = expired.id AND held.value::bigint = expired.lease_generation
    )
  FOR NO KEY UPDATE SKIP LOCKED
))
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
-- into the index for each. Of the oldest, the first that no other worker is just claiming: a worker that
-- waited for another's claim would find the run taken. Not found among so many: the next look finds one. As
-- many as are wanted, since each look is a way to the server and back; SQLite finds one at a time. Rows of
-- others that refer to the run don't hold it up: no key is changed.
SELECT run.id, run.concurrency_key
FROM durably_runs AS run
WHERE run.status = 'pending'
  AND run.id = ANY (ARRAY(
    SELECT oldest.id
    FROM json_array_elements_text(:job_names::json) AS known
    CROSS JOIN LATERAL (
      SELECT candidate.id
      FROM durably_runs AS candidate
      WHERE candidate.status = 'pending'
        AND candidate.job_name = known.value
        AND candidate.id <> ALL (ARRAY(SELECT json_array_elements_text(:passed::json)))
        AND NOT EXISTS (
          SELECT 1
          FROM durably_runs AS holder
          WHERE holder.concurrency_key = candidate.concurrency_key
            AND holder.lease_owner IS NOT NULL
            AND (
              holder.lease_expires_at > :now
              OR EXISTS (
                SELECT 1 FROM json_each_text(:held::json) AS held
                WHERE held.key = holder.id AND held.value::bigint = holder.lease_generation
              )
            )
        )
      ORDER BY candidate.id
      LIMIT 100
    ) AS oldest
    ORDER BY oldest.id
    LIMIT 100
  ))
ORDER BY run.id
LIMIT :wanted
FOR NO KEY UPDATE OF run SKIP LOCKED;

-- name: find_next_of
-- The same among the given runs.
SELECT candidate.id, candidate.concurrency_key
FROM durably_runs AS candidate
WHERE candidate.id = ANY (ARRAY(SELECT json_array_elements_text(:run_ids::json)))
  AND candidate.status = 'pending'
  AND candidate.job_name = ANY (ARRAY(SELECT json_array_elements_text(:job_names::json)))
  AND candidate.id <> ALL (ARRAY(SELECT json_array_elements_text(:passed::json)))
  AND NOT EXISTS (
    SELECT 1
    FROM durably_runs AS holder
    WHERE holder.concurrency_key = candidate.concurrency_key
      AND holder.lease_owner IS NOT NULL
      AND (
        holder.lease_expires_at > :now
        OR EXISTS (
          SELECT 1 FROM json_each_text(:held::json) AS held
          WHERE held.key = holder.id AND held.value::bigint = holder.lease_generation
        )
      )
  )
ORDER BY candidate.id
LIMIT :wanted
FOR NO KEY UPDATE OF candidate SKIP LOCKED;

-- name: try_lock
-- Two that claim runs with the same key at the same moment don't see each other's claim: the second one
-- passes the run over. SQLite has one writer.
SELECT pg_try_advisory_xact_lock(hashtextextended(:name, 0)) AS is_locked;

-- name: lock
SELECT pg_advisory_xact_lock(hashtextextended(:name, 0));

-- name: claim
-- Looked at again now that its key is locked: another may have claimed with it and committed meanwhile.
UPDATE durably_runs
SET status = 'leased',
    lease_owner = :worker_id,
    lease_expires_at = :now::bigint + :lease_ms::bigint,
    lease_generation = lease_generation + 1,
    attempt = attempt + 1,
    attempts_since_step = attempts_since_step + 1,
    started_at = coalesce(started_at, :now),
    updated_at = :now
WHERE id = :run_id
  AND status = 'pending'
  AND NOT EXISTS (
    SELECT 1
    FROM durably_runs AS holder
    WHERE holder.concurrency_key = durably_runs.concurrency_key
      AND holder.lease_owner IS NOT NULL
      AND (
        holder.lease_expires_at > :now
        OR EXISTS (
          SELECT 1 FROM json_each_text(:held::json) AS held
          WHERE held.key = holder.id AND held.value::bigint = holder.lease_generation
        )
      )
  )
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
SET lease_expires_at = :now::bigint + :lease_ms::bigint
WHERE id = :run_id
  AND status IN ('leased', 'cancelled')
  AND lease_generation = :generation
  AND lease_owner IS NOT NULL
RETURNING status;

-- name: save_notes
-- What rides along with each write of the holder: step count, progress, and a renewed lease.
UPDATE durably_runs
SET current_step_index = greatest(current_step_index, :step_index),
    completed_step_count = completed_step_count + :completed_steps,
    attempts_since_step = CASE WHEN :completed_steps > 0 THEN 0 ELSE attempts_since_step END,
    progress = coalesce(:progress, progress),
    lease_expires_at = :now::bigint + :lease_ms::bigint,
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
    attempts_since_step = greatest(attempts_since_step - :forgiven, 0),
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
WHERE id = ANY (ARRAY(
  SELECT id
  FROM durably_runs
  WHERE completed_at < :before
    AND (lease_owner IS NULL OR lease_expires_at <= :now)
  ORDER BY completed_at, id
  LIMIT :limit
))
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
-- Newest first; ids sort by creation, so pages are stable. :cursor is the last id of the page before. The
-- newest of each status, and of these the newest: one look into the index for each, where SQLite walks
-- through the runs from the newest to the oldest until it has enough. So PostgreSQL would, too, for a status
-- that no run has, if the order were not that of the index. '~' is behind all ids. LIMIT 1 has payloads looked
-- up one by one, however many runs PostgreSQL expects.
SELECT run.*, payload.input, payload.output
FROM (
  SELECT newest.*
  FROM json_array_elements_text(
    coalesce(:statuses, '["pending", "leased", "completed", "failed", "cancelled"]')::json
  ) AS of_status (status)
  CROSS JOIN LATERAL (
    SELECT run.*
    FROM durably_runs AS run
    WHERE (:job_names::text IS NULL OR run.job_name = ANY (ARRAY(SELECT json_array_elements_text(:job_names::json))))
      AND (:labels::text IS NULL OR NOT EXISTS (
        SELECT 1
        FROM json_each_text(:labels::json) AS wanted
        WHERE NOT EXISTS (
          SELECT 1
          FROM durably_run_labels AS label
          WHERE label.run_id = run.id AND label.key = wanted.key AND label.value = wanted.value
        )
      ))
      AND (run.status, run.id) < (of_status.status, coalesce(:cursor::text, '~'))
      AND run.status >= of_status.status
    ORDER BY run.status DESC, run.id DESC
    LIMIT nullif(:limit, -1) + :offset
  ) AS newest
  ORDER BY newest.id DESC
  LIMIT nullif(:limit, -1) OFFSET :offset
) AS run
CROSS JOIN LATERAL (
  SELECT input, output
  FROM durably_payloads
  WHERE run_id = run.id
  LIMIT 1
) AS payload
ORDER BY run.id DESC;

-- name: get_run_summaries
-- As get_runs, without what may be large.
SELECT run.*, NULL AS input, NULL AS output
FROM (
  SELECT newest.*
  FROM json_array_elements_text(
    coalesce(:statuses, '["pending", "leased", "completed", "failed", "cancelled"]')::json
  ) AS of_status (status)
  CROSS JOIN LATERAL (
    SELECT run.*
    FROM durably_runs AS run
    WHERE (:job_names::text IS NULL OR run.job_name = ANY (ARRAY(SELECT json_array_elements_text(:job_names::json))))
      AND (:labels::text IS NULL OR NOT EXISTS (
        SELECT 1
        FROM json_each_text(:labels::json) AS wanted
        WHERE NOT EXISTS (
          SELECT 1
          FROM durably_run_labels AS label
          WHERE label.run_id = run.id AND label.key = wanted.key AND label.value = wanted.value
        )
      ))
      AND (run.status, run.id) < (of_status.status, coalesce(:cursor::text, '~'))
      AND run.status >= of_status.status
    ORDER BY run.status DESC, run.id DESC
    LIMIT nullif(:limit, -1) + :offset
  ) AS newest
  ORDER BY newest.id DESC
  LIMIT nullif(:limit, -1) OFFSET :offset
) AS run
ORDER BY run.id DESC;

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
WHERE (:job_names::text IS NULL OR run.job_name = ANY (ARRAY(SELECT json_array_elements_text(:job_names::json))))
  AND (:statuses::text IS NULL OR run.status = ANY (ARRAY(SELECT json_array_elements_text(:statuses::json))))
  AND (:labels::text IS NULL OR NOT EXISTS (
    SELECT 1
    FROM json_each_text(:labels::json) AS wanted
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
  AND (:job_names::text IS NULL OR run.job_name = ANY (ARRAY(SELECT json_array_elements_text(:job_names::json))))
  AND (:statuses::text IS NULL OR run.status = ANY (ARRAY(SELECT json_array_elements_text(:statuses::json))))
  AND (:labels::text IS NULL OR NOT EXISTS (
    SELECT 1
    FROM json_each_text(:labels::json) AS wanted
    WHERE NOT EXISTS (
      SELECT 1
      FROM durably_run_labels AS label
      WHERE label.run_id = run.id AND label.key = wanted.key AND label.value = wanted.value
    )
  ))
GROUP BY run.job_name;

-- name: get_outcomes
-- Runs that ended from :since to before :until, by job and stretch of :bucket milliseconds. A percentile is
-- the least duration that so many of those that completed did not exceed.
WITH ended AS (
  SELECT
    run.job_name,
    run.status,
    (run.completed_at - :since::bigint) / :bucket::bigint AS bucket,
    run.completed_at - run.started_at AS duration
  FROM durably_runs AS run
  WHERE run.completed_at >= :since AND run.completed_at < :until
    AND (:job_names::text IS NULL OR run.job_name = ANY (ARRAY(SELECT json_array_elements_text(:job_names::json))))
    AND (:statuses::text IS NULL OR run.status = ANY (ARRAY(SELECT json_array_elements_text(:statuses::json))))
    AND (:labels::text IS NULL OR NOT EXISTS (
      SELECT 1
      FROM json_each_text(:labels::json) AS wanted
      WHERE NOT EXISTS (
        SELECT 1
        FROM durably_run_labels AS label
        WHERE label.run_id = run.id AND label.key = wanted.key AND label.value = wanted.value
      )
    ))
)
SELECT
  job_name,
  bucket,
  count(*) FILTER (WHERE status = 'completed') AS completed,
  count(*) FILTER (WHERE status = 'failed') AS failed,
  count(*) FILTER (WHERE status = 'cancelled') AS cancelled,
  percentile_disc(0.5) WITHIN GROUP (ORDER BY duration) FILTER (WHERE status = 'completed') AS p50,
  percentile_disc(0.95) WITHIN GROUP (ORDER BY duration) FILTER (WHERE status = 'completed') AS p95
FROM ended
GROUP BY job_name, bucket
ORDER BY job_name, bucket;

-- name: count_unknown_jobs
-- Runs that wait for a job that this engine does not have.
SELECT job_name, count(*) AS runs
FROM durably_runs
WHERE status = 'pending'
  AND job_name <> ALL (ARRAY(SELECT json_array_elements_text(:job_names::json)))
GROUP BY job_name;
