//! Prints its arguments on standard output without ending the line, in every role that the SDK has. Fails on request.

#[saggar_guest::plugin]
mod murmuring {
    use saggar_guest::prelude::*;

    #[processor]
    fn murmur(_job: &Job, word: String, fails: bool) -> Result<String, Failure> {
        print!("process {word}");
        if fails { Err(Failure::reject("as-asked", "it was asked to fail")) } else { Ok(word) }
    }

    #[next]
    fn next() -> Option<u64> {
        print!("next");
        None
    }

    #[on_add]
    fn added(job: &Job) {
        print!("add {}", job.id());
    }

    #[on_success]
    fn succeeded(_job: &Job, word: String) {
        print!("success {word}");
    }

    #[on_error]
    fn failed(job: &Job, _problem: Problem) -> Result<(), Problem> {
        print!("error {}", job.id());
        Err(Problem::new("as-well", "the handler fails as well"))
    }
}
