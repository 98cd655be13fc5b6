//! The reader's own side: shut in, then one mail after the other until its pipe closes.

use std::io::{self, BufReader, BufWriter, Read, Write};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use super::cage;
use super::tool;
use super::wire::{
    Drill, READER, Reply, Request, SHORT, TOOL, begin, clear, hear, put, receive, receive_into,
    say, send,
};
use crate::message::{self, Host, Tool};

/// Answers to small mails are written together, up to so many bytes: each write wakes the daemon.
const ANSWERS: usize = 32 << 10;
/// No answer waits for a mail that is longer, in bytes,
const SMALL: usize = 16 << 10;
/// nor for more than one that takes longer to be read.
const SOON: Duration = Duration::from_millis(5);

/// Makes a mail's content of its bytes.
pub type Parser = fn(&[u8], &mut dyn Host) -> message::Content;

/// Runs as the reader or as a tool's cage where the arguments say so. Call it first in `main`, before any thread.
pub fn run_if_asked() -> Option<ExitCode> {
    run_with(message::read)
}

/// The same with mails read by `read`: for programs that try the cage by a parser which is not ours.
pub fn run_with(read: Parser) -> Option<ExitCode> {
    let mut arguments = std::env::args_os().skip(1);
    match arguments.next()?.to_str()? {
        READER => Some(finish(serve(read))),
        TOOL => Some(finish(tool::exec(arguments.next()?.to_str()?))),
        _ => None,
    }
}

fn finish(outcome: io::Result<()>) -> ExitCode {
    outcome.map_or(ExitCode::FAILURE, |()| ExitCode::SUCCESS)
}

fn serve(read: Parser) -> io::Result<()> {
    // A panic is caught and told as damage; its message may hold what a mail says.
    std::panic::set_hook(Box::new(|_| {}));
    let cage = cage::reader()?;
    let mut pipe = Pipe {
        from: BufReader::new(io::stdin().lock()),
        to: BufWriter::with_capacity(ANSWERS, io::stdout().lock()),
        held: Vec::new(),
        said: Vec::new(),
        whole: false,
        kept: 0,
        broken: None,
        late_at: None,
    };
    say(
        &mut pipe.to,
        &format!("{:?} {:?}", cage.landlock, cage.seccomp),
    )?;
    loop {
        match hear(&mut pipe.from) {
            Ok(Request::Read(open_for)) => {
                pipe.late_at = Some(Instant::now() + open_for);
                match pipe.receive()? {
                    Some(raw) => pipe.read(|pipe| read(&raw, pipe))?,
                    None => pipe.read(|pipe| message::read_large(pipe.length(), pipe))?,
                }
            }
            Ok(Request::ReadMany(open_for, mails)) => {
                // All before the first is answered: what comes then answers a question of ours.
                let mails = (0..mails).map(|_| receive(&mut pipe.from));
                let mails = mails.collect::<io::Result<Vec<_>>>()?;
                for (n, raw) in mails.iter().enumerate() {
                    let begin = Instant::now();
                    pipe.late_at = Some(begin + open_for);
                    pipe.read(|pipe| read(raw, pipe))?;
                    let next = mails.get(n + 1);
                    if next.is_some_and(|next| next.len() > SMALL) || begin.elapsed() > SOON {
                        pipe.to.flush()?;
                    }
                }
            }
            Ok(Request::ReadBodyOnly) => match pipe.receive()? {
                Some(raw) => pipe.read(|pipe| message::read_body_only(&raw, pipe))?,
                None => pipe.read(|pipe| message::read_large_body_only(pipe.length(), pipe))?,
            },
            Ok(Request::ReadLarge(open_for, bytes)) => {
                pipe.late_at = Some(Instant::now() + open_for);
                pipe.whole = false;
                pipe.read(|pipe| message::read_large(bytes, pipe))?;
            }
            Ok(Request::ReadLargeBodyOnly(bytes)) => {
                pipe.whole = false;
                pipe.read(|pipe| message::read_large_body_only(bytes, pipe))?;
            }
            Ok(Request::Drill(drill)) => say(&mut pipe.to, &Reply::Drilled(attempt(drill)))?,
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(()),
            Err(error) => return Err(error),
        }
        pipe.to.flush()?;
    }
}

/// The daemon at the other end.
struct Pipe<R: Read, W: Write> {
    from: R,
    to: W,
    /// The mail whole, or the last piece that was asked for.
    held: Vec<u8>,
    whole: bool,
    /// What was told last, in whose place the next is written.
    said: Vec<u8>,
    /// Files of the mail that the daemon has; each is known by how many were before it.
    kept: usize,
    broken: Option<io::Error>,
    late_at: Option<Instant>,
}

impl<R: Read, W: Write> Pipe<R, W> {
    fn read(&mut self, read: impl FnOnce(&mut Self) -> message::Content) -> io::Result<()> {
        self.kept = 0;
        let content = read(self);
        if let Some(error) = self.broken.take() {
            return Err(error);
        }
        begin(&mut self.to, &Reply::Content)?;
        serde_json::to_writer(&mut self.said, &content)?;
        put(&mut self.to, &self.said)?;
        clear(&mut self.said);
        put(&mut self.to, content.text.as_bytes())?;
        Ok(())
    }

    /// A short mail; a longer one is held, to be read as a large one is.
    fn receive(&mut self) -> io::Result<Option<Vec<u8>>> {
        self.whole = true;
        receive_into(&mut self.from, &mut self.held)?;
        let short = self.held.len() <= SHORT;
        Ok(short.then(|| std::mem::take(&mut self.held)))
    }

    fn piece(&mut self, from: u64, length: usize) -> io::Result<()> {
        say(&mut self.to, &Reply::Piece(from, length))?;
        receive_into(&mut self.from, &mut self.held)
    }

    fn length(&self) -> u64 {
        self.held.len() as u64
    }

    fn ask(&mut self, tool: Tool) -> io::Result<Result<Vec<u8>, String>> {
        say(&mut self.to, &Reply::Run(tool))?;
        let worked: bool = hear(&mut self.from)?;
        let answer = receive(&mut self.from)?;
        Ok(if worked {
            Ok(answer)
        } else {
            Err(String::from_utf8_lossy(&answer).into_owned())
        })
    }
}

impl<R: Read, W: Write> Host for Pipe<R, W> {
    fn keep(&mut self, bytes: &[u8]) -> String {
        let kept = begin(&mut self.to, &Reply::Keep).and_then(|()| send(&mut self.to, bytes));
        self.broken = self.broken.take().or(kept.err());
        self.kept += 1;
        (self.kept - 1).to_string()
    }

    fn run(&mut self, tool: Tool) -> Result<Vec<u8>, String> {
        self.ask(tool).unwrap_or_else(|error| {
            self.broken = Some(error);
            Err("解析程序中断".to_string())
        })
    }

    fn raw(&mut self, from: u64, length: usize) -> &[u8] {
        if self.whole {
            let rest = self.held.get(from as usize..).unwrap_or_default();
            return &rest[..length.min(rest.len())];
        }
        if let Err(error) = self.piece(from, length) {
            self.broken = Some(error);
            self.held.clear();
        }
        &self.held
    }

    fn is_late(&self) -> bool {
        self.late_at.is_some_and(|at| Instant::now() >= at)
    }
}

/// Tries what a hijacked reader would; says what came of it.
fn attempt(drill: Drill) -> String {
    let tried = match drill {
        Drill::Exit => std::process::exit(3),
        Drill::Hang => loop {
            std::thread::sleep(std::time::Duration::from_secs(3600));
        },
        Drill::Allocate => {
            let mut hoard = Vec::new();
            loop {
                hoard.push(vec![1u8; 64 << 20]);
                std::hint::black_box(&hoard);
            }
        }
        Drill::OpenSocket => std::net::UdpSocket::bind("127.0.0.1:0").map(drop),
        Drill::OpenFile => std::fs::File::open("/etc/hostname").map(drop),
        Drill::WriteFile => std::fs::write("/tmp/baosong-drill", "drill"),
        Drill::StartProcess => std::process::Command::new("/bin/true").status().map(drop),
    };
    match tried {
        Ok(()) => "done".to_string(),
        Err(error) => format!("refused: {error}"),
    }
}
