-- Removes the practice tables with all rows in them.

DROP TABLE dead_letter_queue;
DROP TABLE idempotency_keys;
DROP TABLE transitions;
DROP FUNCTION transitions_are_append_only();
DROP TABLE webhook_inbox;
DROP TABLE classconnect_calls;
DROP TABLE practice_attempts;
DROP TABLE practice_sessions;
