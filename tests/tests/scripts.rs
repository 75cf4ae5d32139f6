//! Scripts: the original's sample, ids, errors with their places, hostile scripts, the budget of calls, what lives from job to
//! job, loading, globals and stops, TypeScript.

mod scripts {
    mod budget;
    mod errors;
    mod hostile;
    mod ids;
    mod keys;
    mod loading;
    mod original;
    mod platform;
    mod state;
    mod typescript;

    use saggar_tests::app::App;
    use saggar_tests::host::TestHost;
    use serde_json::{Value, json};

    /// Returns a task whose processor is `function` of `scripts/it.js`.
    fn task(function: &str) -> Value {
        json!({ "process": format!("scripts.it.{function}") })
    }

    /// Starts a host with one script and a task for each of these functions of it, with the function's name.
    async fn start(script: &str, functions: &[&str]) -> TestHost {
        let app = App::new().script("it", script);
        TestHost::start(functions.iter().fold(app, |app, function| app.task(function, &task(function)))).await
    }

    /// Returns all problems of an app that does not load.
    async fn refusal(app: App) -> String {
        let refused = TestHost::try_start(app, saggar_tests::host::Start::default()).await;
        refused.err().expect("the app loads")
    }
}
