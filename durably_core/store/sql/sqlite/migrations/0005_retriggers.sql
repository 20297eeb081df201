-- For whoever looks for the runs that repeat another. Most repeat none, and are not in it.
CREATE INDEX durably_runs_retriggers ON durably_runs (retriggered_from, id) WHERE retriggered_from IS NOT NULL;
