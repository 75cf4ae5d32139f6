//! One case of the conformance suite: a script, calls of it, and what they have to end with.

use crate::damage::Damage;
use crate::host::Host;
use crate::host::bindings::exports::saggar::script::compiler::Diagnostic;
use crate::runner::{Ending, Instance, Role, Runner, trap};

/// The file that `script` writes.
const FILE: &str = "scripts/task.js";

/// A script and what is done with it.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    files: Vec<(String, String)>,
    wanted: Vec<String>,
    compilation: Compilation,
    calls: Vec<Call>,
}

/// How the compilation has to end.
enum Compilation {
    Succeeds,
    /// With these functions.
    Has(Vec<String>),
    /// With diagnostics: `file:line:column: part of the message` or `file: part of the message`.
    Fails(Vec<(String, String)>),
    /// With a trap; the part of its reason.
    Traps(String),
}

struct Call {
    role: Role,
    function: String,
    id: u64,
    /// Whether it is made in a new instance.
    is_fresh: bool,
    /// What happened to the code in the host's memory.
    damage: Option<Damage>,
    refusal: Option<(String, String)>,
    /// After how long another attempt follows, if the call says that.
    after_ms: Option<u64>,
    ending: Option<Expected>,
    /// All events, if they matter.
    events: Option<Vec<String>>,
    /// Parts that the details must have.
    details: Vec<String>,
}

enum Expected {
    Answer(String),
    /// The kind, the code, and a part of the message.
    Failure(&'static str, String, String),
    Trap(String),
    /// An answer that no other call of the case gives.
    Random,
    /// Whatever the engine makes of it, within the limits of the call.
    Anything,
}

impl Case {
    /// Begins a case.
    pub(crate) fn new(name: &'static str) -> Self {
        Self { name, files: Vec::new(), wanted: Vec::new(), compilation: Compilation::Succeeds, calls: Vec::new() }
    }

    /// A case with one file.
    pub(crate) fn script(name: &'static str, text: impl Into<String>) -> Self {
        Self::new(name).file(FILE, text)
    }

    /// A case with one function `f`, which is a processor that is called with no arguments.
    pub(crate) fn body(name: &'static str, body: &str) -> Self {
        Self::script(name, format!("function f(id, ...args) {{\n{body}\n}}")).process("f", "[]")
    }

    /// Adds a file; the first is the entry.
    pub(crate) fn file(mut self, name: &str, text: impl Into<String>) -> Self {
        self.files.push((name.into(), text.into()));
        self
    }

    /// Functions that a task refers to.
    pub(crate) fn wants(mut self, functions: &[&str]) -> Self {
        self.wanted = functions.iter().map(|it| (*it).to_owned()).collect();
        self
    }

    /// The functions that are known after the compilation.
    pub(crate) fn has(mut self, functions: &[&str]) -> Self {
        self.compilation = Compilation::Has(functions.iter().map(|it| (*it).to_owned()).collect());
        self
    }

    /// The compilation fails with this diagnostic, too.
    pub(crate) fn fails(mut self, place: &str, part: &str) -> Self {
        let diagnostic = (place.to_owned(), part.to_owned());
        match &mut self.compilation {
            Compilation::Fails(all) => all.push(diagnostic),
            other => *other = Compilation::Fails(vec![diagnostic]),
        }
        self
    }

    /// The compilation traps.
    pub(crate) fn compilation_traps(mut self, part: &str) -> Self {
        self.compilation = Compilation::Traps(part.into());
        self
    }

    /// Calls a function in a role.
    pub(crate) fn call(mut self, role: Role, function: &str) -> Self {
        self.calls.push(Call {
            role,
            function: function.into(),
            id: 7,
            is_fresh: false,
            damage: None,
            refusal: None,
            after_ms: None,
            ending: None,
            events: None,
            details: Vec::new(),
        });
        self
    }

    /// Calls a function as the processor.
    pub(crate) fn process(self, function: &str, args: &str) -> Self {
        self.call(Role::Process(args.into()), function)
    }

    fn last(&mut self) -> &mut Call {
        self.calls.last_mut().expect("a call comes first")
    }

    /// The last call is for this job.
    pub(crate) fn for_job(mut self, id: u64) -> Self {
        self.last().id = id;
        self
    }

    /// The last call is in a new instance.
    pub(crate) fn fresh(mut self) -> Self {
        self.last().is_fresh = true;
        self
    }

    /// The last call is in a new instance, whose code is damaged.
    pub(crate) fn damaged(mut self, damage: Damage) -> Self {
        self.last().is_fresh = true;
        self.last().damage = Some(damage);
        self
    }

    /// In the last call, no job can be added.
    pub(crate) fn refusing(mut self, code: &str, message: &str) -> Self {
        self.last().refusal = Some((code.into(), message.into()));
        self
    }

    /// The last call answers this JSON.
    pub(crate) fn answers(mut self, json: &str) -> Self {
        self.last().ending = Some(Expected::Answer(json.into()));
        self
    }

    /// The last call answers something random.
    pub(crate) fn answers_at_random(mut self) -> Self {
        self.last().ending = Some(Expected::Random);
        self
    }

    /// The last call ends in any way.
    pub(crate) fn ends(mut self) -> Self {
        self.last().ending = Some(Expected::Anything);
        self
    }

    /// The last call fails, and another attempt follows.
    pub(crate) fn retries(self, code: &str, part: &str) -> Self {
        self.failing("retry", code, part)
    }

    /// The last call fails for good.
    pub(crate) fn rejects(self, code: &str, part: &str) -> Self {
        self.failing("reject", code, part)
    }

    /// The last call fails, and another attempt follows after a time of its own.
    pub(crate) fn retries_after(mut self, after_ms: u64, code: &str, part: &str) -> Self {
        self.last().after_ms = Some(after_ms);
        self.failing("retry-after", code, part)
    }

    fn failing(mut self, kind: &'static str, code: &str, part: &str) -> Self {
        self.last().ending = Some(Expected::Failure(kind, code.into(), part.into()));
        self
    }

    /// The last call traps.
    pub(crate) fn traps(mut self, part: &str) -> Self {
        self.last().ending = Some(Expected::Trap(part.into()));
        self
    }

    /// Exactly this happens in the last call.
    pub(crate) fn events(mut self, events: &[&str]) -> Self {
        self.last().events = Some(events.iter().map(|it| (*it).to_owned()).collect());
        self
    }

    /// The details of the last call's problem have this part.
    pub(crate) fn details(mut self, part: &str) -> Self {
        self.last().details.push(part.into());
        self
    }

    /// Runs the case. Returns what happened, and what should not have.
    pub(crate) fn run(&self, runner: &Runner) -> (String, Vec<String>) {
        let mut problems = Vec::new();
        let compiled = runner.compile(&self.files, &self.wanted);
        let (compiled, events) = match compiled {
            Ok(compiled) => compiled,
            Err(error) => {
                let reason = trap(&error);
                match &self.compilation {
                    Compilation::Traps(part) if reason.contains(part) => {}
                    _ => problems.push(format!("the compilation traps: {reason}")),
                }
                return (reason, problems);
            }
        };
        if !events.is_empty() {
            problems.push(format!("the compilation calls the host: {events:?}"));
        }
        match compiled {
            Ok(compiled) => {
                self.check_compiled(&compiled.functions, &mut problems);
                let mut host = Host::new(&self.files);
                host.modules = compiled.modules.into_iter().map(|it| module(it.file, it.code)).collect();
                let transcript = self.run_calls(runner, &host, &mut problems);
                (without_times(&transcript), problems)
            }
            Err(diagnostics) => {
                let shown: Vec<_> = diagnostics.iter().map(show_diagnostic).collect();
                self.check_diagnostics(&shown, &mut problems);
                (format!("{shown:?}"), problems)
            }
        }
    }

    fn check_compiled(&self, functions: &[String], problems: &mut Vec<String>) {
        match &self.compilation {
            Compilation::Succeeds => {}
            Compilation::Has(expected) if expected == functions => {}
            Compilation::Has(_) => problems.push(format!("it has the functions {functions:?}")),
            _ => problems.push(format!("it compiles, with the functions {functions:?}")),
        }
    }

    fn check_diagnostics(&self, found: &[(String, String)], problems: &mut Vec<String>) {
        let Compilation::Fails(expected) = &self.compilation else {
            return problems.push(format!("it does not compile: {found:?}"));
        };
        let matches = |((place, part), (at, message)): (&(String, String), &(String, String))| {
            place == at && message.contains(part.as_str())
        };
        if expected.len() != found.len() || !expected.iter().zip(found).all(matches) {
            problems.push(format!("it has the diagnostics {found:?}"));
        }
    }

    fn run_calls(&self, runner: &Runner, host: &Host, problems: &mut Vec<String>) -> String {
        let mut transcript = String::new();
        let mut instance: Option<Instance> = None;
        let mut random_answers = Vec::new();
        for (index, call) in self.calls.iter().enumerate() {
            if call.is_fresh {
                instance = None;
            }
            let current = instance.get_or_insert_with(|| {
                let mut fresh = Host::new(&host.files);
                fresh.modules = host.modules.iter().map(|it| module(it.file.clone(), it.code.clone())).collect();
                if let Some(damage) = call.damage {
                    damage.apply(&mut fresh.modules);
                }
                runner.instance(fresh).expect("an instance")
            });
            current.store.data_mut().refusal.clone_from(&call.refusal);
            let ending = current.call(&call.role, &call.function, call.id);
            let events = std::mem::take(&mut current.store.data_mut().events);
            let mut complain = |what: String| problems.push(format!("call {index} of `{}`: {what}", call.function));
            call.check(&ending, &events, &mut complain);
            match (&call.ending, &ending) {
                (Some(Expected::Random), Ending::Answer(answer)) => {
                    if random_answers.contains(answer) {
                        complain(format!("{answer} was the answer of another call"));
                    }
                    random_answers.push(answer.clone());
                }
                // What damaged code does may depend on addresses in the component.
                (Some(Expected::Anything), _) => {}
                _ => transcript.push_str(&format!("{ending:?} {events:?}\n")),
            }
            if matches!(ending, Ending::Trap(_)) {
                instance = None;
            }
        }
        transcript
    }
}

impl Call {
    fn check(&self, ending: &Ending, events: &[String], complain: &mut impl FnMut(String)) {
        let is_right = match (&self.ending, ending) {
            (None | Some(Expected::Anything), _) => true,
            (Some(Expected::Random), Ending::Answer(_)) => true,
            (Some(Expected::Answer(json)), Ending::Answer(answer)) => json == answer,
            (Some(Expected::Trap(part)), Ending::Trap(reason)) => reason.contains(part.as_str()),
            (Some(Expected::Failure(kind, code, part)), ending) => failure(ending).is_some_and(|(actual, problem)| {
                actual == *kind && problem.code == *code && problem.message.contains(part.as_str())
            }),
            _ => false,
        };
        if !is_right {
            complain(format!("{ending:?}, with the events {events:?}"));
        }
        if let (Ending::RetryAfter(_, after_ms), Some(expected)) = (ending, self.after_ms)
            && *after_ms != expected
        {
            complain(format!("another attempt after {after_ms} ms"));
        }
        if self.events.as_ref().is_some_and(|expected| expected != events) {
            complain(format!("the events {events:#?}"));
        }
        let details = failure(ending).and_then(|(_, problem)| problem.details.clone()).unwrap_or_default();
        for part in self.details.iter().filter(|part| !details.contains(part.as_str())) {
            complain(format!("no {part} in the details {details}"));
        }
    }
}

fn failure(ending: &Ending) -> Option<(&'static str, &crate::host::bindings::saggar::task::types::Problem)> {
    match ending {
        Ending::Retry(problem) => Some(("retry", problem)),
        Ending::RetryAfter(problem, _) => Some(("retry-after", problem)),
        Ending::Reject(problem) => Some(("reject", problem)),
        Ending::Answer(_) | Ending::Trap(_) => None,
    }
}

/// Removes the digits of `console.time`, such as those of `0.027ms`: they differ from run to run.
fn without_times(transcript: &str) -> String {
    const END: &str = "ms\"";
    let is_number = |character: char| character.is_ascii_digit() || character == '.';
    let mut kept = String::with_capacity(transcript.len());
    let mut rest = transcript;
    while let Some((before, after)) = rest.split_once(END) {
        kept.push_str(before.trim_end_matches(is_number));
        kept.push_str(END);
        rest = after;
    }
    kept.push_str(rest);
    kept
}

fn module(file: String, code: Vec<u8>) -> crate::host::bindings::saggar::script::source::Module {
    crate::host::bindings::saggar::script::source::Module { file, code }
}

fn show_diagnostic(diagnostic: &Diagnostic) -> (String, String) {
    let place = match &diagnostic.position {
        Some(position) => format!("{}:{}:{}", diagnostic.file, position.line, position.column),
        None => diagnostic.file.clone(),
    };
    (place, diagnostic.message.clone())
}
