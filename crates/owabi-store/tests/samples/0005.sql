-- What version 5 adds: an index, and a canary in the making.

INSERT INTO meta (key, value) VALUES ('canary:next', '{"text":"f3","members":[1]}');
