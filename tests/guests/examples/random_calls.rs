//! Calls every interface of the host with random values, in a random order that its argument, a number, decides. Uses the
//! handles that it gets, and drops them at random. It gets none of files, sockets, requests from outside and answers to its own,
//! so it can call none of their methods.

wit_bindgen::generate!({ path: ["../../wit", "wit"], world: "saggar-tests:guests/processing", generate_all });

#[path = "random_calls/values.rs"]
mod values;

use exports::saggar::task::processor::{Failure, Guest};
use saggar::task::{context, http, kv, log, progress, tasks};
use values::Random;
use wasip2::clocks::{monotonic_clock, wall_clock};
use wasip2::filesystem::preopens;
use wasip2::filesystem::types::filesystem_error_code;
use wasip2::http::outgoing_handler;
use wasip2::http::types::{
    Fields, Method, OutgoingBody, OutgoingRequest, OutgoingResponse, RequestOptions, Scheme, http_error_code,
};
use wasip2::io::poll::{Pollable, poll};
use wasip2::io::streams::{InputStream, OutputStream, StreamError};
use wasip2::random::{insecure, insecure_seed, random};
use wasip2::sockets::network::{IpAddressFamily, IpSocketAddress, Ipv4SocketAddress, Ipv6SocketAddress};
use wasip2::sockets::{instance_network, ip_name_lookup, tcp_create_socket, udp_create_socket};

/// Calls of one job.
const CALLS: u64 = 200;

struct RandomCalls;

impl Guest for RandomCalls {
    fn process(_id: u64, args: String) -> Result<String, Failure> {
        let digits: String = args.chars().filter(char::is_ascii_digit).collect();
        let mut state = State { random: Random(digits.parse().unwrap_or(1) | 1), ..State::default() };
        for _ in 0..CALLS {
            state.call();
        }
        Ok(CALLS.to_string())
    }
}

export!(RandomCalls);

/// Asks the host what an error means, if it is one of a stream.
fn explain<T>(result: Result<T, StreamError>) {
    if let Err(StreamError::LastOperationFailed(error)) = result {
        let _ = (error.to_debug_string(), filesystem_error_code(&error), http_error_code(&error));
    }
}

/// The handles that the guest has.
#[derive(Default)]
struct State {
    random: Random,
    pollables: Vec<Pollable>,
    inputs: Vec<InputStream>,
    outputs: Vec<OutputStream>,
    fields: Vec<Fields>,
    requests: Vec<OutgoingRequest>,
    bodies: Vec<OutgoingBody>,
}

impl State {
    fn call(&mut self) {
        match self.random.below(13) {
            0 => self.call_contract(),
            1 => self.call_tasks(),
            12 => self.call_kv(),
            2 => self.call_clocks(),
            3 => self.call_random(),
            4 => self.call_cli(),
            5 => self.read_streams(),
            6 => self.write_streams(),
            7 => self.call_filesystem(),
            8 => self.call_tcp(),
            9 => self.call_udp(),
            10 => self.call_fields(),
            _ => self.call_http(),
        }
        self.drop_some();
    }

    /// Drops one handle at times, and all of a kind seldom. Children go before their parents, whose loss would be a trap.
    fn drop_some(&mut self) {
        if self.random.is_one_in(4) {
            let kind = self.random.below(6);
            if kind == 1 || kind == 2 || kind == 5 {
                self.pollables.clear();
            }
            if kind == 5 {
                self.outputs.clear();
            }
            match kind {
                0 => drop(self.pollables.pop()),
                1 => drop(self.inputs.pop()),
                2 => drop(self.outputs.pop()),
                3 => drop(self.fields.pop()),
                4 => drop(self.requests.pop()),
                _ => drop(self.bodies.pop()),
            }
        }
        if self.random.is_one_in(100) {
            self.pollables.clear();
            self.outputs.clear();
        }
    }

    fn call_contract(&mut self) {
        let random = &mut self.random;
        let _ = (context::id(), context::task(), context::attempt(), context::max_attempts());
        let _ = (context::handler(), context::remaining_ms(), context::is_cancelled(), context::trace_parent());
        progress::report(random.size(), random.size(), &random.text());
        let level = [log::Level::Debug, log::Level::Info, log::Level::Warn, log::Level::Error];
        log::write(level[random.below(4) as usize], &random.text());
    }

    fn call_tasks(&mut self) {
        let random = &mut self.random;
        let task = if random.is_one_in(2) { "sink".to_owned() } else { random.text() };
        let (args, options) = (random.text(), random.text());
        match random.below(5) {
            0 => drop(tasks::add(&task, &args)),
            1 => drop(tasks::add_later(&task, &args, random.size())),
            2 => drop(tasks::add_with(&task, &args, &options)),
            3 => drop(tasks::get(&task, random.size())),
            _ => drop(tasks::cancel(&task, random.size())),
        }
    }

    fn call_kv(&mut self) {
        let random = &mut self.random;
        let (key, other, value, ttl) = (random.text(), random.text(), random.bytes(), Some(random.size()));
        let (version, is_some) = (random.size(), random.is_one_in(2));
        match random.below(6) {
            0 => drop(kv::get(&key)),
            1 => drop(kv::set(&key, &value, ttl)),
            2 => drop(kv::compare_and_swap(&key, is_some.then_some(version), &value, None)),
            3 => drop(kv::increment(&key, version as i64, ttl)),
            4 => drop(kv::remove(&key, is_some.then_some(version))),
            _ => drop(kv::keys(&key, is_some.then_some(other.as_str()), version as u32)),
        }
    }

    fn call_clocks(&mut self) {
        let random = &mut self.random;
        let now = monotonic_clock::now();
        let _ = (monotonic_clock::resolution(), wall_clock::now(), wall_clock::resolution());
        let pollable = match random.below(3) {
            0 => monotonic_clock::subscribe_instant(random.size()),
            1 => monotonic_clock::subscribe_instant(now.wrapping_add(random.below(100_000))),
            _ => monotonic_clock::subscribe_duration(random.size()),
        };
        let _ = pollable.ready();
        self.pollables.push(pollable);
        // The last one is ready at once, so that the poll ends.
        self.pollables.push(monotonic_clock::subscribe_duration(0));
        if !self.random.is_one_in(300) {
            let all: Vec<&Pollable> = self.pollables.iter().collect();
            let _ = poll(&all);
        } else if let Some(pollable) = self.random.pick(&self.pollables) {
            pollable.block();
        }
    }

    fn call_random(&mut self) {
        let random = &mut self.random;
        let length = if random.is_one_in(60) { random.size() } else { random.below(5_000) };
        let _ = (random::get_random_u64(), insecure::get_insecure_random_u64(), insecure_seed::insecure_seed());
        let _ = if random.is_one_in(2) {
            random::get_random_bytes(length)
        } else {
            insecure::get_insecure_random_bytes(length)
        };
    }

    fn call_cli(&mut self) {
        use wasip2::cli::{environment, exit, stderr, stdin, stdout, terminal_stderr, terminal_stdin, terminal_stdout};
        let _ = (environment::get_environment(), environment::get_arguments(), environment::initial_cwd());
        let _ = (terminal_stdin::get_terminal_stdin(), terminal_stdout::get_terminal_stdout());
        let _ = terminal_stderr::get_terminal_stderr();
        self.inputs.push(stdin::get_stdin());
        self.outputs.push(if self.random.is_one_in(2) { stdout::get_stdout() } else { stderr::get_stderr() });
        if self.random.is_one_in(200) {
            exit::exit(if self.random.is_one_in(2) { Ok(()) } else { Err(()) });
        }
    }

    fn read_streams(&mut self) {
        let random = &mut self.random;
        let length = random.size();
        let Some(input) = random.pick(&self.inputs) else { return };
        match random.below(5) {
            0 => explain(input.read(length)),
            1 => explain(input.blocking_read(length)),
            2 => drop(input.skip(length)),
            3 => drop(input.blocking_skip(length)),
            _ => self.pollables.push(input.subscribe()),
        }
    }

    fn write_streams(&mut self) {
        let random = &mut self.random;
        let (bytes, length) = (random.bytes(), random.size());
        let (Some(output), input) = (random.pick(&self.outputs), random.pick(&self.inputs)) else { return };
        match random.below(10) {
            0 => drop(output.check_write()),
            // Without `check-write`, which traps.
            1 if random.is_one_in(10) => drop(output.write(&bytes)),
            1 => drop(output.check_write().and_then(|room| output.write(&bytes[..bytes.len().min(room as usize)]))),
            2 => explain(output.blocking_write_and_flush(&bytes[..bytes.len().min(4096)])),
            3 if random.is_one_in(10) => drop(output.blocking_write_and_flush(&bytes)),
            3 => drop(output.flush()),
            4 => explain(output.blocking_flush()),
            5 => self.pollables.push(output.subscribe()),
            6 if random.is_one_in(10) => drop(output.write_zeroes(length)),
            6 => drop(output.check_write().and_then(|room| output.write_zeroes(length.min(room)))),
            7 => drop(output.blocking_write_zeroes_and_flush(length.min(4096))),
            8 => drop(input.map(|input| output.splice(input, length))),
            _ => drop(input.map(|input| output.blocking_splice(input, length))),
        }
    }

    fn call_filesystem(&mut self) {
        // No directories are granted; if there were some, this would open files of the host.
        for (directory, _) in preopens::get_directories() {
            let _ = directory.stat();
            let _ = directory.create_directory_at(&self.random.text());
        }
    }

    fn address(&mut self) -> IpSocketAddress {
        let port = self.random.number() as u16;
        if self.random.is_one_in(2) {
            IpSocketAddress::Ipv4(Ipv4SocketAddress { port, address: (127, 0, 0, self.random.number() as u8) })
        } else {
            let address = (0, 0, 0, 0, 0, 0, 0, 1);
            IpSocketAddress::Ipv6(Ipv6SocketAddress { port, flow_info: 0, address, scope_id: 0 })
        }
    }

    fn family(&mut self) -> IpAddressFamily {
        if self.random.is_one_in(2) { IpAddressFamily::Ipv4 } else { IpAddressFamily::Ipv6 }
    }

    fn call_tcp(&mut self) {
        let (family, address) = (self.family(), self.address());
        let network = instance_network::instance_network();
        if let Ok(names) = ip_name_lookup::resolve_addresses(&network, &self.random.text()) {
            let _ = names.resolve_next_address();
        }
        let Ok(socket) = tcp_create_socket::create_tcp_socket(family) else { return };
        let _ = (socket.start_bind(&network, address), socket.finish_bind());
        let _ = (socket.start_listen(), socket.finish_listen(), socket.accept().map(drop));
        let _ = (socket.start_connect(&network, address), socket.finish_connect().map(drop));
        let _ =
            (socket.set_listen_backlog_size(self.random.size()), socket.set_keep_alive_idle_time(self.random.size()));
        let _ = (socket.set_send_buffer_size(self.random.size()), socket.local_address(), socket.remote_address());
        drop(socket.subscribe());
    }

    fn call_udp(&mut self) {
        let (family, address) = (self.family(), self.address());
        let network = instance_network::instance_network();
        let Ok(socket) = udp_create_socket::create_udp_socket(family) else { return };
        let _ = (socket.start_bind(&network, address), socket.finish_bind());
        let _ = socket.set_receive_buffer_size(self.random.size());
        if let Ok((incoming, outgoing)) = socket.stream(Some(address)) {
            let _ = incoming.receive(self.random.size());
            let _ = outgoing.check_send();
        }
    }

    fn call_fields(&mut self) {
        let random = &mut self.random;
        let (name, value) = (random.text(), random.bytes());
        let Some(fields) = random.pick(&self.fields) else {
            let entries: Vec<_> = (0..random.below(20)).map(|_| (random.text(), random.bytes())).collect();
            self.fields.push(Fields::from_list(&entries).unwrap_or_else(|_| Fields::new()));
            return;
        };
        match random.below(6) {
            0 => drop(fields.get(&name)),
            1 => drop(fields.set(&name, &[value])),
            2 => drop(fields.delete(&name)),
            3 => drop(fields.append(&name, &value)),
            4 => drop((fields.entries(), fields.has(&name))),
            _ => {
                let copy = fields.clone();
                self.fields.push(copy);
            }
        }
    }

    fn call_http(&mut self) {
        let random = &mut self.random;
        if random.is_one_in(4) {
            let headers = (0..random.below(4)).map(|_| (random.text(), random.text())).collect();
            let (method, url, body, timeout_ms) = (random.text(), random.text(), random.bytes(), Some(random.size()));
            drop(http::send(&http::Request { method, url, headers, body, timeout_ms }));
        }
        let Some(request) = self.requests.pop() else {
            self.requests.push(OutgoingRequest::new(self.fields.pop().unwrap_or_else(Fields::new)));
            return;
        };
        let text = random.text();
        let _ = request.set_method(&Method::Other(text.clone()));
        let _ = request.set_scheme(Some(&if random.is_one_in(2) { Scheme::Http } else { Scheme::Other(text.clone()) }));
        let _ = (request.set_authority(Some("127.0.0.1:1")), request.set_path_with_query(Some(&text)));
        let _ = (request.method(), request.scheme(), request.authority(), request.path_with_query(), request.headers());
        if let Ok(body) = request.body() {
            self.outputs.extend(body.write());
            self.bodies.push(body);
        }
        match random.below(4) {
            0 => self.requests.push(request),
            1 => {
                let response = OutgoingResponse::new(self.fields.pop().unwrap_or_else(Fields::new));
                let _ = (response.set_status_code(random.number() as u16), response.status_code());
                let _ = (response.headers(), response.body().map(drop));
            }
            _ => {
                let options = RequestOptions::new();
                let _ = options.set_connect_timeout(Some(random.size()));
                let _ = options.set_first_byte_timeout(Some(random.size()));
                let _ = options.set_between_bytes_timeout(Some(random.size()));
                let _ = (options.connect_timeout(), options.first_byte_timeout(), options.between_bytes_timeout());
                if let Ok(response) = outgoing_handler::handle(request, Some(options)) {
                    drop(response.subscribe());
                    let _ = response.get().map(drop);
                }
            }
        }
        if random.is_one_in(3)
            && let Some(body) = self.bodies.pop()
        {
            // The body's streams must be dropped first.
            self.pollables.clear();
            self.outputs.clear();
            let _ = OutgoingBody::finish(body, None);
        }
    }
}
