-- Which build of the application executed the attempt that ended so; NULL where it was not told its name.
ALTER TABLE durably_steps ADD COLUMN build TEXT;
