-- name: insert_log
INSERT INTO durably_logs (run_id, id, step_name, level, message, data, created_at)
VALUES (:run_id, :id, :step_name, :level, :message, :data, :created_at);

-- name: get_logs
SELECT *
FROM durably_logs
WHERE run_id = :run_id
ORDER BY id;

-- name: delete_logs
DELETE FROM durably_logs
WHERE run_id IN (SELECT value FROM json_each(:run_ids));
