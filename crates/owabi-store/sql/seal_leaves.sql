SELECT leaves FROM seals WHERE number = $1
