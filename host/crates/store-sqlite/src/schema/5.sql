-- Renames notices to callbacks. Steps 1 and 4 describe the columns.
ALTER TABLE notices RENAME TO callbacks;
ALTER TABLE callbacks RENAME COLUMN notice TO callback;
ALTER TABLE tasks RENAME COLUMN notices TO callbacks;
ALTER TABLE tasks RENAME COLUMN last_notice TO last_callback;
DROP INDEX notices_put_off;
DROP INDEX notices_of_job;
CREATE INDEX callbacks_postponed ON callbacks (task, lane, put_off_to, callback) WHERE put_off_to IS NOT NULL;
CREATE INDEX callbacks_of_job ON callbacks (task, number);
