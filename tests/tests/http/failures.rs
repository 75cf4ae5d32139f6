//! Groups of failures, and the functions in which guests failed.

use saggar_tests::client::ApiResponse;
use serde_json::{Value, json};

use super::stage::serve;

fn works(answer: ApiResponse) -> Value {
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.body
}

#[tokio::test(flavor = "multi_thread")]
async fn failures_are_grouped_by_the_way_they_happened() {
    let server = serve();
    for (how, times) in [("reject", 9), ("reject", 8), ("trap", 9), ("reject", 0)] {
        let id = server.add("failing", &json!({ "args": [how, times, 0] })).await;
        server.ended("failing", id).await;
    }
    let failures = works(server.get("/v1/failures").await);
    let groups = failures["groups"].as_array().expect("groups");
    assert_eq!((groups.len(), &failures["omitted"], &failures["next"]), (2, &json!(0), &Value::Null), "{failures}");
    assert_eq!(failures["looked_at"], 3, "the job that succeeded is not looked at");
    let (first, second) = (&groups[0], &groups[1]);
    assert_eq!((&first["task"], &first["code"], &first["count"]), (&json!("failing"), &json!("not-yet"), &json!(2)));
    assert_eq!((&first["message"], &first["frames"]), (&json!("attempt # fails by reject"), &json!([])));
    assert_eq!((&first["reasons"], &first["last_id"]), (&json!({ "rejected": 2 }), &json!(2)));
    assert_eq!((&second["reasons"], &second["last_id"]), (&json!({ "trap": 1 }), &json!(3)));
    let recent = first["per_minute"].as_array().expect("minutes");
    assert_eq!(recent.iter().filter_map(Value::as_u64).sum::<u64>(), 2, "{first}");
    // The group selects the same jobs in lists.
    let group = first["group"].as_str().expect("a name");
    assert_eq!(works(server.get(&format!("/v1/jobs/count?group={group}")).await)["count"], 2);
    let digests = first["digests"].as_object().expect("digests");
    let (digest, count) = digests.iter().next().expect("a digest");
    assert_eq!((digests.len(), count), (1, &json!(2)));
    let of_digest = works(server.get(&format!("/v1/failures?digest={}&group={group}", &digest[..8])).await);
    assert_eq!(of_digest["groups"].as_array().map(Vec::len), Some(1), "{of_digest}");
    for empty in ["task=mail.*", "digest=ffffffffffff", "ended_from=2999-01-01T00:00:00Z"] {
        assert_eq!(works(server.get(&format!("/v1/failures?{empty}")).await)["groups"], json!([]), "{empty}");
    }
    server.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tree_has_the_functions_in_which_guests_trapped() {
    let server = serve();
    for how in ["reject", "trap", "trap"] {
        let id = server.add("failing", &json!({ "args": [how, 9, 0] })).await;
        server.ended("failing", id).await;
    }
    let tree = works(server.get("/v1/failures/flame?task=failing").await);
    assert_eq!((&tree["count"], &tree["without_stack"], &tree["next"]), (&json!(3), &json!(1), &Value::Null));
    let frames = tree["frames"].as_array().expect("functions");
    assert_eq!((&frames[0]["caller"], &frames[0]["count"]), (&Value::Null, &json!(2)), "{tree}");
    for (position, frame) in frames.iter().enumerate().skip(1) {
        assert!(frame["caller"].as_u64().is_none_or(|caller| (caller as usize) < position), "{tree}");
    }
    assert!(frames.iter().all(|frame| frame["name"].as_str().is_some_and(|name| !name.is_empty())), "{tree}");
    for bad in ["after=x", "group=1", "digest=XYZ", "ended_from=yesterday", "limit=5"] {
        let refused = server.get(&format!("/v1/failures?{bad}")).await;
        assert_eq!((refused.status, refused.code()), (400, "invalid-query"), "{bad}");
    }
    server.stop();
}
