-- What was taken before: its state and reason; a log's line that left only receipts counts as matched.
SELECT a.sha256, a.state FROM arrivals a WHERE a.sha256 /*among $1*/
UNION ALL
SELECT t.evidence, 'matched' FROM receipts t
WHERE t.evidence /*among $1*/ AND NOT EXISTS (SELECT 1 FROM arrivals b WHERE b.sha256 = t.evidence)
