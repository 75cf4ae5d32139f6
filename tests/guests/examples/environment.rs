//! Inspects its environment: returns everything that it can observe of the machine, and which requests were denied.

wit_bindgen::generate!({ path: ["../../wit", "wit"], world: "saggar-tests:guests/processing", generate_all });

use std::net::{TcpListener, TcpStream, UdpSocket};

use exports::saggar::task::processor::{Failure, Guest};
use wasip2::http::outgoing_handler;
use wasip2::http::types::{Fields, OutgoingRequest, Scheme};
use wasip2::sockets::instance_network::instance_network;
use wasip2::sockets::ip_name_lookup::resolve_addresses;

struct Environment;

/// Returns `granted`, or the kind of the error.
fn outcome<T>(result: std::io::Result<T>) -> String {
    result.map_or_else(|refusal| refusal.kind().to_string(), |_| "granted".into())
}

/// Calls the host directly because the standard library does not distinguish a denial from an unknown name.
fn lookup() -> String {
    let stream = match resolve_addresses(&instance_network(), "localhost") {
        Err(refused) => return refused.name().into(),
        Ok(stream) => stream,
    };
    stream.subscribe().block();
    stream.resolve_next_address().map_or_else(|refused| refused.name().into(), |_| "granted".into())
}

fn http() -> String {
    let request = OutgoingRequest::new(Fields::new());
    request.set_scheme(Some(&Scheme::Http)).expect("a scheme");
    request.set_authority(Some("127.0.0.1:9")).expect("an authority");
    request.set_path_with_query(Some("/")).expect("a path");
    let refused = match outgoing_handler::handle(request, None) {
        Err(refused) => refused,
        Ok(response) => {
            response.subscribe().block();
            match response.get() {
                Some(Ok(Err(refused))) => refused,
                _ => return "granted".into(),
            }
        }
    };
    format!("{refused:?}")
}

impl Guest for Environment {
    fn process(_id: u64, _args: String) -> Result<String, Failure> {
        let found = serde_json::json!({
            "arguments": std::env::args().collect::<Vec<_>>(),
            "environment": std::env::vars().map(|(name, _)| name).collect::<Vec<_>>(),
            "directories": wasip2::filesystem::preopens::get_directories().len(),
            "file": outcome(std::fs::read("/etc/passwd")),
            "input": std::io::read_to_string(std::io::stdin()).unwrap_or_else(|refusal| refusal.kind().to_string()),
            "connect": outcome(TcpStream::connect("127.0.0.1:9")),
            "listen": outcome(TcpListener::bind("127.0.0.1:0")),
            "udp": outcome(UdpSocket::bind("127.0.0.1:0")),
            "lookup": lookup(),
            "http": http(),
        });
        Ok(found.to_string())
    }
}

export!(Environment);
