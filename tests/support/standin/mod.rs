//! An in-process stand-in for 163.com on loopback, IMAP and SMTP, with its manners and with faults on command.

mod fetch;
mod imap;
mod smtp;
mod tls;

use chrono::{DateTime, FixedOffset, TimeDelta, Utc};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use tls::Authority;
pub use tls::Flaw;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// A byte stream, plain or under TLS.
pub trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// A mail in a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
    pub uid: u32,
    pub flags: Vec<String>,
    pub date: DateTime<FixedOffset>,
    pub raw: Arc<Vec<u8>>,
}

/// A folder.
#[derive(Debug, Clone, Default)]
pub struct Folder {
    pub flags: Vec<String>,
    pub uidvalidity: u32,
    pub mails: Vec<Mail>,
}

/// A letter that the SMTP side took.
#[derive(Debug, Clone)]
pub struct Accepted {
    pub from: String,
    pub to: Vec<String>,
    pub data: Vec<u8>,
}

/// How the IMAP side misbehaves. Those that name a command, a greeting or a number of bytes happen once; the others
/// hold until cleared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ImapFault {
    /// BYE in place of the greeting: too many connections.
    TurnAway,
    /// Bytes that are no IMAP in place of the greeting.
    OddGreeting,
    /// Nothing in place of the greeting.
    NoGreeting,
    /// The connection ends after so many bytes, whatever they answer.
    CutAfter(usize),
    /// Every answer comes in pieces of so many bytes.
    Drops(usize),
    /// ID changes nothing: every EXAMINE is answered as to a client that never sent it.
    UnsafeLogin,
    /// LOGIN is answered NO with these bytes, whatever they are.
    RefuseLogin(Vec<u8>),
    /// ID is answered with this word, NO or BAD.
    RefuseId(&'static str),
    /// A command that comes before the answer to the EXAMINE ahead of it is lost.
    HearsOne,
    /// EXAMINE of this folder is answered NO.
    RefuseExamine(String),
    /// BYE in place of an answer to this command.
    ByeAt(&'static str),
    /// The connection is closed in place of an answer.
    CloseAt(&'static str),
    /// Nothing is answered, the connection stays open.
    SilentAt(&'static str),
    /// A FETCH answer is cut after so many bytes.
    CutFetchAfter(usize),
    /// A FETCH answer stops after so many bytes, the connection stays open.
    SilentAfter(usize),
    /// FETCH of a set that holds this UID is answered NO.
    RefuseFetch(u32),
    /// FETCH of a set that holds this UID is answered BAD.
    BadFetch(u32),
    /// The mail of this UID is gone when a FETCH asks for it.
    Vanish(u32),
    /// SEARCH tells of no more than so many mails.
    SearchLimit(usize),
    /// FETCH of a set that holds this UID closes the connection.
    CloseAtFetchOf(u32),
    /// The INTERNALDATE of this UID is NIL.
    NilDate(u32),
    /// Parts are answered with the whole mail.
    IgnoreParts,
    /// Parts are answered BAD.
    RefuseParts,
    /// Literals are one byte shorter than stated.
    ShortLiterals,
    /// Literals are one byte longer than stated.
    LongLiterals,
    /// EXISTS, EXPUNGE and FLAGS of other mails in the midst of a FETCH.
    Chatter,
    /// A line that is no IMAP before the answer to a FETCH.
    Garbage,
}

/// How the SMTP side misbehaves, once for each entry. `CONNECT` is the greeting, `.` the end of the letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SmtpFault {
    /// This command is answered with this line.
    Answer(&'static str, &'static str),
    /// The connection is closed at this command.
    CloseAt(&'static str),
    /// This command is answered with bytes that are no SMTP, GBK among them.
    GarbageAt(&'static str),
    /// The connection is closed in the midst of the answer to this command.
    CutAt(&'static str),
    /// Nothing is answered to this command, the connection stays open.
    SilentAt(&'static str),
    /// The letter is taken, but its 250 never sent.
    CloseAfterDot,
    /// The same, and the connection stays open.
    SilentAfterDot,
}

#[derive(Debug, Default)]
pub struct State {
    user: String,
    password: String,
    folders: BTreeMap<String, Folder>,
    next_uid: u32,
    commands: Vec<String>,
    changes: u32,
    accepted: Vec<Accepted>,
    imap_faults: Vec<ImapFault>,
    smtp_faults: Vec<SmtpFault>,
    smtp_commands: Vec<String>,
    keeps_sent: bool,
    /// Where letters to the mailbox itself arrive, and how far the server's clock is ahead of ours.
    brings_back: Option<(&'static str, TimeDelta)>,
}

impl State {
    fn bring_back(&mut self, to: &[String], raw: &[u8]) {
        let Some((folder, ahead)) = self.brings_back.filter(|_| to.contains(&self.user)) else {
            return;
        };
        let mail = Mail {
            uid: self.next_uid,
            flags: vec![],
            date: (Utc::now() + ahead).fixed_offset(),
            raw: Arc::new(raw.to_vec()),
        };
        self.next_uid += 1;
        self.folders
            .get_mut(folder)
            .expect("a folder")
            .mails
            .push(mail);
    }

    fn keep_in_sent(&mut self, raw: &[u8]) {
        if self.keeps_sent {
            let uid = self.next_uid;
            self.next_uid += 1;
            let mail = Mail {
                uid,
                flags: vec![],
                date: DateTime::UNIX_EPOCH.fixed_offset(),
                raw: Arc::new(raw.to_vec()),
            };
            let sent = self.folders.get_mut("&XfJT0ZAB-").expect("a Sent folder");
            sent.mails.push(mail);
        }
    }
}

/// The running servers; they end when it is dropped.
pub struct Standin {
    state: Arc<Mutex<State>>,
    imap_port: u16,
    smtp_port: u16,
    authority: Option<Authority>,
    tasks: Vec<JoinHandle<()>>,
}

/// Folders of a 163.com account, as it lists them.
const FOLDERS: [(&str, &str); 8] = [
    ("INBOX", ""),
    ("&g0l6P3ux-", "\\Drafts"),
    ("&XfJT0ZAB-", "\\Sent"),
    ("&XfJSIJZk-", "\\Trash"),
    ("&V4NXPpCuTvY-", "\\Junk"),
    ("&dcVr0mWHTvZZOQ-", ""),
    ("&Xn9USpCuTvY-", ""),
    ("&i6KWBZCuTvY-", ""),
];

impl Standin {
    /// Plain TCP.
    pub async fn start(user: &str, password: &str) -> Self {
        Self::serve(user, password, None).await
    }

    /// TLS from the first byte, with a certificate authority of its own.
    pub async fn start_tls(user: &str, password: &str) -> Self {
        Self::start_tls_with(user, password, Flaw::None).await
    }

    /// The same with a certificate that should not be trusted.
    pub async fn start_tls_with(user: &str, password: &str, flaw: Flaw) -> Self {
        Self::serve(user, password, Some(Authority::new(flaw))).await
    }

    async fn serve(user: &str, password: &str, authority: Option<Authority>) -> Self {
        let mut state = State {
            user: user.into(),
            password: password.into(),
            next_uid: 1_392_611_444,
            ..State::default()
        };
        for (name, flag) in FOLDERS {
            let flags = if flag.is_empty() {
                vec![]
            } else {
                vec![flag.to_owned()]
            };
            state.folders.insert(
                name.into(),
                Folder {
                    flags,
                    uidvalidity: 1,
                    mails: vec![],
                },
            );
        }
        let state = Arc::new(Mutex::new(state));
        let imap = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let smtp = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (imap_port, smtp_port) = (
            imap.local_addr().unwrap().port(),
            smtp.local_addr().unwrap().port(),
        );
        let acceptor = authority.as_ref().map(Authority::acceptor);
        let tasks = vec![
            tokio::spawn(imap::listen(imap, acceptor.clone(), state.clone())),
            tokio::spawn(smtp::listen(smtp, acceptor, state.clone())),
        ];
        Self {
            state,
            imap_port,
            smtp_port,
            authority,
            tasks,
        }
    }

    /// Letters that SMTP takes are kept in the Sent folder, as 163.com does where the account is set so.
    pub fn keep_sent(&self) {
        self.state().keeps_sent = true;
    }

    /// Letters to the mailbox itself arrive in this folder, by a clock that is so far ahead of ours.
    pub fn bring_back(&self, folder: &'static str, ahead: TimeDelta) {
        self.state().brings_back = Some((folder, ahead));
    }

    /// What the SMTP side heard, verbs alone; `.` for the end of a letter.
    pub fn smtp_commands(&self) -> Vec<String> {
        self.state().smtp_commands.clone()
    }

    pub fn imap_port(&self) -> u16 {
        self.imap_port
    }

    pub fn smtp_port(&self) -> u16 {
        self.smtp_port
    }

    /// IMAP and SMTP.
    pub fn ports(&self) -> (u16, u16) {
        (self.imap_port, self.smtp_port)
    }

    /// The certificate authority in PEM.
    pub fn ca_pem(&self) -> String {
        self.authority.as_ref().expect("started with TLS").pem()
    }

    /// A mail arrives. UIDs are huge and sparse.
    pub fn deliver(&self, folder: &str, raw: &[u8], date: DateTime<FixedOffset>) -> u32 {
        let mut state = self.state();
        let uid = state.next_uid;
        state.next_uid += 1 + uid % 9973;
        let mail = Mail {
            uid,
            flags: vec![],
            date,
            raw: Arc::new(raw.to_vec()),
        };
        state
            .folders
            .get_mut(folder)
            .expect("a folder")
            .mails
            .push(mail);
        uid
    }

    /// A mail vanishes, as if a clerk had deleted it.
    pub fn remove(&self, folder: &str, uid: u32) {
        self.state()
            .folders
            .get_mut(folder)
            .expect("a folder")
            .mails
            .retain(|mail| mail.uid != uid);
    }

    /// A mail with a UID below those known shows up late.
    pub fn deliver_as(&self, folder: &str, uid: u32, raw: &[u8], date: DateTime<FixedOffset>) {
        let mail = Mail {
            uid,
            flags: vec![],
            date,
            raw: Arc::new(raw.to_vec()),
        };
        let mut state = self.state();
        let mails = &mut state.folders.get_mut(folder).expect("a folder").mails;
        mails.push(mail);
        mails.sort_by_key(|mail| mail.uid);
    }

    /// UIDVALIDITY changes, and with it every UID.
    pub fn renumber(&self, folder: &str, uidvalidity: u32) {
        let mut state = self.state();
        let folder = state.folders.get_mut(folder).expect("a folder");
        folder.uidvalidity = uidvalidity;
        (1..)
            .zip(&mut folder.mails)
            .for_each(|(uid, mail)| mail.uid = uid);
    }

    /// Mails with their flags, for comparing before and after.
    pub fn mails(&self, folder: &str) -> Vec<Mail> {
        self.state().folders[folder].mails.clone()
    }

    /// Commands seen that change a mailbox, or would if they were obeyed.
    pub fn changes(&self) -> u32 {
        self.state().changes
    }

    /// Every IMAP command line; passwords are left out.
    pub fn commands(&self) -> Vec<String> {
        self.state().commands.clone()
    }

    /// Forgets the commands seen.
    pub fn forget_commands(&self) {
        self.state().commands.clear();
    }

    /// Letters taken.
    pub fn accepted(&self) -> Vec<Accepted> {
        self.state().accepted.clone()
    }

    pub fn misbehave(&self, fault: ImapFault) {
        self.state().imap_faults.push(fault);
    }

    pub fn misbehave_smtp(&self, fault: SmtpFault) {
        self.state().smtp_faults.push(fault);
    }

    /// Good manners again.
    pub fn behave(&self) {
        let mut state = self.state();
        state.imap_faults.clear();
        state.smtp_faults.clear();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }
}

impl Drop for Standin {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

impl State {
    fn fault<T>(&self, find: impl FnMut(&ImapFault) -> Option<T>) -> Option<T> {
        self.imap_faults.iter().find_map(find)
    }

    /// Whether the fault is set; it is used up.
    fn take(&mut self, fault: &ImapFault) -> bool {
        let at = self.imap_faults.iter().position(|other| other == fault);
        at.map(|at| self.imap_faults.remove(at)).is_some()
    }
}
