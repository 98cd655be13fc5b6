//! Letters as mail, and what becomes of them on the way out.

use super::sample::*;
use crate::config::{self, Outgoing};
use crate::outgoing::*;
use mail_parser::{HeaderValue, MessageParser};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;

fn letter() -> Letter {
    reminder_at(1, at(5, 28, 11, 0))
}

fn bytes(name: &str) -> Vec<u8> {
    mail(&letter(), &sender(name), "a1@163.com", at(5, 28, 11, 0)).unwrap()
}

fn envelope() -> Envelope<'static> {
    Envelope {
        from: "lnzjhdz@163.com",
        to: "unit@example.com",
        message_id: "../a1@163.com",
    }
}

#[tokio::test]
async fn a_letter_in_a_file_reads_back_with_its_chinese_subject_whole() {
    let data = tempfile::tempdir().unwrap();
    let settings = Outgoing {
        transport: config::Transport::Files,
        ..Outgoing::default()
    };
    let transport = Transport::open(&settings, data.path()).unwrap();
    let fate = transport.send(&envelope(), &bytes("活动周")).await;
    assert_eq!(fate, Fate::Sent("_a1@163.com.eml".into()));
    let raw = std::fs::read(data.path().join("letters/_a1@163.com.eml")).unwrap();
    assert!(raw.is_ascii());
    let read = MessageParser::default().parse(&raw).unwrap();
    assert_eq!(read.subject(), Some(letter().subject.as_str()));
    assert_eq!(read.message_id(), Some("a1@163.com"));
    assert_eq!(
        read.date().unwrap().to_rfc3339(),
        "2022-05-28T11:00:00+08:00"
    );
    let automatic = HeaderValue::Text("auto-generated".into());
    assert_eq!(read.header("Auto-Submitted"), Some(&automatic));
    let text = read.body_text(0).unwrap().replace("\r\n", "\n");
    assert_eq!(text.trim_end(), letter().text.trim_end());
    assert!(read.body_html(0).unwrap().contains("</html>"));
}

#[test]
fn line_ends_in_a_display_name_add_no_header() {
    let raw = bytes("活动周\r\nBcc: evil@example.com");
    let read = MessageParser::default().parse(&raw).unwrap();
    assert_eq!(
        read.from().unwrap().first().unwrap().name(),
        Some("活动周Bcc: evil@example.com")
    );
    assert!(read.bcc().is_none());
}

/// Answers every line with the reply that its verb has here; `250 OK` where it has none.
async fn fate_before(replies: &'static [(&'static str, &'static [u8])]) -> Fate {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let (socket, _) = listener.accept().await.unwrap();
        let _ = serve(BufReader::new(socket), replies).await;
    });
    let data = tempfile::tempdir().unwrap();
    let password_file = data.path().join("code");
    std::fs::write(&password_file, "ABCDEFGHIJKLMNOP").unwrap();
    let settings = Outgoing {
        host: "127.0.0.1".into(),
        port,
        tls: config::Tls::None,
        password_file,
        ..Outgoing::default()
    };
    let transport = Transport::open(&settings, data.path()).unwrap();
    transport.send(&envelope(), &bytes("活动周")).await
}

async fn serve(
    mut stream: BufReader<tokio::net::TcpStream>,
    replies: &[(&str, &[u8])],
) -> std::io::Result<()> {
    let reply = |verb: &str| match replies.iter().find(|(known, _)| *known == verb) {
        Some((_, reply)) => reply.to_vec(),
        None if verb == "EHLO" => b"250-here\r\n250 AUTH PLAIN LOGIN\r\n".to_vec(),
        None if verb == "DATA" => b"354 go on\r\n".to_vec(),
        None if verb == "AUTH" => b"235 welcome\r\n".to_vec(),
        None => b"250 Mail OK queued as smtp11\r\n".to_vec(),
    };
    let greeting = replies.iter().find(|(verb, _)| *verb == "greeting");
    stream
        .write_all(greeting.map_or(b"220 here\r\n", |(_, reply)| reply))
        .await?;
    let (mut line, mut in_mail) = (String::new(), false);
    while {
        line.clear();
        stream.read_line(&mut line).await?
    } > 0
    {
        if in_mail && line != ".\r\n" {
            continue;
        }
        let verb = if in_mail {
            "."
        } else {
            line.get(..4).unwrap_or("").trim_end()
        };
        let answer = reply(verb);
        in_mail = verb == "DATA" && answer.starts_with(b"3");
        if answer.is_empty() {
            return Ok(());
        }
        stream.write_all(&answer).await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_letter_that_the_server_took_is_sent_though_it_hangs_up_at_quit() {
    let fate = fate_before(&[("QUIT", b"")]).await;
    assert_eq!(fate, Fate::Sent("Mail OK queued as smtp11".into()));
}

#[tokio::test]
async fn a_refused_login_is_told_apart_and_holds_no_secret() {
    let fate = fate_before(&[("AUTH", b"535 Error: authentication failed\r\n")]).await;
    assert!(
        matches!(&fate, Fate::Credentials(why) if why.contains("535") && !why.contains("ABCD")),
        "{fate:?}"
    );
}

#[tokio::test]
async fn a_refused_recipient_is_refused_for_good() {
    let fate = fate_before(&[("RCPT", b"550 Invalid User\r\n")]).await;
    assert!(
        matches!(&fate, Fate::Refused(why) if why.contains("Invalid User")),
        "{fate:?}"
    );
}

#[tokio::test]
async fn what_may_pass_is_tried_later() {
    let passing: [&[(&str, &[u8])]; 6] = [
        &[(".", b"451 DT:SPM please try again\r\n")],
        &[(".", b"554 MI:STC too many mails today\r\n")],
        &[(".", b"")],
        &[("greeting", b"554 HL:IPB\r\n")],
        &[("AUTH", b"535 \xc7\xeb\xca\xb9\xd3\xc3\r\n")],
        &[("AUTH", b"421 HL:ICC\r\n")],
    ];
    for replies in passing {
        let fate = fate_before(replies).await;
        assert!(matches!(fate, Fate::Later(_)), "{replies:?}: {fate:?}");
    }
}

#[test]
fn answers_go_to_the_watched_mailbox_where_another_account_sends() {
    let raw = |reply_to| {
        let sender = Sender {
            reply_to,
            ..sender("报送")
        };
        let bytes = mail(&letter(), &sender, "a1@163.com", at(5, 28, 11, 0)).unwrap();
        String::from_utf8(bytes).unwrap()
    };
    assert!(raw(Some("week@example.cn")).contains("Reply-To: week@example.cn\r\n"));
    assert!(!raw(None).contains("Reply-To"));
    assert!(!raw(Some("no address")).contains("Reply-To"));
}
