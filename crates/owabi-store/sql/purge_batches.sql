UPDATE batches SET file_name = '' WHERE notice_id = $1 AND COALESCE(file_name, '') <> ''
