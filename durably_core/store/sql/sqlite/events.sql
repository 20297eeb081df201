-- name: insert_event
-- SQLite has one writer, so the numbers of one transaction follow one another.
INSERT INTO durably_events (type, run_id, job_name, labels, data, created_at)
VALUES (:type, :run_id, :job_name, :labels, :data, :created_at);

-- name: get_events
-- Events after a number, beside the oldest number that there is: one row at least, so that a reader who
-- fell behind learns of it in the same look.
SELECT span.oldest, event.*
FROM (SELECT coalesce((SELECT min(sequence) FROM durably_events), 0) AS oldest) AS span
LEFT JOIN (
  SELECT *
  FROM durably_events
  WHERE sequence > :after
    AND sequence <= :newest
    AND (:run_id IS NULL OR run_id = :run_id)
    AND (:types IS NULL OR type IN (SELECT value FROM json_each(:types)))
  ORDER BY sequence
  LIMIT :limit
) AS event ON TRUE
ORDER BY event.sequence;

-- name: find_changed
-- The runs that have events after a number, beside the oldest number that there is.
SELECT span.oldest, changed.run_id
FROM (SELECT coalesce((SELECT min(sequence) FROM durably_events), 0) AS oldest) AS span
LEFT JOIN (
  SELECT DISTINCT run_id
  FROM durably_events
  WHERE sequence > :after
    AND sequence <= :newest
) AS changed ON TRUE;

-- name: get_newest_event
-- The newest is the last: SQLite has one writer.
SELECT coalesce(max(sequence), 0) AS newest, coalesce(max(sequence), 0) AS last
FROM durably_events;

-- name: prune_events
-- A bounded bite of what exceeds the newest :keep.
DELETE FROM durably_events
WHERE sequence <= (SELECT max(sequence) FROM durably_events) - :keep
  AND sequence < (SELECT min(sequence) FROM durably_events) + :limit;
