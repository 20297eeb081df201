-- name: insert_step
-- A checkpoint, or the next failure of that step.
INSERT INTO durably_steps (
  run_id, name, failure, step_index, status, output, error, error_type, error_traceback,
  started_at, completed_at, build
)
VALUES (
  :run_id,
  :name,
  CASE :status
    WHEN 'completed' THEN 0
    ELSE 1 + (SELECT coalesce(max(failure), 0) FROM durably_steps WHERE run_id = :run_id AND name = :name)
  END,
  :step_index, :status, :output, :error, :error_type, :error_traceback,
  :started_at, :now, :build
);

-- name: get_checkpoints
-- What a run need not do again: loaded once, at the claim.
SELECT name, output
FROM durably_steps
WHERE run_id = :run_id
  AND failure = 0;

-- name: get_steps
-- In the order in which they ended.
SELECT *
FROM durably_steps
WHERE run_id = :run_id
ORDER BY completed_at, step_index, failure;

-- name: delete_steps
DELETE FROM durably_steps
WHERE run_id = ANY (ARRAY(SELECT json_array_elements_text(:run_ids::json)));
