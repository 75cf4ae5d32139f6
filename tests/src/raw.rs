//! A client that sends arbitrary bytes and reads the responses, for requests that an HTTP library would not send.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use serde_json::Value;

use crate::server::Server;
use crate::timeout::TIMEOUT;

/// A connection.
#[derive(Debug)]
pub struct Raw {
    stream: TcpStream,
    /// Bytes read beyond the responses so far.
    rest: Vec<u8>,
}

/// A response.
#[derive(Debug)]
pub struct RawAnswer {
    /// The status.
    pub status: u16,
    /// The lines of the head after the first, in lower case.
    pub headers: Vec<String>,
    /// The body.
    pub body: Vec<u8>,
}

impl Server {
    /// Opens a connection.
    pub fn connect(&self) -> Raw {
        let stream = TcpStream::connect(self.address()).expect("the server accepts a connection");
        stream.set_read_timeout(Some(TIMEOUT)).expect("a socket has a timeout");
        stream.set_write_timeout(Some(TIMEOUT)).expect("a socket has a timeout");
        Raw { stream, rest: Vec::new() }
    }

    /// Sends these bytes on a connection of their own and reads the response.
    pub fn raw(&self, bytes: impl AsRef<[u8]>) -> RawAnswer {
        self.connect().exchange(bytes.as_ref(), false)
    }

    /// Like [`raw`](Self::raw), then closes the sending half.
    pub fn raw_and_no_more(&self, bytes: impl AsRef<[u8]>) -> RawAnswer {
        self.connect().exchange(bytes.as_ref(), true)
    }

    /// Returns the head of a request with `Host` and these headers, each of which ends with a line break.
    pub fn head(&self, line: &str, headers: &str) -> String {
        format!("{line} HTTP/1.1\r\nhost: {}\r\n{headers}\r\n", self.address())
    }

    /// Returns the head of a POST of JSON.
    pub fn post_head(&self, path: &str, headers: &str) -> String {
        self.head(&format!("POST {path}"), &format!("content-type: application/json\r\n{headers}"))
    }
}

impl Raw {
    fn exchange(&mut self, bytes: &[u8], no_more: bool) -> RawAnswer {
        self.send(bytes);
        if no_more {
            self.close_sending();
        }
        let shown = || String::from_utf8_lossy(&bytes[..bytes.len().min(200)]).into_owned();
        self.answer().unwrap_or_else(|| panic!("no answer to {:?}", shown()))
    }

    /// Sends bytes. Ignores errors because the server may already have closed the connection; tests check its response.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        let _ = self.try_send(bytes);
    }

    /// Sends bytes; returns whether the server accepted them.
    pub fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        self.stream.write_all(bytes.as_ref()).is_ok()
    }

    /// Closes the sending half.
    pub fn close_sending(&mut self) {
        let _ = self.stream.shutdown(Shutdown::Write);
    }

    /// Returns a second handle, to send while the first one reads.
    pub fn second_handle(&self) -> Self {
        Self { stream: self.stream.try_clone().expect("a handle of a socket"), rest: Vec::new() }
    }

    /// Reads the next response; returns `None` if the server closes the connection instead.
    pub fn answer(&mut self) -> Option<RawAnswer> {
        let end = loop {
            match find(&self.rest, b"\r\n\r\n") {
                Some(at) => break at + 4,
                None if self.read_more() => {}
                None => {
                    assert!(self.rest.is_empty(), "half a head: {:?}", String::from_utf8_lossy(&self.rest));
                    return None;
                }
            }
        };
        let head: Vec<u8> = self.rest.drain(..end).collect();
        let head = String::from_utf8(head).expect("a head in ASCII").to_ascii_lowercase();
        let mut lines = head.trim_end().split("\r\n").map(str::to_owned);
        let first = lines.next().expect("a status line");
        let status = first.split(' ').nth(1).and_then(|status| status.parse().ok());
        let status = status.unwrap_or_else(|| panic!("no status line: {first}"));
        let headers: Vec<String> = lines.collect();
        let length = headers.iter().find_map(|line| line.strip_prefix("content-length: "));
        let length = length.map_or(0, |length| length.parse().expect("a length"));
        while self.rest.len() < length {
            assert!(self.read_more(), "the response is incomplete: {first}");
        }
        Some(RawAnswer { status, headers, body: self.rest.drain(..length).collect() })
    }

    /// Reads the next response if it begins within this time.
    pub fn answer_within(&mut self, time: Duration) -> Option<RawAnswer> {
        self.stream.set_read_timeout(Some(time)).expect("a socket has a timeout");
        let is_there = match self.stream.peek(&mut [0]) {
            Err(error) => !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut),
            Ok(_) => true,
        };
        self.stream.set_read_timeout(Some(TIMEOUT)).expect("a socket has a timeout");
        if is_there { self.answer() } else { None }
    }

    /// Waits until a response begins, without reading it; returns `false` if the server closes the connection instead.
    pub fn answer_has_begun(&mut self) -> bool {
        self.stream.peek(&mut [0]).is_ok_and(|bytes| bytes > 0)
    }

    /// Returns whether the server closes the connection without sending another byte.
    pub fn is_closed(&mut self) -> bool {
        self.rest.is_empty() && !self.read_more()
    }

    fn read_more(&mut self) -> bool {
        let mut some = [0; 16 * 1024];
        match self.stream.read(&mut some) {
            Ok(0) => false,
            Ok(count) => {
                self.rest.extend_from_slice(&some[..count]);
                true
            }
            Err(error) if error.kind() == ErrorKind::ConnectionReset => false,
            Err(error) => panic!("cannot read: {error}"),
        }
    }
}

impl RawAnswer {
    /// Returns the body, which must be JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Returns the code of the problem document that this must be.
    pub fn code(&self) -> String {
        assert!(self.headers.contains(&"content-type: application/problem+json".to_owned()), "{self:?}");
        let document = self.json();
        assert_eq!(document["status"], self.status, "{document}");
        document["code"].as_str().unwrap_or_else(|| panic!("{document} has no code")).to_owned()
    }
}

fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    text.windows(part.len()).position(|window| window == part)
}
