//! What a task has in force: its requests, each compared with what the operator grants. A request that is not granted is a
//! problem of the task.

use std::sync::Arc;

use saggar_definition::{Diagnostic, Span, Task, bytes_text, truncated};
use saggar_grant::{
    DirGranted, Granted, Grants, HttpGrant, HttpGranted, JobAccess, KvGranted, Methods, SecretGrant, TaskPattern,
    TasksGranted,
};

use crate::app_location::AppLocation;

/// How many granted origins or names a message has.
const NAMED: usize = 5;

/// What a task has in force, and the problem of each request that is not granted. With a problem, the task cannot run.
#[derive(Debug, Clone, Default)]
pub(crate) struct Reviewed {
    pub(crate) granted: Arc<Granted>,
    pub(crate) problems: Vec<Diagnostic>,
}

/// Compares the requests of a task with what is granted at `place`.
pub(crate) fn review(task: &Task, place: &AppLocation) -> Reviewed {
    let (grants, table, problems) = (&**place.grants(), place.grants_table(), Vec::new());
    let mut review = Review { task, grants, table, problems };
    let granted = Granted {
        http: review.http(),
        kv: review.kv(),
        tasks: review.tasks(),
        env: review.env(place),
        dirs: review.dirs(),
        scratch: review.scratch(),
        record: task.sandbox.record,
        mask: task.sandbox.mask.iter().map(|pointer| pointer.value.clone()).collect(),
    };
    Reviewed { granted: Arc::new(granted), problems: review.problems }
}

struct Review<'a> {
    task: &'a Task,
    grants: &'a Grants,
    /// The table of the grants in the configuration.
    table: &'static str,
    problems: Vec<Diagnostic>,
}

/// A request that is not granted.
struct NotGranted<'a> {
    span: Span,
    /// What the task requests.
    asked: String,
    /// What is granted instead.
    granted: String,
    /// What the operator has to do …
    change: String,
    /// … in this table below that of the grants.
    table: &'a str,
}

impl Review<'_> {
    fn refuse(&mut self, refused: NotGranted<'_>) {
        let NotGranted { span, asked, granted, change, table } = refused;
        let message = format!("the task requests {asked}, {granted}");
        let help = format!(
            "remove the request, or ask the operator to {change} `[{}{table}]` in the configuration",
            self.table
        );
        self.problems.push(self.task.diagnose_at(span, message, help));
    }

    fn http(&mut self) -> Option<HttpGranted> {
        let (task, grants) = (self.task, self.grants);
        let request = task.sandbox.http.as_ref();
        let secrets = self.secrets(request.is_some());
        let request = request?;
        let granted_origins = grants.http.iter().flat_map(|grant| &grant.origins);
        for origin in &request.origins {
            if granted_origins.clone().any(|granted| granted.covers(&origin.value)) {
                continue;
            }
            self.refuse(NotGranted {
                span: origin.span,
                asked: format!("HTTP to `{}`", origin.value),
                granted: instead(granted_origins.clone().map(ToString::to_string)),
                change: format!("add `\"{}\"` to `origins` below", origin.value),
                table: ".http",
            });
        }
        let HttpGrant { methods, networks, .. } = grants.http.as_ref()?;
        let asked: Methods = request.methods.iter().map(|method| method.value).collect();
        for method in request.methods.iter().filter(|method| !methods.contains(method.value)) {
            self.refuse(NotGranted {
                span: method.span,
                asked: format!("the method {}", method.value.name()),
                granted: instead(methods.iter().map(|method| method.name().to_owned())),
                change: format!("add `\"{}\"` to `methods` below", method.value.name()),
                table: ".http",
            });
        }
        let methods = if request.methods.is_empty() { *methods } else { asked.intersection(*methods) };
        let origins = request.origins.iter().map(|origin| origin.value.clone()).collect();
        Some(HttpGranted { origins, methods, networks: networks.clone(), secrets })
    }

    fn secrets(&mut self, has_http: bool) -> Vec<SecretGrant> {
        let (task, grants) = (self.task, self.grants);
        let mut secrets: Vec<SecretGrant> = Vec::new();
        for name in &task.sandbox.secrets {
            match grants.secret(&name.value) {
                Some(_) if !has_http => {
                    let message = format!("the task requests the secret `{}`, and no HTTP to send it", name.value);
                    let help = "remove the request, or add the origins of its requests to `sandbox.http`";
                    self.problems.push(task.diagnose_at(name.span, message, help));
                }
                Some(known) if secrets.iter().any(|secret| secret.name == known.name) => {}
                Some(secret) => secrets.push(secret.clone()),
                None => self.refuse(NotGranted {
                    span: name.span,
                    asked: format!("the secret `{}`", name.value),
                    granted: instead(grants.secrets.iter().map(|secret| secret.name.clone())),
                    change: "write `file = …` and `origins = […]` below".to_owned(),
                    table: &format!(".secrets.{}", name.value),
                }),
            }
        }
        secrets
    }

    fn kv(&mut self) -> Option<KvGranted> {
        let (task, grants) = (self.task, self.grants);
        let request = task.sandbox.kv.as_ref()?;
        let granted = grants.kv.as_ref().filter(|grant| grant.access >= request.value.access);
        let Some(grant) = granted else {
            let access = request.value.access.name();
            self.refuse(NotGranted {
                span: request.span,
                asked: format!("to {access} values of the key-value store"),
                granted: instead(grants.kv.iter().map(|grant| grant.access.name().to_owned())),
                change: format!("write `access = \"{access}\"` below"),
                table: ".kv",
            });
            return None;
        };
        Some(KvGranted {
            access: request.value.access,
            prefix: request.value.prefix.clone(),
            max_bytes: grant.max_bytes,
            max_keys: grant.max_keys,
        })
    }

    fn tasks(&mut self) -> TasksGranted {
        let (task, grants) = (self.task, self.grants);
        let request = &task.sandbox.tasks;
        if let Some(jobs) = request.jobs.as_ref().filter(|jobs| jobs.value > grants.tasks) {
            self.refuse(NotGranted {
                span: jobs.span,
                asked: "access to all jobs of the app".to_owned(),
                granted: "and the operator grants access to those that it added".to_owned(),
                change: format!("write `tasks = \"{}\"` below", JobAccess::All.name()),
                table: "",
            });
        }
        let add = match &request.add {
            Some(patterns) => patterns.iter().map(|pattern| pattern.value.clone()).collect(),
            None => vec![TaskPattern::all()],
        };
        TasksGranted { add, jobs: request.jobs().min(grants.tasks) }
    }

    fn env(&mut self, place: &AppLocation) -> Vec<(String, String)> {
        let (task, grants) = (self.task, self.grants);
        let mut variables: Vec<(String, String)> = Vec::new();
        for name in &task.sandbox.env {
            if !grants.env.contains(&name.value) {
                self.refuse(NotGranted {
                    span: name.span,
                    asked: format!("the environment variable `{}`", truncated(&name.value)),
                    granted: instead(grants.env.iter().cloned()),
                    change: format!("add `\"{}\"` to `env` below", truncated(&name.value)),
                    table: "",
                });
                continue;
            }
            match place.granted_value(&name.value) {
                Some(_) if variables.iter().any(|(known, _)| *known == name.value) => {}
                Some(value) => variables.push((name.value.clone(), value)),
                None => {
                    let message = format!("the environment variable `{}` is granted, and not set", name.value);
                    let help = "set it in the environment of the host, or remove the request";
                    self.problems.push(task.diagnose_at(name.span, message, help));
                }
            }
        }
        variables
    }

    fn dirs(&mut self) -> Vec<DirGranted> {
        let (task, grants) = (self.task, self.grants);
        let mut dirs = Vec::new();
        for dir in &task.sandbox.dirs {
            let (span, request) = (dir.span, &dir.value);
            let table = format!(".dirs.{}", request.name);
            match grants.dir(&request.name) {
                Some(grant) if request.write && !grant.access.is_write() => self.refuse(NotGranted {
                    span,
                    asked: format!("to write to the directory `{}`", request.name),
                    granted: "and the operator grants to read it".to_owned(),
                    change: "write `access = \"write\"` below".to_owned(),
                    table: &table,
                }),
                Some(grant) => dirs.push(DirGranted {
                    name: grant.name.clone(),
                    path: grant.path.clone(),
                    write: request.write,
                    max_bytes: grant.max_bytes,
                    max_files: grant.max_files,
                }),
                None => self.refuse(NotGranted {
                    span,
                    asked: format!("the directory `{}`", request.name),
                    granted: instead(grants.dirs.iter().map(|dir| dir.name.clone())),
                    change: "write `path = …` below".to_owned(),
                    table: &table,
                }),
            }
        }
        dirs
    }

    fn scratch(&mut self) -> Option<u64> {
        let (task, grants) = (self.task, self.grants);
        let request = task.sandbox.scratch.as_ref()?;
        if grants.scratch.is_some_and(|most| most >= request.value) {
            return Some(request.value);
        }
        let asked = bytes_text(request.value);
        self.refuse(NotGranted {
            span: request.span,
            asked: format!("a scratch directory of {asked}"),
            granted: instead(grants.scratch.iter().map(|most| format!("at most {}", bytes_text(*most)))),
            change: format!("write `scratch = \"{asked}\"` below"),
            table: "",
        });
        None
    }
}

/// Says what is granted instead, in words that follow a request and a comma.
fn instead(granted: impl Iterator<Item = String>) -> String {
    let all: Vec<String> = granted.collect();
    if all.is_empty() {
        return "which is not granted".to_owned();
    }
    let named = all.iter().take(NAMED).map(|one| format!("`{one}`")).collect::<Vec<_>>().join(", ");
    let more = if all.len() > NAMED { ", …" } else { "" };
    format!("and the operator grants {named}{more}")
}
