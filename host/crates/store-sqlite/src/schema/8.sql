-- Version 8: tasks that were removed with their tenant. Their rows in `tasks` are gone; the rows of their jobs in all
-- other tables are deleted in steps, then the row here. The number of such a task is not used again meanwhile.

CREATE TABLE removed_tasks (task INTEGER PRIMARY KEY);
