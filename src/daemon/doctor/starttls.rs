//! The talk with a server up to the point where TLS begins.

use anyhow::{Result, anyhow, bail};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufStream};

/// An answer has no more lines.
const MOST_LINES: usize = 50;

/// What a server speaks before TLS begins, where that is asked for by STARTTLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Speaks {
    Imap,
    Smtp,
}

/// Speaks up to the point where TLS begins.
pub async fn asked_for_tls<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    speaks: Speaks,
) -> Result<S> {
    let mut stream = BufStream::new(stream);
    match speaks {
        Speaks::Imap => {
            answer(&mut stream, "* OK", |_| true).await?;
            say(&mut stream, "a STARTTLS").await?;
            answer(&mut stream, "a OK", |line| line.starts_with("a ")).await?;
        }
        Speaks::Smtp => {
            let last = |line: &str| line.as_bytes().get(3) != Some(&b'-');
            answer(&mut stream, "220", last).await?;
            say(&mut stream, "EHLO localhost").await?;
            answer(&mut stream, "250", last).await?;
            say(&mut stream, "STARTTLS").await?;
            answer(&mut stream, "220", last).await?;
        }
    }
    Ok(stream.into_inner())
}

async fn say<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut BufStream<S>,
    line: &str,
) -> Result<()> {
    stream.write_all(format!("{line}\r\n").as_bytes()).await?;
    Ok(stream.flush().await?)
}

/// Reads up to the last line of an answer, which must begin so.
async fn answer<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut BufStream<S>,
    good: &str,
    is_last: impl Fn(&str) -> bool,
) -> Result<()> {
    for _ in 0..MOST_LINES {
        let mut line = Vec::new();
        stream.read_until(b'\n', &mut line).await?;
        let line = String::from_utf8_lossy(&line).trim_end().to_owned();
        if line.is_empty() {
            bail!("the connection ended before STARTTLS");
        }
        if is_last(&line) {
            return match line.starts_with(good) {
                true => Ok(()),
                false => Err(anyhow!("the server offers no STARTTLS: {line}")),
            };
        }
    }
    bail!("the server talks without end")
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncReadExt;

    /// What was said to a server that answers so, and whether TLS may begin.
    async fn said(speaks: Speaks, answers: &str) -> (String, bool) {
        let (ours, mut theirs) = tokio::io::duplex(4096);
        theirs.write_all(answers.as_bytes()).await.unwrap();
        let began = asked_for_tls(ours, speaks).await;
        let good = began.is_ok();
        drop(began);
        let mut heard = String::new();
        theirs.read_to_string(&mut heard).await.unwrap();
        (heard, good)
    }

    #[tokio::test]
    async fn tls_begins_only_after_the_server_agreed_to_it() {
        let imap = said(Speaks::Imap, "* OK ready\r\na OK go on\r\n").await;
        assert_eq!(imap, ("a STARTTLS\r\n".into(), true));
        let answers = "220 mail\r\n250-mail\r\n250 STARTTLS\r\n220 go on\r\n";
        let smtp = said(Speaks::Smtp, answers).await;
        assert_eq!(smtp, ("EHLO localhost\r\nSTARTTLS\r\n".into(), true));
        let refusals = [
            (Speaks::Imap, "* OK ready\r\n* CAPABILITY x\r\na BAD no\r\n"),
            (Speaks::Imap, "* BYE too many\r\n"),
            (Speaks::Smtp, "220 mail\r\n250 mail\r\n502 no\r\n"),
            (Speaks::Smtp, "554 go away\r\n"),
        ];
        for (speaks, answers) in refusals {
            assert!(!said(speaks, answers).await.1, "{answers}");
        }
    }
}
