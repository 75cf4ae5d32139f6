-- Version 6: names that say what the columns and tables are. The meanings are those of versions 1 to 4.

ALTER TABLE tasks RENAME COLUMN held TO on_hold;
-- No plain job (stage 0) up to this number waits.
ALTER TABLE tasks RENAME COLUMN line_from TO plain_from;
-- 0 in the plain queue, 1 in `ready_queue`, 2 in `delayed`, 3 on hold, 4 success, 5 failure.
ALTER TABLE jobs RENAME COLUMN standing TO stage;
ALTER TABLE jobs RENAME COLUMN place TO position;
ALTER TABLE delayed RENAME COLUMN place TO position;
ALTER TABLE line RENAME TO ready_queue;
ALTER TABLE ready_queue RENAME COLUMN place TO position;
ALTER TABLE standings RENAME TO jobs_by_status;
-- NULL until the callback is postponed, and once it is given up.
ALTER TABLE callbacks RENAME COLUMN put_off_to TO postponed_to;
