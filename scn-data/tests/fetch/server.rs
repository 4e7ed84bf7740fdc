//! A server on this machine that answers correctly, wrongly or not at all.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// Answer of the server to one request.
#[derive(Clone, Copy)]
pub(crate) enum Answer {
    /// The whole file, or the range asked for.
    Right,
    /// The whole file, whatever the range.
    IgnoreRange,
    /// A different range from the one asked for.
    WrongRange,
    /// This many bytes, then the connection closes.
    CutAfter(usize),
    /// The whole file, with this length in the header.
    Claim(usize),
    /// This HTTP status.
    Status(u16),
    /// The header and some bytes, then nothing.
    Stall,
    /// The header, then single bytes with pauses.
    Drip,
    /// Nothing: the connection closes.
    Nothing,
    /// Something other than HTTP.
    Noise,
    /// These header lines, then the bytes of this range.
    Say(&'static [&'static str], usize, usize),
}

/// A server of one file that answers one request after another, and records the requests.
pub(crate) struct Server {
    pub(crate) base: String,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Server {
    pub(crate) fn new(bytes: Vec<u8>, answers: &[Answer]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let base = format!("http://{}/", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (noted, answers) = (Arc::clone(&requests), answers.to_vec());
        thread::spawn(move || {
            let mut stalled = Vec::new();
            for answer in answers {
                let (mut stream, _) = listener.accept().unwrap();
                let request = head(&stream);
                let range = range(&request);
                noted.lock().unwrap().push(request);
                // The client may close the connection at any time.
                let _ = reply(&mut stream, answer, &bytes, range);
                if matches!(answer, Answer::Stall) {
                    stalled.push(stream);
                }
            }
            // Keep stalled connections open for longer than the client waits.
            thread::sleep(Duration::from_millis(1500));
        });
        Self { base, requests }
    }

    /// Returns the start of the range in each request so far.
    pub(crate) fn ranges(&self) -> Vec<Option<usize>> {
        self.requests
            .lock()
            .unwrap()
            .iter()
            .map(|request| range(request))
            .collect()
    }

    /// Returns the text of a request.
    pub(crate) fn request(&self, index: usize) -> String {
        self.requests.lock().unwrap()[index].to_lowercase()
    }
}

fn head(stream: &TcpStream) -> String {
    BufReader::new(stream)
        .lines()
        .map_while(Result::ok)
        .take_while(|line| !line.is_empty())
        .collect::<Vec<_>>()
        .join("\n")
}

fn range(request: &str) -> Option<usize> {
    let request = request.to_lowercase();
    let (_, range) = request.split_once("range: bytes=")?;
    range.split('-').next()?.parse().ok()
}

fn reply(
    stream: &mut TcpStream,
    answer: Answer,
    bytes: &[u8],
    range: Option<usize>,
) -> std::io::Result<()> {
    match answer {
        Answer::Nothing => return Ok(()),
        Answer::Noise => return stream.write_all(b"220 mail.example ready\r\n"),
        Answer::Say(lines, from, to) => {
            let head = lines.join("\r\n");
            write!(stream, "{head}\r\nConnection: close\r\n\r\n")?;
            return stream.write_all(&bytes[from..to]);
        }
        _ => {}
    }
    let range = range.filter(|_| !matches!(answer, Answer::IgnoreRange));
    let rest = bytes.get(range.unwrap_or(0)..).unwrap_or_default();
    let length = match answer {
        Answer::Claim(length) => length,
        _ => rest.len(),
    };
    match (answer, range) {
        (Answer::Status(status), _) => write!(
            stream,
            "HTTP/1.1 {status} no\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        )?,
        (_, Some(first)) => {
            let shown = if matches!(answer, Answer::WrongRange) {
                first + 1
            } else {
                first
            };
            write!(
                stream,
                "HTTP/1.1 206 Partial\r\nContent-Range: bytes {shown}-{}/{}\r\nContent-Length: {length}\r\n\
                 Connection: close\r\n\r\n",
                bytes.len() - 1,
                bytes.len()
            )?;
        }
        (_, None) => write!(
            stream,
            "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
        )?,
    }
    match answer {
        Answer::Status(_) => {}
        Answer::CutAfter(count) => stream.write_all(&rest[..count])?,
        Answer::Drip => {
            for byte in &rest[..200] {
                stream.write_all(&[*byte])?;
                thread::sleep(Duration::from_millis(10));
            }
        }
        Answer::Stall => stream.write_all(&rest[..10])?,
        _ => stream.write_all(rest)?,
    }
    stream.flush()
}
