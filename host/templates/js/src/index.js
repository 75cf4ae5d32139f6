// The plugin `{{name}}`.

import { Reject, log, plugin } from "@saggar/guest";

export const { processor } = plugin({
  /** Runs one job. The parameters after `job` are the job's arguments; what the function returns is its response. */
  process(job, name) {
    // Ends the job as FAILURE; any other error is tried again.
    if (!name) throw new Reject("no-name", "the name is empty");
    log.info(`greeting ${name}`);
    job.progress(1, 1, "greeted");
    return `Hello, ${name}!`;
  },
});
