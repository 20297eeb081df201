-- name: get_command
SELECT answer
FROM durably_commands
WHERE id = :id;

-- name: insert_command
INSERT INTO durably_commands (id, answer, created_at)
VALUES (:id, :answer, :now);

-- name: delete_old_commands
DELETE FROM durably_commands
WHERE created_at <= :before;
