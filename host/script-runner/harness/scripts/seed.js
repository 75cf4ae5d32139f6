// 如果是在响应api请求时，不要在脚本里使用全局变量，因为不同的会话中，脚本会初始化，id并不会增长
// 可以考虑使用session保存全局唯一的id
var id = 1024;

/**
 * 任务标识生成器
 * Generate job id，需要返回一个整型的数字，用来生成任务的标识,一定要保证ID的唯一性
 * @returns
 */
function NextID() {
  id = id + 1;
  console.log(`NextID: ${id}`);
  return id;
}

/**
 * 任务绑定的处理器，
 * @param {integer} task_id 作业的id,
 * @param {any} args 任务的参数，可以有多个，由tasks.xxx.add处理器传入。
 *
 */
function Send(task_id, ...args) {
  console.log(args);

  // do the job

  const current = 1;
  const total = 100;

  // 在任务处理器内部过程中调用,汇报任务处理进展，在一个长时间运行的作业中，这个是必要的。
  Progress(
    'tasks.task.process',
    task_id,
    current,
    total,
    fmt.Sprintf('Progress %v/%v', current, total)
  );

  return {
    message: 'ok'
  };
}

/**
 * OnAdd add event
 * @param {*} id 任务id
 */
function OnAdd(id) {
  log.Error('进入add');
  console.log(`OnAdd: #${id}`);
}

/**
 * OnProgress
 * @param {integer} id task id,任务ID
 * @param {integer} current
 * @param {integer} total
 * @param {string} message
 */
function OnProgress(id, current, total, message) {
  console.log(`OnProgress: #${id} ${message} ${current}/${total} `);
}
/**
 * OnSuccess
 * @param {integer} id task id,任务ID
 * @param {any} res
 */
function OnSuccess(id, res) {
  console.log(`OnSuccess: #${id} ${JSON.stringify(res)}`);
}
/**
 * OnError
 * @param {integer} id task id,任务ID
 * @param {err} error
 */
function OnError(id, err) {
  console.log(`OnError: #${id} ${err}`);
}

function task() {
  for (i = 1; i < 100; i++) {
    //
    const task_id = Process('tasks.test.Add', '进入任务' + i);
    if (task_id == 0) {
      console.log('add task failed');
    }
  }
}
