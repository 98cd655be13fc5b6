//! The IMAP side.

use super::{ImapFault, State, Stream, fetch};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

const CAPABILITY: &str = "IMAP4rev1 XLIST SPECIAL-USE ID LITERAL+ STARTTLS XAPPLEPUSHSERVICE UIDPLUS X-CM-EXT-1 APPENDLIMIT=71680000 SASL-IR AUTH=XOAUTH2";
/// A command that comes within so long of the one ahead of it did not wait for its answer.
const EARLY: Duration = Duration::from_millis(300);
/// A connection that says nothing for so long is ended.
const IDLE: Duration = Duration::from_secs(60);

pub async fn listen(listener: TcpListener, tls: Option<TlsAcceptor>, state: Arc<Mutex<State>>) {
    // A connection that is kept silent ends with its server.
    let mut connections = JoinSet::new();
    while let Ok((tcp, _)) = listener.accept().await {
        // Else the second half of an answer waits 40 ms for the acknowledgement of the first.
        let _ = tcp.set_nodelay(true);
        let (state, tls) = (state.clone(), tls.clone());
        connections.spawn(async move {
            let stream: Box<dyn Stream> = match tls {
                None => Box::new(tcp),
                Some(tls) => match tls.accept(tcp).await {
                    Ok(stream) => Box::new(stream),
                    Err(_) => return,
                },
            };
            Connection {
                stream: BufReader::new(stream),
                state,
                logged_in: false,
                identified: false,
                open: None,
                left: None,
            }
            .serve()
            .await;
        });
    }
}

/// What becomes of the connection after a command.
pub enum Next {
    Answer(Vec<u8>),
    /// Sent, and then the connection ends.
    Last(Vec<u8>),
    Close,
    /// Sent, and then nothing more; the connection stays open.
    Hush(Vec<u8>),
}

struct Connection {
    stream: BufReader<Box<dyn Stream>>,
    state: Arc<Mutex<State>>,
    logged_in: bool,
    identified: bool,
    open: Option<String>,
    /// Bytes until this connection is cut.
    left: Option<usize>,
}

impl Connection {
    async fn serve(mut self) {
        let mut next = self.greeting();
        loop {
            let (answer, goes_on) = match next {
                Next::Answer(bytes) => (bytes, true),
                Next::Last(bytes) => (bytes, false),
                Next::Close => return,
                Next::Hush(bytes) => {
                    self.put(&bytes).await;
                    return std::future::pending().await;
                }
            };
            if self.put(&answer).await.is_none() || !goes_on {
                let _ = self.stream.shutdown().await;
                return;
            }
            let Ok(Some(line)) = tokio::time::timeout(IDLE, self.line()).await else {
                return;
            };
            next = self.answer(&line);
            if line.contains("EXAMINE") && self.hears_one() {
                self.lose_a_line().await;
            }
        }
    }

    fn hears_one(&self) -> bool {
        self.state().imap_faults.contains(&ImapFault::HearsOne)
    }

    /// Notes a command that came too early, and forgets it.
    async fn lose_a_line(&mut self) {
        if let Ok(Some(line)) = tokio::time::timeout(EARLY, self.line()).await {
            let command = line.split_once(' ').map_or("", |(_, command)| command);
            self.state().commands.push(format!("lost: {command}"));
        }
    }

    fn greeting(&mut self) -> Next {
        let mut state = self.state();
        let cut = state.fault(|fault| match fault {
            ImapFault::CutAfter(after) => Some(*after),
            _ => None,
        });
        if let Some(after) = cut {
            state.take(&ImapFault::CutAfter(after));
        }
        let next = if state.take(&ImapFault::TurnAway) {
            Next::Last(b"* BYE Too many connections, please try again later\r\n".to_vec())
        } else if state.take(&ImapFault::OddGreeting) {
            Next::Answer(b"\xbb\xb6\xd3\xad 220 not for you\r\n".to_vec())
        } else if state.take(&ImapFault::NoGreeting) {
            Next::Hush(vec![])
        } else {
            Next::Answer(b"* OK IMAP4 ready\r\n".to_vec())
        };
        drop(state);
        self.left = cut;
        next
    }

    /// Writes an answer in the pieces that the faults ask for; `None` when the connection is at its end.
    async fn put(&mut self, answer: &[u8]) -> Option<()> {
        let allowed = self.left.unwrap_or(usize::MAX).min(answer.len());
        self.left = self.left.map(|left| left - allowed);
        let drops = self.state().fault(|fault| match fault {
            ImapFault::Drops(bytes) => Some(*bytes),
            _ => None,
        });
        for piece in answer[..allowed].chunks(drops.unwrap_or(usize::MAX).max(1)) {
            self.stream.write_all(piece).await.ok()?;
            self.stream.flush().await.ok()?;
        }
        (self.left != Some(0)).then_some(())
    }

    /// A command, with its literals put in place as quoted strings.
    async fn line(&mut self) -> Option<String> {
        let mut whole = String::new();
        loop {
            let mut line = Vec::new();
            if self.stream.read_until(b'\n', &mut line).await.ok()? == 0 {
                return None;
            }
            let line = String::from_utf8_lossy(&line).trim_end().to_owned();
            let Some(literal) = line
                .strip_suffix('}')
                .and_then(|line| line.rsplit_once('{'))
            else {
                return Some(whole + &line);
            };
            let waits = !literal.1.ends_with('+');
            let mut bytes = vec![0; literal.1.trim_end_matches('+').parse().ok()?];
            if waits {
                self.stream.write_all(b"+ go on\r\n").await.ok()?;
            }
            self.stream.read_exact(&mut bytes).await.ok()?;
            whole += &format!("{}\"{}\"", literal.0, String::from_utf8_lossy(&bytes));
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    fn answer(&mut self, line: &str) -> Next {
        let (tag, rest) = line.split_once(' ').unwrap_or((line, ""));
        let mut words = rest.splitn(2, ' ');
        let mut verb = words.next().unwrap_or_default().to_uppercase();
        let mut arguments = words.next().unwrap_or_default().to_owned();
        if verb == "UID" {
            let (second, more) = arguments.split_once(' ').unwrap_or((&arguments, ""));
            (verb, arguments) = (format!("UID {}", second.to_uppercase()), more.to_owned());
        }
        let shown = if verb == "LOGIN" {
            String::new()
        } else {
            arguments.clone()
        };
        self.state()
            .commands
            .push(format!("{verb} {shown}").trim_end().to_owned());
        if let Some(next) = self.scripted(&verb) {
            return next;
        }
        self.obey(tag, &verb, &arguments)
    }

    fn scripted(&self, verb: &str) -> Option<Next> {
        let mut state = self.state();
        let at = |name: &&'static str| verb == *name;
        let fault = state.fault(|fault| match fault {
            ImapFault::ByeAt(name) | ImapFault::CloseAt(name) | ImapFault::SilentAt(name)
                if at(name) =>
            {
                Some(fault.clone())
            }
            _ => None,
        })?;
        state.take(&fault);
        Some(match fault {
            ImapFault::ByeAt(_) => Next::Last(b"* BYE Autologout; idle for too long\r\n".to_vec()),
            ImapFault::CloseAt(_) => Next::Close,
            _ => Next::Hush(vec![]),
        })
    }

    fn obey(&mut self, tag: &str, verb: &str, arguments: &str) -> Next {
        let done = |text: &str| Next::Answer(format!("{tag} {text}\r\n").into_bytes());
        let with = |untagged: String, text: &str| {
            Next::Answer(format!("{untagged}{tag} {text}\r\n").into_bytes())
        };
        match verb {
            "CAPABILITY" => with(
                format!("* CAPABILITY {CAPABILITY}\r\n"),
                "OK CAPABILITY completed",
            ),
            "NOOP" => done("OK NOOP completed"),
            "LOGOUT" => Next::Last(
                format!("* BYE IMAP4 Server logging out\r\n{tag} OK LOGOUT completed\r\n")
                    .into_bytes(),
            ),
            "LOGIN" => self.login(tag, arguments),
            _ if !self.logged_in => done("BAD command not support in this state"),
            "ID" => self.identify(tag),
            "LIST" => with(self.list(), "OK LIST Completed"),
            "EXAMINE" | "SELECT" => self.examine(tag, verb, arguments),
            "UID SEARCH" => match self.search(arguments) {
                Some(found) => with(found, "OK SEARCH completed"),
                None => done("BAD Parse command error"),
            },
            "FETCH" => self.uids(tag, arguments),
            "UID FETCH" => {
                let mut state = self.state();
                match &self.open {
                    Some(folder) => fetch::fetch(&mut state, folder, tag, arguments),
                    None => done("BAD no folder is open"),
                }
            }
            "STORE" | "UID STORE" | "UID COPY" | "COPY" | "EXPUNGE" | "UID EXPUNGE" | "APPEND"
            | "DELETE" | "CREATE" => {
                self.state().changes += 1;
                done("NO the mailbox is for reading")
            }
            _ => done("BAD Parse command error"),
        }
    }

    fn login(&mut self, tag: &str, arguments: &str) -> Next {
        let refused = self.state().fault(|fault| match fault {
            ImapFault::RefuseLogin(text) => Some(text.clone()),
            _ => None,
        });
        if let Some(text) = refused {
            let mut answer = format!("{tag} NO ").into_bytes();
            answer.extend(text);
            answer.extend(b"\r\n");
            return Next::Answer(answer);
        }
        let given: Vec<&str> = arguments
            .split(' ')
            .map(|word| word.trim_matches('"'))
            .collect();
        let right = {
            let state = self.state();
            given == [state.user.as_str(), state.password.as_str()]
        };
        self.logged_in = right;
        let text = if right {
            "OK LOGIN completed"
        } else {
            "NO LOGIN Login error or password error"
        };
        Next::Answer(format!("{tag} {text}\r\n").into_bytes())
    }

    fn identify(&mut self, tag: &str) -> Next {
        let refused = self.state().fault(|fault| match fault {
            ImapFault::RefuseId(word) => Some(*word),
            _ => None,
        });
        if let Some(word) = refused {
            return Next::Answer(format!("{tag} {word} ID refused\r\n").into_bytes());
        }
        self.identified = true;
        let id = r#"* ID ("name" "Coremail Imap" "vendor" "Mailtech" "TransID" "1")"#;
        Next::Answer(format!("{id}\r\n{tag} OK ID completed\r\n").into_bytes())
    }

    fn list(&self) -> String {
        let line = |(name, folder): (&String, &super::Folder)| {
            format!("* LIST ({}) \"/\" \"{name}\"\r\n", folder.flags.join(" "))
        };
        self.state().folders.iter().map(line).collect()
    }

    fn examine(&mut self, tag: &str, verb: &str, arguments: &str) -> Next {
        let name = arguments.trim_matches('"').to_owned();
        let mut state = self.state();
        state.changes += u32::from(verb == "SELECT");
        let done = |text: &str| Next::Answer(format!("{tag} {text}\r\n").into_bytes());
        if !self.identified || state.imap_faults.contains(&ImapFault::UnsafeLogin) {
            return done(&format!(
                "NO {verb} Unsafe Login. Please contact kefu@188.com for help"
            ));
        }
        if state
            .fault(|fault| (*fault == ImapFault::RefuseExamine(name.clone())).then_some(()))
            .is_some()
        {
            return done(&format!("NO {verb} refused"));
        }
        let Some(folder) = state.folders.get(&name) else {
            return done("NO Folder not exist");
        };
        let answer = format!(
            "* {} EXISTS\r\n* 0 RECENT\r\n* OK [UIDVALIDITY {}] UIDs valid\r\n* FLAGS (\\Answered \\Seen \\Deleted \\Draft \\Flagged)\r\n{tag} OK [READ-ONLY] {verb} completed\r\n",
            folder.mails.len(),
            folder.uidvalidity
        );
        drop(state);
        self.open = Some(name);
        Next::Answer(answer.into_bytes())
    }

    /// `FETCH a:b (UID)`: message sequence numbers to UIDs.
    fn uids(&self, tag: &str, arguments: &str) -> Next {
        let state = self.state();
        let range = arguments
            .strip_suffix(" (UID)")
            .and_then(|set| set.split_once(':'));
        let (Some(open), Some((from, to))) = (&self.open, range) else {
            return Next::Answer(format!("{tag} BAD Parse command error\r\n").into_bytes());
        };
        let (from, to): (usize, usize) = (from.parse().unwrap_or(1), to.parse().unwrap_or(0));
        let mails = state.folders[open].mails.iter().enumerate();
        let lines = mails
            .map(|(at, mail)| (at + 1, mail.uid))
            .filter(|(number, _)| (from..=to).contains(number))
            .map(|(number, uid)| format!("* {number} FETCH (UID {uid})\r\n"));
        let lines: String = lines.collect();
        Next::Answer(format!("{lines}{tag} OK FETCH Completed\r\n").into_bytes())
    }

    fn search(&self, arguments: &str) -> Option<String> {
        let state = self.state();
        let uids: Vec<u32> = state
            .folders
            .get(self.open.as_ref()?)?
            .mails
            .iter()
            .map(|mail| mail.uid)
            .collect();
        let with_id = |id: &str| {
            let holds = |raw: &[u8]| String::from_utf8_lossy(raw).contains(id.trim_matches('"'));
            let mails = &state.folders[self.open.as_ref()?].mails;
            Some(
                mails
                    .iter()
                    .filter(|mail| holds(&mail.raw))
                    .map(|mail| mail.uid)
                    .collect(),
            )
        };
        let found = match arguments {
            "ALL" => uids,
            header if header.starts_with("HEADER Message-ID ") => {
                with_id(&header["HEADER Message-ID ".len()..])?
            }
            range => fetch::among(&uids, range.strip_prefix("UID ")?)?,
        };
        let limit = state.fault(|fault| match fault {
            ImapFault::SearchLimit(most) => Some(*most),
            _ => None,
        });
        let found = &found[..limit.unwrap_or(usize::MAX).min(found.len())];
        let found: Vec<String> = found.iter().map(u32::to_string).collect();
        Some(format!("* SEARCH {}\r\n", found.join(" ")).replace("SEARCH \r", "SEARCH\r"))
    }
}
