SELECT host, name, bounces, followed, since, looked_at, trouble, trouble_at FROM sources ORDER BY host, name
