UPDATE users SET failures = 0, failed_at = NULL WHERE name = $1
