INSERT INTO ledger (at, actor, kind, notice_id, body) VALUES ($1, $2, $3, $4, $5)
