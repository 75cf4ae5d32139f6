//! `saggar add --file`: adds one job per line, as fast as lines arrive and the queue has room.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail};
use saggar_client::{BulkAdd, Client, ClientError, new_key};
use saggar_wire::{AddedJob, BatchJob};
use serde_json::value::RawValue;
use tokio::sync::mpsc;

use super::{USAGE, add, job_view, output};
use crate::cli::client::Add;

/// Maximum length of a line in bytes: the largest arguments (4 MiB), and the rest of the object.
const MAX_LINE: u64 = (4 << 20) + (64 << 10);

/// Maximum number of jobs in a batch that the reader passes to the sender.
const MAX_JOBS: usize = 1_000;

/// A batch is passed on once its lines have this many bytes.
const MAX_BYTES: usize = 1 << 20;

/// Capacity of the channel in batches: reading continues during a request, and memory stays bounded.
const CHANNEL_BATCHES: usize = 2;

/// The byte order mark, which some editors write at the start of a file.
const BYTE_ORDER_MARK: &str = "\u{feff}";

/// Delay before a retry if the queue is full: one second, as the host suggests.
const FULL_PAUSE: Duration = Duration::from_secs(1);

/// A batch of jobs with their line numbers (from 1), or the error that ends the reading.
type Lines = anyhow::Result<Vec<(u64, BatchJob)>>;

pub(crate) async fn run(client: &Client, args: &Add, file: &Path) -> anyhow::Result<u8> {
    let key = args.key.clone().unwrap_or_else(new_key);
    let mut bulk = BulkAdd::new(client, &args.task, key.clone())?;
    let (sender, mut lines) = mpsc::channel(CHANNEL_BATCHES);
    let source: Box<dyn Read + Send> = match file.to_str() {
        Some("-") => Box::new(std::io::stdin()),
        _ => match File::open(file) {
            Ok(file) => Box::new(file),
            Err(error) => {
                say!("saggar: cannot read {}: {error}", file.display());
                return Ok(USAGE);
            }
        },
    };
    // Not awaited, because reading standard input can block until the user types.
    tokio::task::spawn_blocking(move || read(source, &sender));
    let (mut ids, mut failure) = (Vec::new(), None);
    while failure.is_none()
        && let Some(read) = lines.recv().await
    {
        take(read, &mut bulk, args, &mut failure);
        while failure.is_none()
            && !bulk.is_full()
            && let Ok(read) = lines.try_recv()
        {
            take(read, &mut bulk, args, &mut failure);
        }
        // The jobs that were read before an error are added.
        let context = |ids: &[u64]| format!("{} jobs were added (with --key {key}, no line is added twice)", ids.len());
        add_all(&mut bulk, args, &mut ids).await.with_context(|| context(&ids))?;
    }
    if let Some(failure) = failure {
        say!("saggar: {failure:#}; jobs added from the lines before it: {}", ids.len());
        return Ok(USAGE);
    }
    if args.wait { wait_for(client, args, &ids).await } else { Ok(0) }
}

fn take(read: Lines, bulk: &mut BulkAdd<'_>, args: &Add, failure: &mut Option<anyhow::Error>) {
    match read {
        Ok(jobs) => jobs.into_iter().for_each(|(line, job)| {
            let job = BatchJob {
                delay_ms: job.delay_ms.or_else(|| add::delay_ms(args)),
                run_at: job.run_at.or_else(|| args.at.clone()),
                priority: job.priority.or(args.priority),
                unique: job.unique.or_else(|| args.unique.clone()),
                ..job
            };
            bulk.push(line, job);
        }),
        Err(error) => *failure = Some(error),
    }
}

async fn add_all(bulk: &mut BulkAdd<'_>, args: &Add, ids: &mut Vec<u64>) -> anyhow::Result<()> {
    let mut has_reported = false;
    while bulk.next_line().is_some() {
        let Some(added) = bulk.add_next().await.map_err(|error| at_line(bulk, error))? else {
            if !std::mem::replace(&mut has_reported, true) {
                say!("saggar: the queue of {} is full; waiting for room", args.task);
            }
            tokio::time::sleep(FULL_PAUSE).await;
            continue;
        };
        ids.extend(added.iter().map(|job| job.id));
        if !args.wait {
            output::write(&added.iter().map(|job| shown(*job, args.host.json)).collect::<String>())?;
        }
    }
    Ok(())
}

/// Formats the output line of an added job.
fn shown(AddedJob { id, new }: AddedJob, as_json: bool) -> String {
    if as_json { format!("{{\"id\":{id},\"new\":{new}}}\n") } else { format!("{id}\n") }
}

/// Adds the line number to an error about one job.
fn at_line(bulk: &BulkAdd<'_>, error: ClientError) -> anyhow::Error {
    match bulk.next_line().filter(|_| error.concerns_job()) {
        Some(line) => anyhow::Error::new(error).context(format!("line {line}")),
        None => error.into(),
    }
}

/// Waits for the jobs in order, and prints the result of each; returns the largest exit code.
async fn wait_for(client: &Client, args: &Add, ids: &[u64]) -> anyhow::Result<u8> {
    let mut worst = 0;
    for &id in ids {
        let ended = client.wait(&args.task, id).await?;
        worst = job_view::print_end(&ended.parse()?, ended.text(), args.host.json)?.max(worst);
    }
    Ok(worst)
}

/// Reads lines and sends their jobs: in batches if many lines are buffered, and at once if they arrive one by one.
fn read(source: impl Read, to: &mpsc::Sender<Lines>) {
    let mut source = BufReader::with_capacity(MAX_BYTES, source);
    let (mut number, mut jobs, mut bytes) = (0_u64, Vec::new(), 0);
    loop {
        number += 1;
        let (mut line, end) = match next(&mut source) {
            Ok(Some(line)) => (line, None),
            Ok(None) => (Vec::new(), Some(None)),
            Err(error) => (Vec::new(), Some(Some(error))),
        };
        if number == 1 && line.starts_with(BYTE_ORDER_MARK.as_bytes()) {
            line.drain(..BYTE_ORDER_MARK.len());
        }
        bytes += line.len();
        let end = end.or_else(|| match job(&line) {
            Ok(job) => {
                jobs.extend(job.map(|job| (number, job)));
                None
            }
            Err(error) => Some(Some(error)),
        });
        let is_due = end.is_some() || jobs.len() >= MAX_JOBS || bytes >= MAX_BYTES || !source.buffer().contains(&b'\n');
        // Sending fails when the command is over.
        if is_due && !jobs.is_empty() && to.blocking_send(Ok(std::mem::take(&mut jobs))).is_err() {
            return;
        }
        if is_due {
            bytes = 0;
        }
        match end {
            None => {}
            Some(None) => return,
            Some(Some(error)) => {
                let _ = to.blocking_send(Err(error.context(format!("line {number}"))));
                return;
            }
        }
    }
}

/// Reads the next line; `None` at the end.
fn next(source: &mut impl BufRead) -> anyhow::Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    source.by_ref().take(MAX_LINE).read_until(b'\n', &mut line).context("cannot read it")?;
    if line.len() as u64 == MAX_LINE && !line.ends_with(b"\n") {
        bail!("the line is longer than {MAX_LINE} bytes");
    }
    Ok(Some(line).filter(|line| !line.is_empty()))
}

/// Parses the job of a line; `None` if the line is blank.
fn job(line: &[u8]) -> anyhow::Result<Option<BatchJob>> {
    let text = std::str::from_utf8(line).context("invalid UTF-8")?.trim();
    // It is invisible in most editors, so the general error would not help.
    if text.starts_with(BYTE_ORDER_MARK) {
        bail!("a byte order mark (U+FEFF) is allowed only at the start of the input; remove it from this line");
    }
    Ok(match text.as_bytes().first() {
        None => None,
        Some(b'[') => {
            let args: Box<RawValue> = serde_json::from_str(text).context("invalid JSON")?;
            Some(BatchJob { args: Some(args), delay_ms: None, run_at: None, priority: None, unique: None, key: None })
        }
        Some(b'{') => Some(serde_json::from_str(text).context("invalid job")?),
        Some(_) => {
            bail!(r#"expected a JSON array, the job's arguments, or an object such as {{"args":[1],"delay_ms":500}}"#)
        }
    })
}
