// Command {{name}} is a plugin of Saggar.
package main

import (
	"log/slog"

	"saggar.local/guest"
	"saggar.local/guest/processor"
)

func main() {}

func init() { processor.Handle("run", run) }

// run runs one job. The parameters after job are the job's arguments; what it returns is the job's response.
func run(job guest.Job, name string) (string, error) {
	if name == "" {
		// Ends the job as FAILURE; any other error is tried again.
		return "", guest.Reject("no-name", "the name is empty")
	}
	guest.Log(slog.LevelInfo, "greeting %s", name)
	job.Progress(1, 1, "greeted")
	return "Hello, " + name + "!", nil
}
