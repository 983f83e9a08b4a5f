UPDATE notices SET legal_hold = CAST($2 AS TEXT) WHERE id = $1 AND (legal_hold IS NULL) = (CAST($2 AS TEXT) IS NOT NULL)
