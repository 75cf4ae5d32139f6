//! Makes the host store data behind handles, in the way that the first argument names.

wit_bindgen::generate!({ path: ["../../wit", "wit"], world: "saggar-tests:guests/processing", generate_all });

use std::mem::forget;

use exports::saggar::task::processor::{Failure, Guest};
use saggar_test_guests::{act_by_name, first_argument};
use wasip2::clocks::monotonic_clock::subscribe_duration;
use wasip2::http::types::{Fields, Method, OutgoingBody, OutgoingRequest, OutgoingResponse, Scheme};

/// The number of open handles; the host allows a few more.
const MANY: usize = 240;
const HOUR_NS: u64 = 3_600_000_000_000;

type Answer = Result<String, Failure>;

saggar_test_guests::foreach_behaviour_of_handles!(act_by_name);

struct Handles;

impl Guest for Handles {
    fn process(_id: u64, args: String) -> Answer {
        act(first_argument(&args), &args)
    }
}

export!(Handles);

/// Creates many requests with a long text in each, and leaks them; returns how many texts the host refused.
fn request_texts(set: impl Fn(&OutgoingRequest, &str) -> Result<(), ()>) -> Answer {
    let long = "m".repeat((4 << 20) - 1024);
    let requests: Vec<_> = (0..MANY).map(|_| OutgoingRequest::new(Fields::new())).collect();
    let refused = requests.iter().filter(|request| set(request, &long).is_err()).count();
    forget(requests);
    Ok(refused.to_string())
}

fn set_long_methods() -> Answer {
    request_texts(|request, text| request.set_method(&Method::Other(text.into())))
}

fn set_long_schemes() -> Answer {
    request_texts(|request, text| request.set_scheme(Some(&Scheme::Other(text.into()))))
}

fn set_long_authorities() -> Answer {
    request_texts(|request, text| request.set_authority(Some(text)))
}

fn set_long_paths() -> Answer {
    request_texts(|request, text| request.set_path_with_query(Some(&format!("/{text}"))))
}

/// Returns fields that are nearly as large as the host allows.
fn large_fields() -> Fields {
    let fields = Fields::new();
    fields.append("name", &[b'v'; 15 << 10]).expect("fields of 15 KiB");
    fields
}

fn fill_fields() -> Answer {
    forget((0..MANY).map(|_| large_fields()).collect::<Vec<_>>());
    Ok(MANY.to_string())
}

fn fill_lists_of_fields() -> Answer {
    let entries = [("name".to_owned(), vec![b'v'; 15 << 10])];
    forget((0..MANY).map(|_| Fields::from_list(&entries).expect("fields of 15 KiB")).collect::<Vec<_>>());
    Ok(MANY.to_string())
}

/// Changes each clone, because clones share their entries until then.
fn fill_clones_of_fields() -> Answer {
    let fields = large_fields();
    let change = |clone: &Fields| clone.set("other", &[b"value".to_vec()]).expect("a little more");
    forget((0..MANY).map(|_| fields.clone()).inspect(change).collect::<Vec<_>>());
    Ok(MANY.to_string())
}

fn overfill_fields() -> Answer {
    let fields = Fields::new();
    for _ in 0..1000 {
        fields.append("name", &[b'v'; 1000]).expect("a field");
    }
    Ok("null".into())
}

/// Creates finished bodies with an unread chunk and trailers.
fn fill_bodies() -> Answer {
    let requests = (0..MANY).map(|_| {
        let request = OutgoingRequest::new(Fields::new());
        let body = request.body().expect("the request's body");
        let stream = body.write().expect("the body's stream");
        let chunk = stream.check_write().expect("room for a chunk");
        stream.write(&vec![b'c'; usize::try_from(chunk).expect("a small chunk")]).expect("a chunk");
        drop(stream);
        OutgoingBody::finish(body, Some(large_fields())).expect("a body may end");
        request
    });
    forget(requests.collect::<Vec<_>>());
    Ok(MANY.to_string())
}

fn fill_responses() -> Answer {
    forget((0..MANY).map(|_| OutgoingResponse::new(large_fields())).collect::<Vec<_>>());
    Ok(MANY.to_string())
}

/// Creates pollables. Each uses two resources of the host.
fn hold_pollables() -> Answer {
    forget((0..MANY / 2).map(|_| subscribe_duration(HOUR_NS)).collect::<Vec<_>>());
    Ok((MANY / 2).to_string())
}
