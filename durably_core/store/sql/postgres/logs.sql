-- name: insert_log
INSERT INTO durably_logs (run_id, id, step_name, level, message, data, created_at)
VALUES (:run_id, :id, :step_name, :level, :message, :data, :created_at);

-- name: get_logs
SELECT *
FROM durably_logs
WHERE run_id = :run_id
ORDER BY id;

-- name: delete_logs
-- PostgreSQL has no json_each: json_array_elements_text is what it is called here, in all queries.
DELETE FROM durably_logs
WHERE run_id = ANY (ARRAY(SELECT json_array_elements_text(:run_ids::json)));
