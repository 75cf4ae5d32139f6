//! Reading and writing records.

use std::borrow::Cow;

use saggar_sandbox::{Observation, Observed, Stop};
use serde::{Deserialize, Serialize};

use crate::effects::{Effects, Report};
use crate::entry::{CallEnd, CallHeader, Entry, Header};
use crate::question::{Question, Reply};

/// The first bytes of a record, with the version of the format.
const MAGIC: &[u8] = b"saggar record 1\n";

/// The version of the format in documents.
const VERSION: u32 = 1;

/// Why a record cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// It begins with something else.
    #[error("it is no record of an attempt, or one of another version of Saggar")]
    Foreign,
    /// An entry cannot be read.
    #[error("the record is damaged at byte {at} of {bytes}")]
    Damaged {
        /// Where.
        at: usize,
        /// The bytes of the record.
        bytes: usize,
    },
    /// The entries are not in the order in which they are written.
    #[error("the record is damaged: entry {0} is at the wrong place")]
    Misplaced(usize),
    /// There is no end.
    #[error("the record is not complete")]
    Incomplete,
}

/// A record as a document that people can read.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Document {
    /// The version of the format.
    pub record: u32,
    /// Information about the record.
    pub header: Header<'static>,
    /// Its entries.
    pub entries: Vec<Entry<'static>>,
}

/// A record of an attempt.
#[derive(Debug, Clone)]
pub struct Record {
    /// Information about it.
    pub header: Header<'static>,
    /// The calls that the instance had served before, and last the attempt's own.
    pub calls: Vec<RecordedCall>,
    /// How the attempt's call ended.
    pub end: CallEnd<'static>,
}

/// A call of a record.
#[derive(Debug, Clone)]
pub struct RecordedCall {
    /// What it began with.
    pub header: CallHeader<'static>,
    /// What the guest asked and observed, in this order.
    pub steps: Vec<Step>,
    /// Its log and progress.
    pub effects: Effects,
}

/// Something that a guest asked or observed. Without an answer if the guest was stopped meanwhile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// A question with its reply.
    Asked(Question<'static>, Option<Reply<'static>>),
    /// An observation.
    Observed(Observation, Option<Observed>),
}

impl Step {
    /// Returns whether the guest was answered.
    pub(crate) fn is_answered(&self) -> bool {
        !matches!(self, Self::Asked(_, None) | Self::Observed(_, None))
    }

    /// Returns whether it is a question that was asked beside the guest.
    pub(crate) fn is_concurrent(&self) -> bool {
        matches!(self, Self::Asked(question, _) if question.is_concurrent())
    }
}

/// Writes a record: a header, the entries of calls as a journal has them, and the end. `None` if a part cannot be written.
pub(crate) fn write(header: &Header<'_>, calls: &[u8], end: CallEnd<'_>) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(MAGIC.len() + calls.len() + 512);
    bytes.extend_from_slice(MAGIC);
    bytes = postcard::to_extend(header, bytes).ok()?;
    bytes.extend_from_slice(calls);
    postcard::to_extend(&Entry::End(end), bytes).ok()
}

impl Document {
    /// Reads the entries of a record.
    pub fn read(bytes: &[u8]) -> Result<Self, RecordError> {
        let mut rest = bytes.strip_prefix(MAGIC).ok_or(RecordError::Foreign)?;
        let damaged = |rest: &[u8]| RecordError::Damaged { at: bytes.len() - rest.len(), bytes: bytes.len() };
        let header;
        (header, rest) = postcard::take_from_bytes(rest).map_err(|_| damaged(rest))?;
        let mut entries = Vec::new();
        while !rest.is_empty() {
            let entry;
            (entry, rest) = postcard::take_from_bytes(rest).map_err(|_| damaged(rest))?;
            entries.push(entry);
        }
        Ok(Self { record: VERSION, header, entries })
    }
}

impl Record {
    /// Reads a record.
    pub fn read(bytes: &[u8]) -> Result<Self, RecordError> {
        Document::read(bytes)?.try_into()
    }

    /// Returns the attempt's own call; the record has at least this one.
    pub fn last_call(&self) -> Option<&RecordedCall> {
        self.calls.last()
    }

    /// Returns why the host stopped the attempt's call; `None` if it ended by itself.
    pub fn stop(&self) -> Option<Stop> {
        match self.end.result.as_ref().err()?.kind.as_ref() {
            "timeout" => Some(Stop::Timeout),
            "cancelled" => Some(Stop::Cancelled),
            _ => None,
        }
    }
}

impl TryFrom<Document> for Record {
    type Error = RecordError;

    fn try_from(document: Document) -> Result<Self, RecordError> {
        let Document { record, header, entries } = document;
        if record != VERSION {
            return Err(RecordError::Foreign);
        }
        let (mut calls, mut running, mut end) = (Vec::new(), None::<RunningCall>, None);
        for (at, entry) in entries.into_iter().enumerate() {
            let misplaced = || RecordError::Misplaced(at);
            match (entry, running.take()) {
                _ if end.is_some() => return Err(misplaced()),
                (Entry::Call(header), None) => running = Some(RunningCall::new(header)),
                (Entry::Returned, Some(call)) => calls.push(call.call),
                (Entry::End(of_last), Some(call)) => {
                    calls.push(call.call);
                    end = Some(of_last);
                }
                (entry, Some(mut call)) => {
                    call.add(entry).ok_or_else(misplaced)?;
                    running = Some(call);
                }
                (_, None) => return Err(misplaced()),
            }
        }
        Ok(Self { header, calls, end: end.ok_or(RecordError::Incomplete)? })
    }
}

/// A call whose entries are being read.
struct RunningCall {
    call: RecordedCall,
    /// The steps of its questions.
    questions: Vec<usize>,
}

impl RunningCall {
    fn new(header: CallHeader<'static>) -> Self {
        Self { call: RecordedCall { header, steps: Vec::new(), effects: Effects::default() }, questions: Vec::new() }
    }

    /// Adds an entry; `None` if it cannot be at this place.
    fn add(&mut self, entry: Entry<'static>) -> Option<()> {
        let RecordedCall { steps, effects, .. } = &mut self.call;
        match entry {
            Entry::Question(question) => {
                self.questions.push(steps.len());
                steps.push(Step::Asked(question, None));
            }
            Entry::Reply(reply) => answer(steps, *self.questions.last()?, reply)?,
            Entry::LateReply(question, reply) => {
                answer(steps, *self.questions.get(usize::try_from(question).ok()?)?, reply)?;
            }
            Entry::Waits(what) => steps.push(Step::Observed(what, None)),
            Entry::Observed(what, observed) => {
                let observed = Step::Observed(what, Some(observed.into_owned()));
                // What the guest waited for; questions beside it may have been asked meanwhile.
                match steps.iter_mut().rfind(|step| !step.is_concurrent()) {
                    Some(waiting) if *waiting == Step::Observed(what, None) => *waiting = observed,
                    _ => steps.push(observed),
                }
            }
            Entry::Progress(current, total, message) => {
                effects.report(Report { current, total, message: Cow::into_owned(message) });
            }
            Entry::Log(source, text) => effects.log(source.into(), Cow::into_owned(text)),
            Entry::Call(_) | Entry::Returned | Entry::End(_) => return None,
        }
        Some(())
    }
}

fn answer(steps: &mut [Step], at: usize, reply: Reply<'static>) -> Option<()> {
    match steps.get_mut(at)? {
        Step::Asked(_, empty @ None) => {
            *empty = Some(reply);
            Some(())
        }
        Step::Asked(_, Some(_)) | Step::Observed(..) => None,
    }
}
