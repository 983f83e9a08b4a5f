-- The breaker looks once a second at what failed: without this it would read the whole notice.
CREATE INDEX affected_members_lost ON affected_members (notice_id, updated_at) WHERE status IN ('failed', 'bounced');
