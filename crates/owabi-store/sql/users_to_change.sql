-- All of them: whether one may go depends on who else is there.
SELECT name, role, os_user, password, disabled, failures, failed_at FROM users ORDER BY name
/*for update*/
