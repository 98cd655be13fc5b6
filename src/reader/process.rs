//! The daemon's side of the reader: started when needed, watched, replaced when lost.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use tracing::warn;

use super::tool;
use super::wire::{
    Drill, READER, Reply, Request, begin, clear, hear, hear_into, open, put, say, send, text_into,
};
use crate::message::Content;

/// A reader is replaced after so many mails, whatever they left behind in it.
const MAILS: usize = 20_000;
/// What all files of one mail may come to; the archives' own limits end before it.
const FILE_BYTES: u64 = 2 << 30;
/// What a reader gets of a large mail at a time, however much it asks for.
const PIECE: usize = 1 << 20;

/// Reads mails in a child process. Drop it to end the child.
pub struct Reader {
    program: PathBuf,
    spool: PathBuf,
    limit: Duration,
    running: Option<Running>,
}

/// Of a mail's time: how long files are opened, and how long reading them may take in all. The rest is for the text alone.
const OPENING: f32 = 0.45;
const FILES: f32 = 0.7;

/// Bytes that a pipe holds, and that are read from it at a time: fewer turns of the two processes.
const BUFFER: usize = 256 << 10;

/// Mails that are longer go to the reader piece by piece.
const LARGE: u64 = 8 << 20;

/// Takes the bytes of a file. Gives their sha256, and the file to read from.
pub type Keep<'a> = dyn FnMut(&mut dyn Read) -> Result<(String, File)> + 'a;

/// Where the bytes of a mail are.
#[derive(Debug, Clone, Copy)]
enum Source<'a> {
    Memory(&'a [u8]),
    File(&'a File, u64),
}

impl<'a> Source<'a> {
    fn length(self) -> u64 {
        match self {
            Self::Memory(bytes) => bytes.len() as u64,
            Self::File(_, length) => length,
        }
    }

    /// Where it lies in memory.
    fn place(self) -> Option<(usize, usize)> {
        match self {
            Self::Memory(raw) => Some(place_of(raw)),
            Self::File(..) => None,
        }
    }

    fn piece(self, from: u64, length: usize) -> io::Result<Cow<'a, [u8]>> {
        let from = from.min(self.length());
        let length = (length as u64).min(self.length() - from) as usize;
        match self {
            Self::Memory(bytes) => Ok(Cow::Borrowed(&bytes[from as usize..][..length])),
            Self::File(file, _) => {
                let mut piece = vec![0; length];
                file.read_exact_at(&mut piece, from)?;
                Ok(Cow::Owned(piece))
            }
        }
    }
}

impl Reader {
    /// `program` is one that calls [`run_if_asked`](super::run_if_asked) first of all; tools work in folders
    /// below `spool`; one mail may take `limit` of the wall clock.
    pub fn new(program: PathBuf, spool: &Path, limit: Duration) -> Self {
        Self {
            program,
            spool: spool.to_path_buf(),
            limit,
            running: None,
        }
    }

    /// Hands over short mails that are to be read next, in that order: the reader need not wait for each, nor we for it.
    /// They lie where they are until each of them was read.
    ///
    /// # Errors
    /// When no reader can be started.
    pub fn hand_over(&mut self, mails: &[&[u8]]) -> Result<()> {
        // It answers those first, and a mail may since lie where one of them lay.
        if self
            .running
            .as_ref()
            .is_some_and(|all| !all.ahead.is_empty())
        {
            self.running = None;
        }
        if mails.len() < 2 {
            return Ok(());
        }
        let (limit, open_for) = (self.limit, self.limit.mul_f32(OPENING));
        let running = self.attentive(None)?;
        let handed_over = running.timed(limit, |running| {
            begin(&mut running.to, &Request::ReadMany(open_for, mails.len()))?;
            mails.iter().try_for_each(|raw| put(&mut running.to, raw))?;
            running.to.flush()
        });
        match handed_over {
            Ok(()) => running.ahead = mails.iter().copied().map(place_of).collect(),
            Err(lost) => self.lost(&lost),
        }
        Ok(())
    }

    /// Reads a mail. A reader that is lost over it is replaced, and the mail is read without opening its files;
    /// if that loses a reader too, its content is empty but for the reason. All of it ends within the limit, and within two
    /// for one that was handed over with others.
    ///
    /// # Errors
    /// When `keep` fails, or no reader can be started: then nothing is known about the mail.
    pub fn read(&mut self, raw: &[u8], keep: &mut Keep) -> Result<Content> {
        self.read_from(Source::Memory(raw), keep)
    }

    /// The same for a mail that lies in a file, of which little stands in memory at a time.
    ///
    /// # Errors
    /// As [`read`](Self::read), and when the file cannot be read.
    pub fn read_file(&mut self, raw: &File, keep: &mut Keep) -> Result<Content> {
        let length = raw.metadata().context("cannot read the mail's file")?.len();
        self.read_from(Source::File(raw, length), keep)
    }

    fn read_from(&mut self, raw: Source, keep: &mut Keep) -> Result<Content> {
        match self.read_ahead(raw, keep)? {
            Some(content) => Ok(content),
            None => self.read_alone(raw, keep),
        }
    }

    /// Reads a mail that was handed over with others. `None` where it was not, or one of them lost the reader.
    fn read_ahead(&mut self, raw: Source, keep: &mut Keep) -> Result<Option<Content>> {
        let next = self.running.as_ref().and_then(|all| all.ahead.front());
        if next.is_none() || next.copied() != raw.place() {
            return Ok(None);
        }
        let request = Request::Read(self.limit.mul_f32(OPENING));
        let until = Instant::now() + self.limit.mul_f32(FILES);
        let content = self.attempt(&request, raw, until, keep)?;
        Ok(content.inspect_err(|lost| self.lost(lost)).ok())
    }

    fn read_alone(&mut self, raw: Source, keep: &mut Keep) -> Result<Content> {
        let begin = Instant::now();
        let open_until = begin + self.limit.mul_f32(OPENING);
        let files_until = begin + self.limit.mul_f32(FILES);
        // A reader that served others may have died of them; one that ran out of time did not.
        let served = self.running.as_ref().is_some_and(|all| all.served > 0);
        for attempt in 1..=2 {
            let open_for = open_until.saturating_duration_since(Instant::now());
            let request = match raw.length() {
                length if length > LARGE => Request::ReadLarge(open_for, length),
                _ => Request::Read(open_for),
            };
            match self.attempt(&request, raw, files_until, keep)? {
                Ok(content) => return Ok(content),
                Err(lost) => {
                    self.lost(&lost);
                    if !served || attempt == 2 || lost.kind() == io::ErrorKind::TimedOut {
                        break;
                    }
                }
            }
        }
        let request = match raw.length() {
            length if length > LARGE => Request::ReadLargeBodyOnly(length),
            _ => Request::ReadBodyOnly,
        };
        match self.attempt(&request, raw, begin + self.limit, keep)? {
            Ok(mut content) => {
                let why = "解析附件时程序中断，附件未读".to_string();
                content.incomplete.insert(0, why.clone());
                content.damage.push(why);
                return Ok(content);
            }
            Err(lost) => self.lost(&lost),
        }
        Ok(Content {
            damage: vec!["解析程序中断，邮件原件已保存".to_string()],
            incomplete: vec!["解析程序中断，邮件原件已保存".to_string()],
            ..Content::default()
        })
    }

    /// Starts the child, that the first mail need not wait for it.
    ///
    /// # Errors
    /// When it cannot be started, which the first mail tries again.
    pub fn start(&mut self) -> Result<()> {
        self.running().map(|_| ())
    }

    /// Ends the child, with the memory that it holds; the next mail starts another.
    pub fn end(&mut self) {
        self.running = None;
    }

    fn lost(&mut self, why: &io::Error) {
        warn!(%why, "reader lost over a mail");
        self.running = None;
    }

    /// Tries an attack from inside of the cage; gives what came of it, or how the reader was lost.
    ///
    /// # Errors
    /// When no reader can be started.
    pub fn drill(&mut self, drill: Drill) -> Result<String> {
        let limit = self.limit;
        let running = self.running()?;
        let told = running.timed(limit, |running| {
            say(&mut running.to, &Request::Drill(drill))?;
            hear(&mut running.from)
        });
        match told {
            Ok(Reply::Drilled(outcome)) => Ok(outcome),
            Ok(_) => bail!("the reader spoke out of turn"),
            Err(error) => {
                self.running = None;
                Ok(format!("lost: {error}"))
            }
        }
    }

    /// Which of Landlock and seccomp the kernel gives the reader, each `Full`, `Partial` or `None`.
    ///
    /// # Errors
    /// When no reader can be started.
    pub fn protections(&mut self) -> Result<(String, String)> {
        let told = &self.running()?.protections;
        let (landlock, seccomp) = told
            .split_once(' ')
            .context("the reader did not say how it is caged")?;
        Ok((landlock.to_string(), seccomp.to_string()))
    }

    /// The inner error is the loss of the reader, which may be the mail's doing.
    fn attempt(
        &mut self,
        request: &Request,
        raw: Source,
        until: Instant,
        keep: &mut Keep,
    ) -> Result<io::Result<Content>> {
        let (program, spool) = (self.program.clone(), self.spool.clone());
        let running = self.attentive(Some(raw))?;
        let is_there = running.ahead.pop_front().is_some();
        running.served += 1;
        let mut failed = None;
        let left = until.saturating_duration_since(Instant::now());
        let tools_until = match request {
            Request::Read(open_for) | Request::ReadLarge(open_for, _) => Instant::now() + *open_for,
            _ => until,
        };
        let outcome = running.timed(left, |running| {
            if !is_there {
                begin(&mut running.to, request)?;
                if raw.length() <= LARGE {
                    put(&mut running.to, &raw.piece(0, LARGE as usize)?)?;
                }
                running.to.flush()?;
            }
            let mut left = FILE_BYTES;
            let (mut names, mut last) = (Vec::new(), None);
            loop {
                match hear_into(&mut running.from, &mut running.words)? {
                    Reply::Keep => {
                        let mut file = open(&mut running.from)?;
                        left = left.checked_sub(file.limit()).ok_or_else(breach)?;
                        let kept = keep(&mut file);
                        io::copy(&mut file, &mut io::sink())?;
                        match kept {
                            Ok((sha256, file)) => {
                                names.push(sha256);
                                last = Some(file);
                            }
                            Err(error) => failed = failed.take().or(Some(error)),
                        }
                    }
                    Reply::Piece(from, length) => match raw.piece(from, length.min(PIECE)) {
                        Ok(piece) => send(&mut running.to, &piece)?,
                        // The disk's fault, not the mail's.
                        Err(error) => {
                            failed = failed.take().or(Some(error.into()));
                            return Err(breach());
                        }
                    },
                    Reply::Run(tool) => {
                        let input = last.as_mut().ok_or_else(breach)?;
                        let answer = tool::run(&program, &spool, tool, input, tools_until);
                        say(&mut running.to, &answer.is_ok())?;
                        send(&mut running.to, &answer.unwrap_or_else(String::into_bytes))?;
                    }
                    Reply::Content => {
                        let (from, words) = (&mut running.from, &mut running.words);
                        let mut content: Content = hear_into(from, words)?;
                        content.text = text_into(from, words)?.to_owned();
                        clear(words);
                        // They become names on the disk: none but what we gave ourselves.
                        for name in names_in(&mut content) {
                            let given = name.parse().ok().and_then(|n: usize| names.get(n));
                            *name = given.ok_or_else(breach)?.clone();
                        }
                        return Ok(content);
                    }
                    Reply::Drilled(_) => return Err(breach()),
                }
            }
        });
        match failed {
            Some(error) => {
                // It may be in the midst of a word.
                self.running = None;
                Err(error.context("cannot read the mail's bytes or keep its files"))
            }
            None => Ok(outcome),
        }
    }

    /// A reader that is about to read this mail, or that has nothing more to read.
    fn attentive(&mut self, next: Option<Source>) -> Result<&mut Running> {
        let other = |running: &Running| match (running.ahead.front(), next) {
            (None, _) => running.served >= MAILS,
            (Some(ahead), next) => next.and_then(Source::place) != Some(*ahead),
        };
        if self.running.as_ref().is_some_and(other) {
            self.running = None;
        }
        self.running()
    }

    fn running(&mut self) -> Result<&mut Running> {
        if self.running.is_none() {
            let started = Running::start(&self.program, self.limit);
            self.running = Some(started.context("cannot start the reader process")?);
        }
        self.running.as_mut().context("no reader")
    }
}

/// What the files and small pictures of a content are called.
fn names_in(content: &mut Content) -> impl Iterator<Item = &mut String> {
    content.files.iter_mut().flat_map(|file| {
        let details = file.details.as_mut();
        let picture = details.and_then(|details| details.thumbnail.as_mut());
        std::iter::once(&mut file.sha256).chain(picture)
    })
}

fn breach() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "it broke the protocol")
}

/// Where a mail lies in memory, by which it is known again as long as it lies there.
fn place_of(raw: &[u8]) -> (usize, usize) {
    (raw.as_ptr().addr(), raw.len())
}

/// A living reader.
struct Running {
    child: Arc<Mutex<Child>>,
    from: BufReader<ChildStdout>,
    to: BufWriter<ChildStdin>,
    watch: Arc<Watch>,
    served: usize,
    /// What it told last of a mail.
    words: Vec<u8>,
    /// Where the mails lie that it has and did not answer yet.
    ahead: VecDeque<(usize, usize)>,
    protections: String,
}

impl Running {
    fn start(program: &Path, limit: Duration) -> Result<Self> {
        let mut child = Command::new(program)
            .arg(READER)
            .env_clear()
            // Memory of one mail serves the next; glibc would give it back each time (mallopt(3)).
            .env("MALLOC_MMAP_THRESHOLD_", (8 << 20).to_string())
            .env("MALLOC_TRIM_THRESHOLD_", (16 << 20).to_string())
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .with_context(|| format!("cannot run {}", program.display()))?;
        let (to, from) = (
            child.stdin.take().context("no pipe")?,
            child.stdout.take().context("no pipe")?,
        );
        for pipe in [to.as_fd(), from.as_fd()] {
            // A kernel that will not is as good, only slower.
            let _ = rustix::pipe::fcntl_setpipe_size(pipe, BUFFER);
        }
        let child = Arc::new(Mutex::new(child));
        let mut running = Self {
            watch: Watch::start(&child).inspect_err(|_| end(&child))?,
            child,
            from: BufReader::with_capacity(BUFFER, from),
            to: BufWriter::with_capacity(BUFFER, to),
            served: 0,
            words: Vec::new(),
            ahead: VecDeque::new(),
            protections: String::new(),
        };
        running.protections = running.timed(limit, |running| hear(&mut running.from))?;
        ensure!(
            running.protections.is_ascii(),
            "the reader did not say how it is caged"
        );
        Ok(running)
    }

    /// Does something with the reader; past the limit it is killed, which ends every wait for it.
    fn timed<T>(
        &mut self,
        limit: Duration,
        work: impl FnOnce(&mut Self) -> io::Result<T>,
    ) -> io::Result<T> {
        self.watch.arm(limit);
        let outcome = work(self);
        match self.watch.disarm() {
            true => Err(io::Error::new(io::ErrorKind::TimedOut, "it took too long")),
            false => outcome,
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        end(&self.child);
    }
}

fn end(child: &Mutex<Child>) {
    if let Ok(mut child) = child.lock() {
        // It may be gone already.
        let _ = child.kill();
        let _ = child.wait();
    }
}

/// Kills a reader at its deadline. Ends by itself when the reader is dropped.
struct Watch {
    born: Instant,
    /// Milliseconds after birth; [`IDLE`] while nothing is asked, [`KILLED`] after the deadline.
    deadline: AtomicU64,
}

const IDLE: u64 = 0;
const KILLED: u64 = u64::MAX;
const GLANCE: Duration = Duration::from_millis(200);

impl Watch {
    fn start(child: &Arc<Mutex<Child>>) -> io::Result<Arc<Self>> {
        let watch = Arc::new(Self {
            born: Instant::now(),
            deadline: AtomicU64::new(IDLE),
        });
        let (watching, child) = (Arc::downgrade(&watch), Arc::downgrade(child));
        std::thread::Builder::new().spawn(move || Self::glance(&watching, &child))?;
        Ok(watch)
    }

    fn glance(watching: &Weak<Self>, child: &Weak<Mutex<Child>>) {
        while let Some(watch) = watching.upgrade() {
            let deadline = watch.deadline.load(Ordering::Acquire);
            let over = deadline != IDLE && deadline != KILLED && watch.age() > deadline;
            // Whoever disarms first wins, so that no reader dies of a mail that is done.
            if over
                && watch
                    .deadline
                    .compare_exchange(deadline, KILLED, Ordering::AcqRel, Ordering::Acquire)
                    .is_ok()
            {
                if let Some(child) = child.upgrade() {
                    let _ = child.lock().map(|mut child| child.kill());
                }
                return;
            }
            drop(watch);
            std::thread::sleep(GLANCE);
        }
    }

    fn age(&self) -> u64 {
        self.born.elapsed().as_millis() as u64
    }

    fn arm(&self, limit: Duration) {
        self.deadline.store(
            self.age() + limit.as_millis().max(1) as u64,
            Ordering::Release,
        );
    }

    /// Whether the deadline had passed.
    fn disarm(&self) -> bool {
        self.deadline.swap(IDLE, Ordering::AcqRel) == KILLED
    }
}
