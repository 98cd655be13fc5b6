//! The SMTP side.

use super::{Accepted, SmtpFault, State, Stream};
use base64::Engine;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

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
            let dialogue = Dialogue {
                stream: BufReader::new(stream),
                state,
                logged_in: false,
                from: String::new(),
                to: vec![],
            };
            dialogue.serve().await;
        });
    }
}

struct Dialogue {
    stream: BufReader<Box<dyn Stream>>,
    state: Arc<Mutex<State>>,
    logged_in: bool,
    from: String,
    to: Vec<String>,
}

impl Dialogue {
    async fn serve(mut self) -> Option<()> {
        if !self.disturbed("CONNECT").await? {
            self.say("220 163.com Anti-spam GT for Coremail System")
                .await?;
        }
        loop {
            let line = self.line().await?;
            let verb = line.split(' ').next().unwrap_or_default().to_uppercase();
            self.state.lock().unwrap().smtp_commands.push(verb.clone());
            if self.disturbed(&verb).await? {
                continue;
            }
            match verb.as_str() {
                "EHLO" => {
                    self.say("250-mail\r\n250-PIPELINING\r\n250-AUTH LOGIN PLAIN\r\n250 8BITMIME")
                        .await?
                }
                "AUTH" => self.authenticate(&line).await?,
                "MAIL" => self.sender(&line).await?,
                "RCPT" => {
                    self.to.push(address(&line));
                    self.say("250 Mail OK").await?;
                }
                "DATA" => self.data().await?,
                "RSET" | "NOOP" => self.say("250 OK").await?,
                "QUIT" => {
                    self.say("221 Bye").await?;
                    return None;
                }
                _ => self.say("502 Error: command not implemented").await?,
            }
        }
    }

    /// Does what a fault of this step asks for, and tells whether there was one; `None` when the connection ends with it.
    async fn disturbed(&mut self, step: &str) -> Option<bool> {
        match self.fault(step) {
            None => return Some(false),
            Some(SmtpFault::SilentAt(_)) => std::future::pending().await,
            Some(SmtpFault::Answer(_, text)) => self.say(text).await?,
            Some(SmtpFault::GarbageAt(_)) => {
                self.put(b"\xc7\xeb\xca\xb9\xd3\xc3\xca\xda\xc8\xa8\xc2\xeb?\r\n")
                    .await?;
            }
            Some(SmtpFault::CutAt(_)) => {
                self.put(b"25").await?;
                return None;
            }
            Some(_) => return None,
        }
        Some(true)
    }

    fn fault(&self, verb: &str) -> Option<SmtpFault> {
        let mut state = self.state.lock().unwrap();
        let here = |fault: &SmtpFault| matches!(fault, SmtpFault::Answer(at, _) | SmtpFault::GarbageAt(at) | SmtpFault::CutAt(at) | SmtpFault::CloseAt(at) | SmtpFault::SilentAt(at) if *at == verb);
        let at = state.smtp_faults.iter().position(here)?;
        Some(state.smtp_faults.remove(at))
    }

    async fn authenticate(&mut self, line: &str) -> Option<()> {
        let mut words = line.split(' ').skip(1);
        let plain = match (words.next()?.to_uppercase().as_str(), words.next()) {
            ("PLAIN", Some(initial)) => initial.to_owned(),
            _ => {
                self.say("334 ").await?;
                self.line().await?
            }
        };
        let decoded = base64::engine::general_purpose::STANDARD
            .decode(plain)
            .ok()?;
        let right = {
            let state = self.state.lock().unwrap();
            decoded == format!("\0{}\0{}", state.user, state.password).into_bytes()
        };
        self.logged_in = right;
        self.say(if right {
            "235 Authentication successful"
        } else {
            "535 Error: authentication failed"
        })
        .await
    }

    async fn sender(&mut self, line: &str) -> Option<()> {
        self.from = address(line);
        let user = self.state.lock().unwrap().user.clone();
        let answer = match (self.logged_in, self.from == user) {
            (false, _) => "550 User has no permission",
            (true, false) => "553 Mail from must equal authorized user",
            (true, true) => "250 Mail OK",
        };
        self.say(answer).await
    }

    async fn data(&mut self) -> Option<()> {
        self.say("354 End data with <CR><LF>.<CR><LF>").await?;
        let mut data = Vec::new();
        loop {
            let mut line = Vec::new();
            if self.stream.read_until(b'\n', &mut line).await.ok()? == 0 {
                return None;
            }
            if line == b".\r\n" {
                break;
            }
            data.extend(line.strip_prefix(b".").unwrap_or(&line));
        }
        self.state.lock().unwrap().smtp_commands.push(".".into());
        if self.disturbed(".").await? {
            return Some(());
        }
        let head = String::from_utf8_lossy(&data).to_lowercase();
        if !["from:", "to:", "subject:"]
            .iter()
            .all(|name| head.contains(name))
        {
            return self.say("554 DT:SPM").await;
        }
        let (from, to) = (self.from.clone(), std::mem::take(&mut self.to));
        let (closes, silent) = {
            let mut state = self.state.lock().unwrap();
            state.keep_in_sent(&data);
            state.bring_back(&to, &data);
            state.accepted.push(Accepted { from, to, data });
            let silent = state
                .smtp_faults
                .iter()
                .position(|fault| *fault == SmtpFault::SilentAfterDot);
            let silent = silent.map(|at| state.smtp_faults.remove(at)).is_some();
            let at = state
                .smtp_faults
                .iter()
                .position(|fault| *fault == SmtpFault::CloseAfterDot);
            (at.map(|at| state.smtp_faults.remove(at)).is_some(), silent)
        };
        if silent {
            std::future::pending::<()>().await;
        }
        if closes {
            return None;
        }
        self.say("250 Mail OK queued as smtp11,D8CowABX 1548385572")
            .await
    }

    async fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        let read = self.stream.read_line(&mut line).await.ok()?;
        (read > 0).then(|| line.trim_end().to_owned())
    }

    async fn say(&mut self, text: &str) -> Option<()> {
        self.put(format!("{text}\r\n").as_bytes()).await
    }

    async fn put(&mut self, bytes: &[u8]) -> Option<()> {
        self.stream.write_all(bytes).await.ok()?;
        self.stream.flush().await.ok()
    }
}

fn address(line: &str) -> String {
    let inner = line
        .split_once('<')
        .and_then(|(_, rest)| rest.split_once('>'));
    inner.map_or(String::new(), |(address, _)| address.to_owned())
}
