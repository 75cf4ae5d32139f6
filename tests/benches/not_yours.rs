//! Whether the time of an answer tells what other tenants have. Asks about what another tenant has and about what does not exist,
//! in a random order, and prints both distributions of the time until the answer, and by how much they differ. Also prints the
//! time of a request on a host with three tokens, and with ten thousand.
//!
//! `cargo bench --workspace --bench not_yours`; more requests make it more sensitive: `SAGGAR_PAIRS=100000`.

#![expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use saggar::api::{Bound, Limits, Role, Token, Tokens};
use saggar::{Allocator, EnvAllow, Host, TenantSettings, Tenants, TenantsConfiguration};
use saggar_tests::app::App;
use saggar_tests::guests;
use serde_json::json;

/// Requests of each kind; the first tenth warms up.
const PAIRS: usize = 20_000;

/// Tokens of the host with many.
const MANY: usize = 10_000;

/// The client, another tenant, and a name that no tenant has: of one length, with no letter in common.
const OWN: &str = "qavix";
const THEIRS: &str = "zumpy";
const NOBODY: &str = "bwtkj";

fn main() -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let pairs = match std::env::var_os("SAGGAR_PAIRS") {
        Some(text) => text.to_str().and_then(|text| text.parse().ok()).context("SAGGAR_PAIRS is a number")?,
        None => PAIRS,
    };
    let apps = [OWN, THEIRS].map(app);
    let dirs = apps.each_ref().map(|app| app.path().to_owned());
    let few = tokens(0);
    let host = runtime.block_on(start(dirs))?;
    let address = runtime.block_on(listen(&host, few))?;
    runtime.block_on(add_jobs(&host))?;
    println!("microseconds until the answer; {pairs} requests of each kind");
    for (what, path, header) in [
        ("a task", "/v1/tasks/WORD.echo", ""),
        ("a job of a task of that name", "/v1/tasks/WORD.echo/jobs/3", ""),
        ("the tenant in the header", "/v1/jobs", "saggar-tenant: WORD\r\n"),
        ("the tenant in the path", "/v1/tenants/WORD", ""),
    ] {
        let request = |word: &str| request(&path.replace("WORD", word), &header.replace("WORD", word));
        let [theirs, nobodys] = measure(address, [request(THEIRS), request(NOBODY)], 404, pairs)?;
        println!("\n{what}");
        compare(("theirs", theirs), ("nobody's", nobodys));
    }
    // A job that only the other tenant has, in a task that both have.
    let job = |id: u64| request(&format!("/v1/tasks/hello/jobs/{id}"), "");
    let [theirs, nobodys] = measure(address, [job(15), job(25)], 404, pairs)?;
    println!("\na job of a task that both have");
    compare(("theirs", theirs), ("nobody's", nobodys));

    let many = runtime.block_on(listen(&host, tokens(MANY)))?;
    let [few, _] = measure(address, [request("/v1/me", ""), request("/v1/me", "")], 200, pairs)?;
    let [many, _] = measure(many, [request("/v1/me", ""), request("/v1/me", "")], 200, pairs)?;
    println!("\na request with a valid token");
    compare(("3 tokens", few), ("10,000 tokens", many));
    runtime.block_on(host.shutdown(Duration::ZERO));
    Ok(())
}

fn app(word: &str) -> App {
    let echo = json!({ "process": "plugins.echo", "size": 1_000 });
    App::new().plugin("echo", guests::EMPTY).task(&format!("{word}.echo"), &echo).task("hello", &echo)
}

/// Returns the tokens of both tenants and of the operator, and `more`.
fn tokens(more: usize) -> Tokens {
    let token = |name: &str, tenant: &str, role| Token::new(name, tenant, role, &Token::digest_of(name)).ok();
    let own = [token(OWN, OWN, Role::Admin), token(THEIRS, THEIRS, Role::Admin), token("op", "", Role::Operator)];
    let more = (0..more).map(|number| token(&format!("more-{number}"), THEIRS, Role::Read));
    Tokens::new(own.into_iter().chain(more).flatten().collect())
}

async fn start(dirs: [PathBuf; 2]) -> anyhow::Result<Tenants> {
    let settings = |(name, dir): (&str, &PathBuf)| TenantSettings {
        name: name.into(),
        dir: dir.clone(),
        weight: 100,
        env_allow: EnvAllow::none(),
        quotas: saggar_tenant::Quotas::default(),
        grants: saggar::grant::Grants::of_tenant(),
    };
    let tenants: Vec<_> = [OWN, THEIRS].into_iter().zip(&dirs).map(settings).collect();
    let read = move || Ok(TenantsConfiguration { tenants: tenants.clone(), ..TenantsConfiguration::default() });
    let builder = Host::builder(&dirs[0]).allocator(Allocator::OnDemand);
    let host = builder.build_tenants(Arc::new(read)).await?;
    host.plugins_loaded().await;
    Ok(host)
}

async fn listen(host: &Tenants, tokens: Tokens) -> anyhow::Result<SocketAddr> {
    let bound = Bound::new("127.0.0.1:0".parse()?, &tokens)?;
    // Runs until the process ends.
    Ok(bound.listen(host.service(tokens), Limits::default())?.address())
}

/// Adds ten jobs of the client, and twenty of the other tenant.
async fn add_jobs(host: &Tenants) -> anyhow::Result<()> {
    for (tenant, jobs) in [(OWN, 10), (THEIRS, 20)] {
        let host = host.host(tenant).context("a tenant")?;
        for task in ["hello".to_owned(), format!("{tenant}.echo")] {
            for _ in 0..jobs {
                host.add(&task, "[]").await?;
            }
        }
        host.idle().await;
    }
    Ok(())
}

fn request(path: &str, header: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {OWN}\r\n{header}\r\n")
}

/// Sends both requests in a random order on one connection; returns the times of each, sorted.
fn measure(address: SocketAddr, requests: [String; 2], status: u16, pairs: usize) -> anyhow::Result<[Vec<f64>; 2]> {
    let mut connection = BufReader::new(TcpStream::connect(address)?);
    connection.get_ref().set_nodelay(true)?;
    let mut times = [Vec::new(), Vec::new()];
    let warm_up = pairs / 10;
    for number in 0..pairs + warm_up {
        let first = usize::from(fastrand::bool());
        for at in [first, 1 - first] {
            let began = Instant::now();
            connection.get_mut().write_all(requests[at].as_bytes())?;
            let (answered, found) = answer(&mut connection)?;
            ensure!(found == status, "{} is answered {found}", requests[at]);
            if number >= warm_up {
                times[at].push((answered - began).as_nanos() as f64 / 1_000.0);
            }
        }
    }
    times.iter_mut().for_each(|times| times.sort_by(f64::total_cmp));
    Ok(times)
}

/// Reads an answer; returns when its first line came, and its status.
fn answer(connection: &mut BufReader<TcpStream>) -> anyhow::Result<(Instant, u16)> {
    let mut line = String::new();
    connection.read_line(&mut line)?;
    let answered = Instant::now();
    let status = line.split(' ').nth(1).context("a status")?.parse()?;
    let mut length = 0;
    loop {
        line.clear();
        connection.read_line(&mut line)?;
        match line.trim_end().split_once(": ") {
            None => break,
            Some((name, value)) if name.eq_ignore_ascii_case("content-length") => length = value.parse()?,
            Some(_) => {}
        }
    }
    let mut body = vec![0; length];
    connection.read_exact(&mut body)?;
    Ok((answered, status))
}

/// Prints two sorted samples, and the largest distance between their distribution functions (Kolmogorov and Smirnov), with the
/// distance that two samples of one distribution exceed once in a hundred times.
fn compare(one: (&str, Vec<f64>), other: (&str, Vec<f64>)) {
    for (name, times) in [&one, &other] {
        let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize];
        let mean = times.iter().sum::<f64>() / times.len() as f64;
        println!(
            "  {name:<14} mean {mean:7.2}  p1 {:7.2}  p10 {:7.2}  p50 {:7.2}  p90 {:7.2}  p99 {:7.2}",
            at(0.01),
            at(0.1),
            at(0.5),
            at(0.9),
            at(0.99)
        );
    }
    let (one, other) = (one.1, other.1);
    let below = |times: &[f64], limit: f64| times.partition_point(|time| *time <= limit) as f64 / times.len() as f64;
    let distance = |limit: &f64| (below(&one, *limit) - below(&other, *limit)).abs();
    let largest = one.iter().chain(&other).map(distance).fold(0.0, f64::max);
    let chance = 1.63 * ((one.len() + other.len()) as f64 / (one.len() as f64 * other.len() as f64)).sqrt();
    let verdict = if largest <= chance { "not distinguishable" } else { "distinguishable" };
    println!("  distance {largest:.4}; by chance up to {chance:.4} (99 of 100): {verdict}");
}
