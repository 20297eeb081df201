-- What clients asked for and may ask for again, because they never heard the answer: it is carried out once.
CREATE TABLE durably_commands (
  id          TEXT    NOT NULL PRIMARY KEY,
  answer      TEXT    NOT NULL,                -- JSON
  created_at  INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX durably_commands_by_age ON durably_commands (created_at);
