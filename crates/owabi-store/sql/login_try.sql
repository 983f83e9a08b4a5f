-- Counted as wrong before the password is looked at, so that nobody gains tries by coming at once.
UPDATE users SET failures = failures + 1, failed_at = $3 WHERE name = $1 AND failures = $2 AND NOT disabled
