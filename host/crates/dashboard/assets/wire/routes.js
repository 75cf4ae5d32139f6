// The paths of the API, one function each.

const part = encodeURIComponent;

/** Returns a path with its query, without empty values. */
function query(path, values) {
  const all = values instanceof URLSearchParams ? values : new URLSearchParams();
  if (!(values instanceof URLSearchParams)) {
    for (const [key, value] of Object.entries(values ?? {})) {
      if (value !== undefined && value !== null && value !== "") all.append(key, String(value));
    }
  }
  const text = all.toString();
  return text ? `${path}?${text}` : path;
}

export const me = () => "v1/me";
export const ready = () => "readyz";
export const openApi = () => "openapi.json";
export const pulse = () => "v1/pulse";
export const tasks = () => "v1/tasks";
export const task = (id) => `v1/tasks/${part(id)}`;
export const pauseTask = (id) => `${task(id)}/pause`;
export const resumeTask = (id) => `${task(id)}/resume`;
export const slots = (id) => `${task(id)}/slots`;
export const addJob = (id) => `${task(id)}/jobs`;
export const records = (id, values) => query(`${task(id)}/records`, values);

/** A list of jobs: of all tasks, or of one. */
export const jobs = (values, id) => query(id ? `${task(id)}/jobs` : "v1/jobs", values);
export const countJobs = (values) => query("v1/jobs/count", values);
/** @param {"retry"|"cancel"|"delete"} action */
export const bulk = (action) => `v1/jobs/${action}`;

export const job = (of) => `${task(of.task)}/jobs/${part(String(of.id))}`;
/** A job with why it waits, or what its attempt is bound by. */
export const explainedJob = (of) => `${job(of)}?explain=true`;
export const jobEvents = (of) => `${job(of)}/events`;
export const jobFeed = (of) => `${job(of)}/feed`;
export const logs = (of, values) => query(`${job(of)}/logs`, values);
export const attempts = (of) => `${job(of)}/attempts`;
export const attempt = (of, run) => `${job(of)}/attempts/${part(String(run))}`;
export const record = (of, run) => query(`${job(of)}/record`, { run });
/** @param {"retry"|"cancel"|"redeliver"|"again"} action */
export const change = (of, action) => `${job(of)}/${action}`;

export const events = (values) => query("v1/events", values);
export const series = (values) => query("v1/series", values);
export const failures = (values) => query("v1/failures", values);
export const flame = (values) => query("v1/failures/flame", values);
export const plugins = () => "v1/plugins";
export const plugin = (name) => `v1/plugins/${part(name)}`;
export const problems = () => "v1/problems";
export const deployments = (values) => query("v1/deployments", values);
export const reload = () => "v1/reload";
export const audit = (values) => query("v1/audit", values);
export const tenants = () => "v1/tenants";
export const tenant = (name) => `v1/tenants/${part(name)}`;
