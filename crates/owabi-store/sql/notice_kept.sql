SELECT legal_hold, purged_at FROM notices WHERE id = $1
