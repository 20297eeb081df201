-- name: find_idempotent
-- The run that an idempotency key stands for.
SELECT run_id, input_hash
FROM durably_idempotency_keys
WHERE job_name = :job_name
  AND key = :key
  AND (expires_at IS NULL OR expires_at > :now);

-- name: save_idempotency_key
-- Takes the place of one that has expired.
INSERT INTO durably_idempotency_keys (job_name, key, run_id, input_hash, expires_at)
VALUES (:job_name, :key, :run_id, :input_hash, :expires_at)
ON CONFLICT (job_name, key) DO UPDATE
SET run_id = excluded.run_id,
    input_hash = excluded.input_hash,
    expires_at = excluded.expires_at;

-- name: find_waiting
-- The run of a job that waits to begin with a concurrency key. Locked: no worker may begin it while its
-- input is replaced. SQLite has one writer.
SELECT id
FROM durably_runs
WHERE job_name = :job_name
  AND concurrency_key = :concurrency_key
  AND status = 'pending'
  AND attempt = 0
FOR UPDATE;

-- name: delete_expired_keys
DELETE FROM durably_idempotency_keys
WHERE expires_at <= :now;
