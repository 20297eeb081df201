-- name: insert_events
-- All of a transaction in one statement, in their order: each statement is a way to the server and back. Joined
-- with the announcement, which so comes before the first number is taken: see the schema. SQLite has one writer.
INSERT INTO durably_events (type, run_id, job_name, labels, data, created_at)
SELECT event.type, event.run_id, event.job_name, event.labels, event.data, event.created_at
FROM durably_announce_events(:realm) AS announced
CROSS JOIN ROWS FROM (
  json_to_recordset(:events::json)
    AS (type TEXT, run_id TEXT, job_name TEXT, labels TEXT, data TEXT, created_at BIGINT)
) WITH ORDINALITY AS event (type, run_id, job_name, labels, data, created_at, place)
ORDER BY event.place
RETURNING sequence;

-- name: get_events
-- Events after a number, beside the oldest number that there is: one row at least, so that a reader who
-- fell behind learns of it in the same look.
SELECT span.oldest, event.*
FROM (SELECT sequence + 1 AS oldest FROM durably_pruned_events) AS span
LEFT JOIN (
  SELECT *
  FROM durably_events
  WHERE sequence > :after
    AND sequence <= :newest
    AND (:run_id::text IS NULL OR run_id = :run_id)
    AND (:types::text IS NULL OR type = ANY (ARRAY(SELECT json_array_elements_text(:types::json))))
  ORDER BY sequence
  LIMIT :limit
) AS event ON TRUE
ORDER BY event.sequence;

-- name: find_changed
-- The runs that have events after a number, beside the oldest number that there is.
SELECT span.oldest, changed.run_id
FROM (SELECT sequence + 1 AS oldest FROM durably_pruned_events) AS span
LEFT JOIN (
  SELECT DISTINCT run_id
  FROM durably_events
  WHERE sequence > :after
    AND sequence <= :newest
) AS changed ON TRUE;

-- name: get_newest_event
SELECT newest, last
FROM durably_newest_event(:realm);

-- name: prune_events
-- A bounded bite of what exceeds the newest :keep.
WITH pruned AS (
  UPDATE durably_pruned_events
  SET sequence = least(
    (SELECT max(sequence) FROM durably_events) - :keep,
    (SELECT min(sequence) FROM durably_events) + :limit - 1
  )
  WHERE sequence < (SELECT max(sequence) FROM durably_events) - :keep
  RETURNING sequence
)
DELETE FROM durably_events
WHERE sequence <= (SELECT sequence FROM pruned);

-- name: get_now
-- The clock that all workers go by.
SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint AS now;
