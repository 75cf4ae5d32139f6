function task() {
  for (i = 1; i < 100; i++) {
    //
    const task_id = Process('tasks.test.Add', '进入任务' + i);
    if (task_id == 0) {
      console.log('add task failed');
    }
  }
}
