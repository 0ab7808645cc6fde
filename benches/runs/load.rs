//! The load: clients that each hold one connection and send the same bytes again and again.
//!
//! Written on bare sockets, because whatever it costs is taken from the daemon's share of the
//! machine. It reads answers that say their length, and no others.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::Outcome;

/// How long a load runs before anything is counted.
const WARM_UP: Duration = Duration::from_millis(200);

/// A request with a JSON body, as it goes over the wire.
pub fn post(path: &str, body: &str) -> Vec<u8> {
    format!(
        "POST {path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// A request without a body.
pub fn get(path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n").into_bytes()
}

/// A connection that is kept.
pub struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

/// An answer, as long as it stands in the connection's buffer.
pub struct Answer<'a> {
    /// The status.
    pub status: u16,
    /// The body.
    pub body: &'a [u8],
}

impl Answer<'_> {
    /// The body as text, of an answer with this status.
    pub fn expect(&self, status: u16) -> Outcome<String> {
        let text = String::from_utf8_lossy(self.body).into_owned();
        if self.status == status {
            Ok(text)
        } else {
            Err(format!("the answer is {} and not {status}: {text}", self.status).into())
        }
    }
}

impl Connection {
    /// Connects.
    pub async fn open(addr: SocketAddr) -> Outcome<Self> {
        let stream = TcpStream::connect(addr).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: Vec::with_capacity(4096) })
    }

    /// Sends a request and reads its answer.
    pub async fn exchange(&mut self, request: &[u8]) -> Outcome<Answer<'_>> {
        self.stream.write_all(request).await?;
        self.buffer.clear();
        let (status, head, length) = loop {
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                return Err("the connection was closed without an answer".into());
            }
            if let Some(found) = head(&self.buffer)? {
                break found;
            }
        };
        while self.buffer.len() < head + length {
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                return Err("the connection was closed in the middle of an answer".into());
            }
        }
        Ok(Answer { status, body: &self.buffer[head..head + length] })
    }
}

/// The status, the size of the head and that of the body, once the head is whole.
fn head(bytes: &[u8]) -> Outcome<Option<(u16, usize, usize)>> {
    let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else { return Ok(None) };
    let head = std::str::from_utf8(&bytes[..end])?;
    let status = head.get(9..12).ok_or("an answer without a status")?.parse()?;
    let length = head
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .ok_or("an answer that does not say its length")?;
    Ok(Some((status, end + 4, length.1.trim().parse()?)))
}

/// One answer of a server.
pub async fn ask(addr: SocketAddr, request: &[u8], status: u16) -> Outcome<String> {
    Connection::open(addr).await?.exchange(request).await?.expect(status)
}

/// A load: the same request from so many clients for so long.
#[derive(Clone, Copy)]
pub struct Load<'a> {
    /// Where to.
    pub addr: SocketAddr,
    /// The bytes of a request.
    pub request: &'a [u8],
    /// What every answer must be.
    pub status: u16,
    /// How many connections.
    pub clients: usize,
    /// How long, the warm-up apart.
    pub length: Duration,
}

/// What came of a load, or of several.
#[derive(Default)]
pub struct Measured {
    /// How long each answer took that was counted.
    pub taken: Vec<Duration>,
    /// All answers, the warm-up's too.
    pub all: usize,
    /// The time in which they were counted.
    pub elapsed: Duration,
}

impl Measured {
    /// Adds another load's.
    pub fn add(&mut self, other: Self) {
        self.taken.extend(other.taken);
        self.all += other.all;
        self.elapsed += other.elapsed;
    }

    /// Answers a second.
    pub fn rate(&self) -> f64 {
        self.taken.len() as f64 / self.elapsed.as_secs_f64()
    }

    /// The time that so many of a hundred answers took at most.
    pub fn percentile(&self, percent: usize) -> Duration {
        let mut sorted = self.taken.clone();
        sorted.sort_unstable();
        sorted.get(sorted.len() * percent / 100).copied().unwrap_or_default()
    }
}

impl Load<'_> {
    /// Puts the load on the server.
    pub async fn run(self) -> Outcome<Measured> {
        let begin = Instant::now() + WARM_UP;
        let end = begin + self.length;
        let mut clients = JoinSet::new();
        for _ in 0..self.clients {
            let mut connection = Connection::open(self.addr).await?;
            let request = self.request.to_vec();
            clients.spawn(async move {
                let (mut taken, mut all) = (Vec::with_capacity(1 << 16), 0);
                loop {
                    let sent = Instant::now();
                    if sent >= end {
                        return Outcome::Ok((taken, all));
                    }
                    let answer = connection.exchange(&request).await?;
                    if answer.status != self.status {
                        answer.expect(self.status)?;
                    }
                    all += 1;
                    if sent >= begin {
                        taken.push(sent.elapsed());
                    }
                }
            });
        }
        let mut measured = Measured::default();
        while let Some(client) = clients.join_next().await {
            let (taken, all) = client??;
            measured.taken.extend(taken);
            measured.all += all;
        }
        measured.elapsed = begin.elapsed();
        Ok(measured)
    }
}
