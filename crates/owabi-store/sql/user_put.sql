INSERT INTO users (name, role, os_user, password, disabled, failures, failed_at, created_at, updated_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8)
ON CONFLICT (name) DO UPDATE
SET role = excluded.role, os_user = excluded.os_user, password = excluded.password, disabled = excluded.disabled,
    failures = excluded.failures, failed_at = excluded.failed_at, updated_at = excluded.updated_at
