-- name: insert_step
INSERT INTO durably_steps (run_id, name, step_index, status, output, error, error_type, error_traceback, started_at, completed_at)
VALUES (:run_id, :name, :step_index, :status, :output, :error, :error_type, :error_traceback, :started_at, :now);

-- name: get_checkpoints
-- What a run need not do again: loaded once, at the claim.
SELECT name, output
FROM durably_steps
WHERE run_id = :run_id
  AND status = 'completed';

-- name: get_steps
SELECT *
FROM (
  SELECT * FROM durably_steps WHERE run_id = :run_id AND status = 'completed'
  UNION ALL
  SELECT * FROM durably_steps WHERE run_id = :run_id AND status <> 'completed'
)
ORDER BY id;

-- name: delete_completed_steps
DELETE FROM durably_steps
WHERE run_id = :run_id
  AND status = 'completed';

-- name: delete_other_steps
DELETE FROM durably_steps
WHERE run_id = :run_id
  AND status <> 'completed';
