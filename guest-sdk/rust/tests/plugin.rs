//! A plugin as the host calls it: the selection of the function, its arguments, and the conversion of its result.

use std::time::Duration;

use saggar_guest::testing::FakeHost;
use saggar_guest::{Failure, Problem, json};

#[saggar_guest::plugin]
mod media {
    use std::fmt;
    use std::time::Duration;

    use saggar_guest::prelude::*;

    #[derive(Debug)]
    pub(crate) struct Broken(pub(crate) std::num::ParseIntError);

    impl fmt::Display for Broken {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("the camera is broken")
        }
    }

    impl std::error::Error for Broken {
        fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
            Some(&self.0)
        }
    }

    #[processor]
    fn thumbnail(job: &Job, url: String, width: u32, title: Option<String>, tags: Option<Vec<String>>) -> Value {
        json!({ "job": job.id(), "url": url, "width": width, "title": title, "tags": tags })
    }

    #[processor(name = "take-photo")]
    fn photo(_: &Job, number: String) -> Result<u32, Broken> {
        number.parse().map_err(Broken)
    }

    /// The generated code uses the same names, `job` and `arguments`.
    #[processor(default)]
    fn job(job: &Job, arguments: Option<u32>) -> Result<u32, Failure> {
        match arguments {
            None => Ok(job.attempt()),
            Some(0) => Err(Failure::retry_after(Duration::from_millis(1500), "busy", "come back later")),
            Some(number) => Ok(tasks::add("mail.send", (number,)).map(|_| number)?),
        }
    }

    #[next]
    fn next() -> Result<u64, Failure> {
        Ok("77".parse()?)
    }

    #[on_success]
    fn done(job: &Job, response: u32) -> Result<(), Problem> {
        log::debug!("{} {response}", job.task());
        Ok(())
    }

    #[on_error]
    fn failed(_: &Job, problem: Problem) -> Result<(), Problem> {
        Err(problem)
    }
}

use media::Plugin;

fn host(handler: &str) -> FakeHost {
    FakeHost::new().handler(handler)
}

fn rejected(result: Result<saggar_guest::Value, Failure>) -> Problem {
    match result {
        Err(Failure::Reject(problem)) => problem,
        other => panic!("not rejected: {other:?}"),
    }
}

#[test]
fn arguments_are_passed_by_position() {
    let response = host("thumbnail").id(9).process::<Plugin>(("a.png", 64)).unwrap();
    assert_eq!(response, json!({ "job": 9, "url": "a.png", "width": 64, "title": null, "tags": null }));
    let response = host("thumbnail").process::<Plugin>(("a.png", 64, "A", ["x"])).unwrap();
    assert_eq!(response, json!({ "job": 1, "url": "a.png", "width": 64, "title": "A", "tags": ["x"] }));
}

#[test]
fn an_argument_of_the_wrong_type_is_named() {
    let problem = rejected(host("thumbnail").process::<Plugin>(("a.png", "wide")));
    assert_eq!(problem.code(), "invalid-args");
    assert_eq!(problem.message(), r#"argument 2 `width`: invalid type: string "wide", expected u32"#);
    assert_eq!(problem.details(), Some(json!({ "argument": "width", "position": 2 })));
    let problem = rejected(host("thumbnail").process::<Plugin>(("a.png", 64, json!(null), [1])));
    assert_eq!(problem.message(), "argument 4 `tags`: invalid type: integer `1`, expected a string");
}

#[test]
fn a_wrong_number_of_arguments_names_them() {
    let wanted = "(url: String, width: u32, title: Option<String>, tags: Option<Vec<String>>)";
    let problem = rejected(host("thumbnail").process::<Plugin>(()));
    assert_eq!(problem.message(), format!("got 0 arguments for {wanted}; missing: url, width"));
    let problem = rejected(host("thumbnail").process::<Plugin>((1, 2, 3, 4, 5)));
    assert_eq!(problem.message(), format!("got 5 arguments for {wanted}"));
    let problem = rejected(host("thumbnail").process::<Plugin>(json!({ "url": "a.png" })));
    assert_eq!(problem.message(), "the arguments are not a list: invalid type: map, expected a sequence");
}

#[test]
fn functions_are_selected_by_name_or_by_default() {
    assert_eq!(FakeHost::new().attempt(3).process::<Plugin>(()).unwrap(), json!(3));
    assert_eq!(host("take-photo").process::<Plugin>(("5",)).unwrap(), json!(5));
    let problem = rejected(host("video").process::<Plugin>(()));
    assert_eq!(problem.code(), "unknown-handler");
    let known = "unknown function `video`; known: `#thumbnail`, `#take-photo`, `#job`";
    assert_eq!(problem.message(), known);
}

#[test]
fn a_roles_only_function_is_its_default_and_has_a_name() {
    assert_eq!(FakeHost::new().next::<Plugin>().unwrap(), Some(77));
    assert_eq!(host("next").next::<Plugin>().unwrap(), Some(77));
    assert_eq!(host("other").next::<Plugin>().unwrap_err().code(), "unknown-handler");
}

#[test]
fn an_ordinary_error_is_a_retry_with_its_whole_chain() {
    let message = "the camera is broken: invalid digit found in string";
    assert_eq!(host("take-photo").process::<Plugin>(("five",)), Err(Failure::retry("failed", message)));
}

#[test]
fn a_retry_after_failure_is_returned_unchanged() {
    let later = Failure::retry_after(Duration::from_millis(1500), "busy", "come back later");
    assert_eq!(FakeHost::new().process::<Plugin>((0,)), Err(later));
}

#[test]
fn problems_of_the_host_keep_their_code() {
    let host = FakeHost::new().queue_size(1);
    assert_eq!(host.process::<Plugin>((5,)).unwrap(), json!(5));
    assert_eq!(host.added()[0].args, json!([5]));
    // The call of another job, because a repeated call would return the job that the first one added.
    let failure = host.id(2).process::<Plugin>((6,)).unwrap_err();
    assert!(matches!(failure, Failure::Retry(problem) if problem.code() == "queue-full"));
}

#[test]
fn handlers_receive_typed_values() {
    let host = FakeHost::new().task("media.thumbnail");
    host.on_success::<Plugin>(5).unwrap();
    assert_eq!(host.log_lines()[0].message, "media.thumbnail 5");
    assert_eq!(host.on_success::<Plugin>("five").unwrap_err().code(), "invalid-response");
    let problem = Problem::new("timeout", "stopped after 1 s").with_details(json!({ "after_ms": 1000 }));
    assert_eq!(host.on_error::<Plugin>(problem.clone()), Err(problem));
}
