-- The claimed rows of a selection, each locked: an intent that is being granted keeps its row, and none is granted meanwhile.
SELECT m.id FROM affected_members m
WHERE /*matching*/ AND ($9 = '[]' OR m.status /*among $9*/) AND m.status = 'sending'
/*skip locked*/
