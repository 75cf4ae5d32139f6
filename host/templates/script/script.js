// Runs one job of the task `{{name}}`: `id` is the job's id, the other parameters are its arguments. What the function
// returns is the job's response. A function that throws is tried again; `Reject` ends the job as FAILURE at once.
function Run(id, name) {
  if (!name) {
    throw Reject('no-name', 'the name is empty');
  }
  console.log(`greeting ${name}`);
  Process('tasks.{{name}}.progress', id, 1, 1, 'greeted');
  return `Hello, ${name}!`;
}
