SELECT name, role, os_user, password, disabled, failures, failed_at FROM users ORDER BY name
