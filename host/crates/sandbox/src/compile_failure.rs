//! Explains why compiling a script did not end in an answer: the file is hostile, or the compiler is wrong.

use saggar_job::Problem;

use crate::own_component::{MAX_ANSWER, MAX_MEMORY, MAX_TIME};

const MIB: u64 = 1 << 20;

/// Returns what happened and what to do, without the file.
pub(crate) fn message(problem: &Problem) -> String {
    let Problem { code, message, .. } = problem;
    match code.as_str() {
        "stack-overflow" => {
            "the file is nested too deeply to be compiled, so that the compiler used up its stack: nest \
                             brackets, functions, objects and operators less deeply"
                .into()
        }
        "timeout" => format!(
            "compiling the script took more than {} s, the maximum: make it smaller, or split it",
            MAX_TIME.as_secs()
        ),
        "out-of-memory" => format!(
            "compiling the script needs more than {} MiB of memory, the maximum: make it smaller, or split it",
            MAX_MEMORY / MIB
        ),
        "response-too-large" => format!(
            "the compiled script is larger than {} MiB, the maximum: make it smaller, or split it",
            MAX_ANSWER as u64 / MIB
        ),
        _ => format!("the compiler failed: {message} ({code}); please report it with the script"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_says_what_happened_and_what_to_do() {
        let said = |code: &str| message(&Problem::new(code, "why"));
        assert!(said("stack-overflow").contains("nested too deeply to be compiled"));
        assert!(said("timeout").contains("took more than 10 s"));
        assert!(said("out-of-memory").contains("more than 64 MiB of memory"));
        assert!(said("response-too-large").contains("larger than 16 MiB"));
        assert_eq!(said("trap"), "the compiler failed: why (trap); please report it with the script");
    }
}
